"""The project that moves. Which engine it runs on comes as JSON in the environment."""

import json
import os

from tests import services

_place = json.loads(os.environ["FRONTDESK_HAMMER"])

if any(database["ENGINE"].endswith("mysql") for database in _place["DATABASES"].values()):
    services.use_pymysql_as_mysqldb()

DATABASES = _place["DATABASES"]
CACHES = _place["CACHES"]
SESSION_ENGINE = _place["SESSION_ENGINE"]
SESSION_FILE_PATH = _place["SESSION_FILE_PATH"]
FRONTDESK = _place["FRONTDESK"]
_sessions, _auth = (
    ("frontdesk.middleware.SessionMiddleware", "frontdesk.middleware.AuthenticationMiddleware")
    if SESSION_ENGINE == "frontdesk.engine"
    else (
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    )
)

SECRET_KEY = "for-the-move-only-" + "x" * 50
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "benchmarks.moving.site"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    *(["frontdesk"] if "frontdesk" in SESSION_ENGINE else []),
]
MIDDLEWARE = [_sessions, "django.middleware.common.CommonMiddleware", _auth]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
