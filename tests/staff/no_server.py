"""The settings of the tests, with a database server that does not listen."""

from tests.services import free_port
from tests.settings import *  # noqa: F403

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "frontdesk",
        "HOST": "127.0.0.1",
        "PORT": free_port(),
    }
}
