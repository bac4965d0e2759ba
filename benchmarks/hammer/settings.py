"""The project that is hammered: Django's usual middleware with frontdesk's two, nothing else.

Where things live comes as JSON in the environment, from :mod:`benchmarks.hammer.places`.
"""

import json
import os
from datetime import timedelta

from tests import services

_place = json.loads(os.environ["FRONTDESK_HAMMER"])

if any(database["ENGINE"].endswith("mysql") for database in _place["DATABASES"].values()):
    services.use_pymysql_as_mysqldb()

DATABASES = _place["DATABASES"]
CACHES = _place["CACHES"]
# No interval: every request that only reads records its activity too, and so is one more writer.
FRONTDESK = {"STORAGE": _place["STORAGE"], "ACTIVITY_INTERVAL": timedelta(0)}

SECRET_KEY = "for-the-hammer-only-" + "x" * 50
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "benchmarks.hammer.site"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "frontdesk"]
SESSION_ENGINE = "frontdesk.engine"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "frontdesk.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "frontdesk.middleware.AuthenticationMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

# One line a record, and where it comes from, so that a test can count incidents.
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
