"""What staff see and do: the pages of the admin, and ``manage.py frontdesk``."""
