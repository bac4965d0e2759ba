"""A stock Django project; what frontdesk adds is marked with an arrow."""

import os
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from . import place

VAR = place.directory()
SECRET_KEY = place.secret_key(VAR / "secret")

# demo.py switches this on, and it refuses to serve anything but this machine.
DEBUG = os.environ.get("FRONTDESK_DEMO_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "lobby",  # first, so that its templates win over those of the apps below
    "frontdesk",  # <--
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "frontdesk.middleware.SessionMiddleware",  # <--
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "frontdesk.middleware.AuthenticationMiddleware",  # <--
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# One of these stores the sessions: make demo STORAGE=file
SESSION_STORAGES: dict[str, dict[str, Any]] = {
    "database": {"BACKEND": "frontdesk.storages.database.DatabaseStorage"},
    "cache": {
        "BACKEND": "frontdesk.storages.cache.CacheStorage",
        "OPTIONS": {"ALIAS": "sessions"},
    },
    "file": {
        "BACKEND": "frontdesk.storages.file.FileStorage",
        "OPTIONS": {"DIRECTORY": VAR / "sessions"},
    },
    "redis": {
        "BACKEND": "frontdesk.storages.redis.RedisStorage",
        "OPTIONS": {
            "URL": os.environ.get("FRONTDESK_DEMO_REDIS", "redis://127.0.0.1:6379/0"),
            "PREFIX": "frontdesk-demo:",
        },
    },
}
SESSION_STORAGE = os.environ.get("FRONTDESK_DEMO_STORAGE", "database")
if SESSION_STORAGE not in SESSION_STORAGES:
    raise ImproperlyConfigured(
        f"FRONTDESK_DEMO_STORAGE is {SESSION_STORAGE!r}. "
        f"It must be one of {', '.join(SESSION_STORAGES)}."
    )

AUTHENTICATION_BACKENDS = [
    "frontdesk.backends.ThrottleBackend",  # <--
    "django.contrib.auth.backends.ModelBackend",
]

SESSION_ENGINE = "frontdesk.engine"  # <--
FRONTDESK = {  # <--
    "STORAGE": SESSION_STORAGES[SESSION_STORAGE],
    "REMEMBER_ME": True,
    "HEADER_CARRIER": "apps",
    "API_SCOPES": {"badges:read": _("See your badges")},
}

# This cache is the memory of the process, so its sessions end with the demo.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "sessions": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "sessions",
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    },
}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR / "lobby.sqlite3",
        # Readers do not wait for the writer, and a writer waits in line instead of failing.
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "badge"

# Password-reset mails appear in the terminal. Django 6.1 has a new name for this setting.
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_FROM_EMAIL = "desk@lobby.example"

# A line per request would carry mails and addresses off the screen; problems still show.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.server": {"level": "WARNING"}},
}

ROOT_URLCONF = "lobby.urls"
WSGI_APPLICATION = "lobby.wsgi.application"
ASGI_APPLICATION = "lobby.asgi.application"
STATIC_URL = "static/"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
