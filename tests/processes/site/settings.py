"""The settings of the site. What differs comes as JSON in the environment, see ``places.py``."""

import json
import os
from datetime import timedelta
from typing import Any

from tests import services

_place: dict[str, Any] = json.loads(os.environ["FRONTDESK_SITE"])

DATABASES = _place["DATABASES"]
CACHES = _place["CACHES"]
SESSION_ENGINE = _place.get("SESSION_ENGINE", "frontdesk.engine")
SESSION_FILE_PATH = _place.get("SESSION_FILE_PATH")
FRONTDESK = _place.get("FRONTDESK", {})
if "ACTIVITY_INTERVAL" in FRONTDESK:
    FRONTDESK["ACTIVITY_INTERVAL"] = timedelta(seconds=FRONTDESK["ACTIVITY_INTERVAL"])

if any(database["ENGINE"].endswith("mysql") for database in DATABASES.values()):
    services.use_pymysql_as_mysqldb()

SECRET_KEY = "for-this-site-only-" + "x" * 50
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "tests.processes.site.pages"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "frontdesk",
]
_sessions, _users = (
    ("frontdesk.middleware", "frontdesk.middleware")
    if SESSION_ENGINE == "frontdesk.engine"
    else ("django.contrib.sessions.middleware", "django.contrib.auth.middleware")
)
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    f"{_sessions}.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    f"{_users}.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

# Each line names its process, so that incidents can be counted.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s [%(process)d] %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "WARNING", "propagate": False}
        for name in ("django", "frontdesk")
    },
}
