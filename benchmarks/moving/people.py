"""Make people and their sessions as stock Django makes them, and write their keys as JSON.

``python -m benchmarks.moving.people NUMBER``, in the environment of the site.
"""

import json
import sys
from importlib import import_module

import django
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

USERS = 50


def main(number: int) -> None:
    django.setup()
    from django.contrib.auth import get_user_model  # noqa: PLC0415 (needs the registry)

    call_command("migrate", verbosity=0)
    engine = import_module(settings.SESSION_ENGINE).SessionStore
    with transaction.atomic():
        users = [get_user_model().objects.create(username=f"user-{n}") for n in range(USERS)]
        people = [_session(engine, users[n % (USERS + 1) - 1], n) for n in range(number)]
    json.dump(people, sys.stdout)


def _session(engine, user, number):  # type: ignore[no-untyped-def]
    """Every 51st is anonymous."""
    session = engine()
    session["mark"] = number
    if number % (USERS + 1):
        session["_auth_user_id"] = str(user.pk)
        session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return [session.session_key, user.pk if number % (USERS + 1) else None, number]


if __name__ == "__main__":
    main(int(sys.argv[1]))
