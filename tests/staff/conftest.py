"""Staff, and people whose sessions they see; the site and the storages are those of tests/requests."""

import json
from contextlib import contextmanager
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.management import CommandError, call_command

from frontdesk.engine import SessionStore
from frontdesk.signals import session_ended
from frontdesk.storages import get_storage
from frontdesk.storages.base import Scans
from tests.requests.conftest import (  # noqa: F401
    _site,
    clock,
    flaky,
    limits,
    other_user,
    own_cache,
    storage_setting,
    user,
)

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def enter(who=None, *, agent=FIREFOX, ip="192.0.2.1", **values) -> SessionStore:
    """Begin a session, signed in as ``who`` or anonymous."""
    session = SessionStore()
    session.meta = {"REMOTE_ADDR": ip, "HTTP_USER_AGENT": agent}
    if who is not None:
        session[SESSION_KEY] = str(who.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = who.get_session_auth_hash()
    session.update(values)
    session.save()
    return session


def name_of(session: SessionStore) -> str:
    """The id of a session."""
    return session.session_id


def is_live(session: SessionStore) -> bool:
    return SessionStore().exists(session.session_key)


def sees_anonymous() -> bool:
    return isinstance(get_storage(), Scans)


class Said(NamedTuple):
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def frontdesk(*arguments: str) -> Said:
    """Run ``manage.py frontdesk`` in this process."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command("frontdesk", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        code, said = error.returncode, str(error)
        err.write(said)
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture
def told(django_capture_on_commit_callbacks):
    """The endings that were told: ``with told() as endings: ...``, complete at its end."""

    @contextmanager
    def listening():
        endings = []

        def listener(session_id, user_id, reason, **_):
            endings.append((session_id, user_id, reason))

        session_ended.connect(listener)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                yield endings
        finally:
            session_ended.disconnect(listener)

    return listening
