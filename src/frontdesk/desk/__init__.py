"""The subcommands of ``manage.py frontdesk``, one idea a module.

A subcommand meets :class:`frontdesk.desk.subcommand.Subcommand` and stands in ``SUBCOMMANDS`` of
:mod:`frontdesk.management.commands.frontdesk`. Like Django's own commands, they speak English.
"""
