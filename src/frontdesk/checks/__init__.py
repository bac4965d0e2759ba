"""What ``manage.py check`` says. Importing this package registers the checks.

Django's own checks look for the dotted paths of Django's classes, so they say nothing about these.
"""

from frontdesk.checks import engine, settings, signin, storage

__all__ = ["engine", "settings", "signin", "storage"]
