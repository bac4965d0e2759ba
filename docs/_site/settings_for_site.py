"""The settings with which the site imports frontdesk, to read its docstrings."""

SECRET_KEY = "not used"
INSTALLED_APPS = [
    "frontdesk",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
]
USE_TZ = True
