"""Staff, the users whose sessions they see, and the storages that these live in."""

import json
from contextlib import contextmanager
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client

from frontdesk.engine import SessionStore
from frontdesk.signals import session_ended
from frontdesk.storages.rows import user_id_of
from tests.fixtures import *  # noqa: F403
from tests.fixtures import DATABASE, MEMORY, use

CACHE = "frontdesk.storages.cache.CacheStorage"
FILE = "frontdesk.storages.file.FileStorage"

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(autouse=True)
def _site(site):
    """Every test here visits the site."""


@pytest.fixture(params=["database", "memory", "file", "cache"])
def storage(request, site, settings, tmp_path):
    """Run the test on a table, on storages that can list their sessions, and on one that cannot."""
    return keep_in(settings, request.param, tmp_path)


def keep_in(settings, name: str, tmp_path):
    if name == "file":
        return use(settings, FILE, DIRECTORY=str(tmp_path / "sessions"))
    if name == "cache":
        backend = "django.core.cache.backends.locmem.LocMemCache"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}
    return use(settings, {"database": DATABASE, "memory": MEMORY, "cache": CACHE}[name])


in_the_database = pytest.mark.parametrize("storage", ["database"], indirect=True)
in_memory = pytest.mark.parametrize("storage", ["memory"], indirect=True)
in_a_cache = pytest.mark.parametrize("storage", ["cache"], indirect=True)
where_all_can_be_listed = pytest.mark.parametrize(
    "storage", ["database", "memory", "file"], indirect=True
)


def enter(user=None, *, agent=FIREFOX, ip="192.0.2.1", **values) -> SessionStore:
    """Begin a session, signed in as ``user`` or anonymous."""
    session = SessionStore()
    session.meta = {"REMOTE_ADDR": ip, "HTTP_USER_AGENT": agent}
    if user is not None:
        session[SESSION_KEY] = user_id_of(user)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update(values)
    session.save()
    return session


def is_live(session: SessionStore) -> bool:
    return SessionStore().exists(session.session_key)


@pytest.fixture
def ends(django_capture_on_commit_callbacks):
    """Return the ends that were reported: ``with ends() as found: ...``, complete at its end."""

    @contextmanager
    def listening():
        found = []

        def listener(session_id, user_id, reason, **_):
            found.append((session_id, user_id, reason))

        session_ended.connect(listener)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                yield found
        finally:
            session_ended.disconnect(listener)

    return listening


# --- the admin ----------------------------------------------------------------------------------


@pytest.fixture
def staff(db):
    """Sign a member of staff in with these permissions: ``staff("view_session")``."""

    def sign_in(*permissions, superuser=False) -> Client:
        eve = get_user_model().objects.create_user(
            "eve", password="x", is_staff=True, is_superuser=superuser
        )
        eve.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(eve)
        return client

    return sign_in


@pytest.fixture
def admin(request, staff) -> Client:
    """A superuser's browser."""
    if "storage" in request.fixturenames:
        request.getfixturevalue("storage")
    return staff(superuser=True)


# --- the command --------------------------------------------------------------------------------


class Result(NamedTuple):
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def frontdesk(*arguments: str, out: StringIO | None = None) -> Result:
    """Run ``manage.py frontdesk`` in this process."""
    out, err, code = out or StringIO(), StringIO(), 0
    try:
        call_command("frontdesk", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return Result(code, out.getvalue(), err.getvalue())
