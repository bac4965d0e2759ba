"""The subcommands of ``manage.py frontdesk``: one module for each subject."""
