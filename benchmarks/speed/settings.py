"""The project that is measured: as in production, with sessions and users as its only middleware.

What differs between the subjects comes as JSON in the environment, from :mod:`benchmarks.speed.places`.
"""

import json
import os

from tests import services

_place = json.loads(os.environ["FRONTDESK_HAMMER"])

if any(database["ENGINE"].endswith("mysql") for database in _place["DATABASES"].values()):
    services.use_pymysql_as_mysqldb()

SECRET_KEY = "for-the-benchmark-only-" + "x" * 50
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "benchmarks.speed.site"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["benchmarks.speed.hasher.FreeHasher"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
LOGGING_CONFIG = None
globals().update(_place)
