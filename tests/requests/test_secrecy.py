"""A key is in the browser and nowhere else: not stored, not logged, not shown, not in error reports."""

import json
import logging
import pickle
import re
import traceback
from io import StringIO

import pytest
import sentry_sdk
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DjangosStore
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter
from sentry_sdk.transport import Transport

from frontdesk import conf, sessions
from frontdesk.core import credentials
from frontdesk.core.flow import run
from frontdesk.core.keys import Key
from frontdesk.engine import SessionStore
from frontdesk.errors import StorageUnavailable
from frontdesk.http import transport
from frontdesk.models import HistoryEntry
from frontdesk.storages import get_storage
from tests.fixtures import DATABASE, MEMORY, PASSWORD, sign_in, sign_out, use
from tests.requests.site import current_user, step

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(monkeypatch):
    """Every key and secret that is made during the test."""
    made, new, with_new_secret = [], Key.new.__func__, Key.with_new_secret

    def noting(key):
        made.append(str(key))
        return key

    monkeypatch.setattr(Key, "new", classmethod(lambda cls: noting(new(cls))))
    monkeypatch.setattr(Key, "with_new_secret", lambda self: noting(with_new_secret(self)))
    return made


def found(keys, *texts):
    """Return the keys whose secret part is in one of ``texts``."""
    return [key for key in keys if any(key[15:] in text for text in texts)]


# --- error reports: Django's, the mail to ADMINS, and Sentry's ----------------------------------


class Mail(AdminEmailHandler):
    """Django's handler, which mails error reports to ADMINS, with the HTML page."""

    def __init__(self):
        super().__init__(include_html=True)
        self.records = []
        self._sent = []

    def emit(self, record):
        # Not written at once, because under ASGI this is another thread, whose database is not the test's.
        self.records.append(record)

    def send_mail(self, subject, message, *args, **kwargs):
        self._sent += [subject, message, kwargs["html_message"]]

    def sent(self):
        self._sent = []
        for record in self.records:
            super().emit(record)
        return list(map(str, self._sent))


@pytest.fixture
def mail():
    handler = Mail()
    loggers = [logging.getLogger(name) for name in ("django.request", "frontdesk")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


class Kept(Transport):
    """Keeps what Sentry's client would send."""

    def __init__(self):
        super().__init__()
        self.events = []

    def capture_envelope(self, envelope):
        self.events.append(json.dumps(envelope.get_event()))


def event_of(error):
    """Return what Sentry's client would send about ``error``, with the local variables of all frames."""
    kept = Kept()
    client = sentry_sdk.Client(
        "http://public@sentry.invalid/1",
        transport=kept,
        default_integrations=False,
        max_value_length=10**6,
    )
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        sentry_sdk.capture_exception(error)
    (event,) = kept.events
    return event


def reports(response, mail):
    """Return Sentry's event about the error behind ``response``, and the mail with its HTML page."""
    return [event_of(response.exc_info[1]), *mail.sent()]


def variables(error):
    """Return the local variables of all frames in full. Other tools cut them less than Sentry and Django."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return [repr(value) for frame in frames if is_ours(frame) for value in frame.f_locals.values()]


def is_ours(frame):
    return frame.f_globals["__name__"].startswith("frontdesk.")


READS = {
    "session": lambda request: (yield step(request.session, "get", "cart")),
    "user": lambda request: (yield current_user(request)).pk,
    "exists": lambda request: request.session.exists(Key(request.session.session_key)),
    "list": lambda request: sessions.for_user(User.objects.get()),
}
WRITES = {
    "write": lambda request: request.session.update({"cart": 2}),
    "sign-in": lambda request: auth.login(request, User.objects.get()),
    "sign-out": auth.logout,
    "rotation": lambda request: (yield step(request.session, "cycle_key")),
    "flush": lambda request: (yield step(request.session, "flush")),
    "save": lambda request: (request.session.update({"a": 1}), request.session.save()),
    "delete": lambda request: (yield step(request.session, "delete")),
    "modify": lambda request: (yield step(request.session, "modify", "n", lambda n: n, 1)),
    "expiry": lambda request: (yield step(request.session, "set_expiry", 600)),
    "end others": lambda request: (yield step(sessions, "end_others", request)),
    "end all": lambda request: sessions.end_all(User.objects.get()),
    "create": lambda request: (yield step(request.session, "create")),
}
FAULTS = [
    *(pytest.param(task, "load", id=f"load {name}") for name, task in READS.items()),
    *(pytest.param(task, "load", id=f"load {name}") for name, task in list(WRITES.items())[:-1]),
    *(pytest.param(task, "swap", id=f"swap {name}") for name, task in WRITES.items()),
]


class Broken(Exception):
    """What a storage raises that is no outage, as for a missing column."""


@pytest.mark.parametrize(("task", "primitive"), FAULTS)
def test_no_error_report_holds_a_key(flaky, new_browser, user, keys, mail, task, primitive):
    """Frames of a traceback show their local variables."""
    browser = new_browser(raise_request_exception=False)
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    new_browser().force_login(user)
    flaky.error = Broken("column frontdesk_session.secret does not exist")
    flaky.down = {primitive}
    response = browser.do(task)
    assert response.status_code == 500
    assert keys
    texts = reports(response, mail)
    assert all("Broken" in text for text in (texts[0], texts[-1]))
    # The view's error, and that of the middleware, which asks for the session again.
    errors = [response.exc_info[1], *(each.exc_info[1] for each in mail.records if each.exc_info)]
    assert found(keys, *texts, *(text for error in errors for text in variables(error))) == []


@pytest.fixture
def program(flaky, settings, user, new_browser, keys):
    """``program(task)``: a program that sends its key in a header performs the task."""
    settings.FRONTDESK["HEADER_CARRIER"] = "anyone"  # assigned, it would make another storage
    conf.options.cache_clear()
    new_browser().force_login(user)  # another one, which can be ended
    session = SessionStore()
    session.carrier = transport.HEADER
    session.update(
        {
            auth.SESSION_KEY: str(user.pk),
            auth.BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            auth.HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
    )
    session.save()
    sent = credentials.credential_of(credentials.SESSION, session.live_key)
    browser = new_browser(raise_request_exception=False)
    return lambda task: browser.do(task, headers={"Authorization": f"Bearer {sent}"})


@pytest.mark.parametrize(("task", "primitive"), FAULTS)
def test_no_error_report_holds_a_key_of_a_program(flaky, program, keys, mail, task, primitive):
    assert program(lambda request: request.user.get_username()).answer == "ada"
    flaky.error = Broken("column frontdesk_session.secret does not exist")
    flaky.down = {primitive}
    response = program(task)
    assert response.status_code == 500
    assert keys
    texts = reports(response, mail)
    assert all("Broken" in text for text in (texts[0], texts[-1]))
    errors = [response.exc_info[1], *(each.exc_info[1] for each in mail.records if each.exc_info)]
    assert found(keys, *texts, *(text for error in errors for text in variables(error))) == []


@pytest.mark.parametrize("primitive", ["load", "swap"])
def test_no_error_report_holds_a_key_when_a_session_moves(
    flaky, new_browser, settings, mail, primitive, user
):
    """A key of Django's, in ``MIGRATE_FROM``."""
    settings.FRONTDESK["MIGRATE_FROM"] = "django.contrib.sessions.backends.db"
    storage = use(settings, "tests.requests.doubles.Flaky")
    old = DjangosStore()
    old["cart"] = 1
    old.save()
    browser = new_browser(raise_request_exception=False)
    browser.key = old.session_key
    storage.error, storage.down = Broken("no such column"), {primitive}
    response = browser.do(lambda request: request.session.get("cart"))
    assert response.status_code == 500
    assert [text for text in reports(response, mail) if old.session_key in text] == []


def test_no_error_report_holds_a_key_when_djangos_engine_fails(
    new_browser, settings, mail, monkeypatch, user
):
    settings.FRONTDESK["MIGRATE_FROM"] = "django.contrib.sessions.backends.db"
    use(settings, MEMORY)

    def broken(self):
        key = str(self.session_key)
        raise ZeroDivisionError(key)

    monkeypatch.setattr(DjangosStore, "load", broken)
    browser, errors = new_browser(), []
    browser.key = "a1" * 16

    def task(request):
        with pytest.raises(StorageUnavailable) as caught:
            request.session.get("cart")
        errors.append(caught.value)

    browser.do(task)
    html = ExceptionReporter(None, StorageUnavailable, errors[0], errors[0].__traceback__)
    assert browser.key not in html.get_traceback_html()
    assert browser.key not in event_of(errors[0])


class Refuses:
    """A value that no serializer takes."""


@pytest.mark.parametrize("explicit", [False, True])
def test_no_error_report_holds_a_key_when_a_value_is_wrong(new_browser, user, keys, mail, explicit):
    browser = new_browser(raise_request_exception=False)
    sign_in(browser, user)

    def task(request):
        request.session["value"] = Refuses()
        if explicit:
            request.session.cycle_key()

    response = browser.do(task)
    assert response.status_code == 500
    texts = reports(response, mail)
    assert re.search("frontdesk/http", texts[-1])
    assert found(keys, *texts) == []


def test_the_search_would_find_a_key(new_browser, user, keys, mail):
    browser = new_browser(raise_request_exception=False)
    sign_in(browser, user)

    def task(request):
        leak = str(request.session.session_key)
        raise ZeroDivisionError(len(leak))

    response = browser.do(task)
    texts = reports(response, mail)
    assert [bool(found(keys, text)) for text in texts] == [True, False, False, True]


# --- logs ---------------------------------------------------------------------------------------


@pytest.fixture
def life(browser, user, clock):
    """Go through all that a session meets: written, signed in, rotated, used, signed out."""

    def live():
        browser.put(cart=["lamp"])
        sign_in(browser, user)
        browser.put(cart=["sofa"])
        browser.do(lambda request: request.session.cycle_key())
        clock.move(minutes=5)
        browser.username()

    return live


def test_the_log_holds_no_key(life, browser, keys, caplog):
    """OWASP ASVS 16.2.5."""
    caplog.set_level(logging.DEBUG)
    life()
    sign_out(browser)
    assert len(keys) == 3
    assert found(keys, caplog.text) == []


def test_the_log_of_an_outage_holds_no_key(flaky, member, keys, mail, caplog):
    caplog.set_level(logging.DEBUG)
    flaky.down = {"load", "swap"}
    member.get("/home/")
    assert "the server is gone" in caplog.text
    assert [record.exc_info for record in caplog.records if record.name == "frontdesk"] == [None]
    assert found(keys, caplog.text, repr([vars(each) for each in caplog.records])) == []
    assert mail.records
    assert found(keys, *mail.sent()) == []


# --- storages -----------------------------------------------------------------------------------


def dump_database():
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += [(table, *row) for row in cursor.fetchall()]
    return repr(rows)


@pytest.mark.parametrize("signed_out", [False, True])
def test_the_database_holds_and_sees_only_digests(life, browser, keys, user, settings, signed_out):
    """Neither its rows nor its statements nor, on SQLite, its pages, which keep what was deleted."""
    use(settings, DATABASE)
    with CaptureQueriesContext(connection) as seen:
        life()
        key = Key(browser.key)
        if signed_out:
            sign_out(browser)
    pages = connection.connection.serialize() if connection.vendor == "sqlite" else b""
    stored = [dump_database(), repr(seen.captured_queries), pages.decode("latin-1")]
    assert key.digest in stored[0]
    assert key.digest in stored[1]
    assert len(keys) == 3
    assert found(keys, *stored) == []


def test_a_record_holds_no_key(member, keys):
    record = run(get_storage().read(member.key[:15]))
    assert record.secret == Key(member.key).digest
    assert found(keys, repr(record), pickle.dumps(record).decode("latin-1")) == []


# --- what is shown ------------------------------------------------------------------------------


def test_no_page_shows_the_key(member, user):
    """OWASP ASVS 3.3.4."""
    User.objects.update(is_staff=True, is_superuser=True)
    for page in ("/home/", "/admin/", "/admin/auth/user/", f"/admin/auth/user/{user.pk}/change/"):
        response = member.get(page)
        assert response.status_code == 200
        assert member.key[15:] not in response.content.decode()
        assert member.key[15:] not in repr(response.headers)


def admin_pages(session_id):
    yield "/admin/frontdesk/session/"
    yield f"/admin/frontdesk/session/{session_id}/change/"
    yield f"/admin/frontdesk/session/?q={session_id}"
    yield "/admin/frontdesk/historyentry/"
    for entry in HistoryEntry.objects.all():
        yield f"/admin/frontdesk/historyentry/{entry.pk}/change/"


def test_neither_exports_nor_staffs_lists_hold_a_key(
    life, browser, keys, user, settings, django_capture_on_commit_callbacks
):
    """``dumpdata``, the command and the admin. They show ids, and the admin no digest either."""
    use(settings, DATABASE)
    with django_capture_on_commit_callbacks(execute=True):
        life()
    User.objects.update(is_staff=True, is_superuser=True)
    session_id, digest = browser.key[:15], Key(browser.key).digest

    def told(*arguments):
        call_command(*arguments, stdout=(out := StringIO()))
        return out.getvalue()

    exported = told("dumpdata")
    listed = [told("frontdesk", "list", *json) for json in ([], ["--json"])]
    pages = [browser.get(page, follow=True) for page in admin_pages(session_id)]
    assert len(pages) > 4
    assert {page.status_code for page in pages} == {200}
    shown = [page.content.decode() for page in pages]
    assert all(session_id in text for text in (exported, *listed, *shown[:3]))
    assert digest in exported
    assert len(keys) == 3
    assert found(keys, exported, *listed, *shown) == []
    assert [text for text in (*listed, *shown) if digest in text] == []


def test_session_info_holds_no_key(member, keys):
    info = member.do(sessions.current).answer
    assert info.id == member.key[:15]
    assert found(keys, repr(info), pickle.dumps(info).decode("latin-1")) == []


def test_the_session_does_not_show_its_key(member, keys):
    def task(request):
        return repr(request.session), str(request.session), repr(vars(request.session))

    assert found(keys, *member.do(task).answer) == []


@pytest.mark.parametrize("length", [32, 40])
def test_a_key_shows_its_id_only(length):
    key = Key("a1" * (length // 2))
    session = SessionStore(key)
    for shown in (repr(key), repr([key]), repr({"key": key}), repr(vars(session))):
        assert key[15:] not in shown
    assert key.id in repr(key)
