"""The throttle: what is counted, what is refused, and who still gets in."""

import asyncio
import logging
import re
import sys
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.db import connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.views.debug import ExceptionReporter

from frontdesk.core import clock as time
from frontdesk.errors import StorageUnavailable
from frontdesk.history import recording
from frontdesk.middleware import SessionMiddleware
from frontdesk.models import HistoryEntry, Throttle
from frontdesk.signals import sign_in_throttled
from frontdesk.signin import counting, throttle
from frontdesk.signin.names import folded
from frontdesk.staff import buckets
from frontdesk.storages.outage import Outage
from tests import services
from tests.fixtures import DATABASE, PASSWORD, create, sign_out, use
from tests.requests.site import step

pytestmark = pytest.mark.django_db

THROTTLE = "frontdesk.backends.ThrottleBackend"
MODEL = "django.contrib.auth.backends.ModelBackend"

sync_only = pytest.mark.parametrize("mode", ["sync"], indirect=True)


@pytest.fixture(autouse=True)
def _throttled(_site, settings, monkeypatch):
    settings.AUTHENTICATION_BACKENDS = [THROTTLE, MODEL]
    monkeypatch.setattr(throttle, "outage", Outage("The sign-in throttle", ""))
    monkeypatch.setattr(recording, "outage", Outage("The sign-in history", ""))


@pytest.fixture
def checked(monkeypatch):
    """The names whose passwords were checked against the ones that the tests type."""
    names, original = [], ModelBackend.authenticate

    def noting(self, request, username=None, password=None, **kwargs):
        if "wrong" in (password or "") or password == PASSWORD:
            names.append(username)
        return original(self, request, username, password, **kwargs)

    monkeypatch.setattr(ModelBackend, "authenticate", noting)
    return names


def attempt(browser, name="ada", password="wrong", ip="203.0.113.7", **extra):
    """Enter a password on Django's own page."""
    form = {"username": name, "password": password}
    return browser.post("/login/", form, REMOTE_ADDR=ip, **extra)


def fill(browser, times=10, **how):
    for _ in range(times):
        answer = attempt(browser, **how)
    return answer


def counts():
    """Return how many attempts each kind of bucket has counted."""
    found = {}
    for name, attempts in Throttle.objects.values_list("bucket", "attempts"):
        kind = name.partition(":")[0]
        found[kind] = found.get(kind, 0) + attempts
    return found


def is_in(response):
    return response.status_code == 302


# --- what is counted ------------------------------------------------------------------------------


@sync_only
def test_a_wrong_password_counts_for_the_account_and_the_network(browser, user):
    attempt(browser)
    assert counts() == {"account": 1, "network": 1}


@sync_only
def test_a_sign_in_leaves_no_count(browser, user):
    assert is_in(attempt(browser, password=PASSWORD))
    assert counts() == {"account": 0, "network": 0}


@sync_only
def test_a_password_that_is_proved_without_a_sign_in_leaves_no_count(browser, user):
    """As with REST framework's BasicAuthentication, which checks it with each request."""

    def task(request):
        return auth.authenticate(request, username="ada", password=PASSWORD) is not None

    assert browser.do(task).answer
    assert set(counts().values()) == {0}


@sync_only
def test_each_of_many_passwords_in_one_request_counts(browser, user, checked):
    def task(request):
        for _ in range(30):
            auth.authenticate(request, username="ada", password="wrong")

    browser.do(task)
    assert len(checked) == 10


@sync_only
def test_a_backend_that_crashes_leaves_no_count(new_browser, user, monkeypatch):
    browser = new_browser(raise_request_exception=False)

    def crash(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(ModelBackend, "authenticate", crash)
    assert attempt(browser).status_code == 500
    assert set(counts().values()) == {0}
    assert "frontdesk_device" not in browser.cookies


class ByOtherNames(ModelBackend):
    """Finds users by a phone number, or by a name that Django hides in ``user_login_failed``."""

    def authenticate(self, request, password=None, phone=None, api_user=None):
        return super().authenticate(request, phone or api_user, password)


@sync_only
@pytest.mark.parametrize("field", ["phone", "api_user"])
def test_an_account_has_its_limit_by_whatever_name_it_is_found(browser, user, settings, field):
    """django-allauth has phone numbers."""
    settings.AUTHENTICATION_BACKENDS = [THROTTLE, f"{__name__}.ByOtherNames"]

    def enter(password, ip):
        def task(request):
            return bool(auth.authenticate(request, **{field: "ada", "password": password}))

        return browser.do(task, REMOTE_ADDR=ip).answer

    assert enter(PASSWORD, "203.0.113.7")
    for number in range(10):
        assert not enter("wrong", f"198.51.{number}.7")
    assert counts() == {"account": 10, "network": 10}
    assert not enter(PASSWORD, "203.0.113.7")


def test_outside_of_a_request_nothing_is_counted(user):
    assert Client().login(username="ada", password=PASSWORD)
    for _ in range(20):
        assert not Client().login(username="ada", password="wrong")
    assert Client().login(username="ada", password=PASSWORD)
    assert counts() == {}


@sync_only
def test_what_is_no_password_is_not_counted(browser, user):
    browser.do(lambda request: auth.authenticate(request, token="t"))
    assert counts() == {}


def test_both_modes_count_the_same(browser, user):
    def task(request):
        for password in ["wrong", "wrong", PASSWORD]:
            found = yield step(auth, "authenticate", request, username="ada", password=password)
        yield step(auth, "login", request, found)

    browser.do(task)
    assert counts() == {"account": 2, "network": 2}
    assert browser.username() == "ada"


@pytest.mark.parametrize(
    "name", ["ada", "ADA", "Äda", " ada ", "a\u200bda", "\uff41\uff44\uff41", "a\x00da"]
)
def test_spellings_that_a_database_may_overlook_are_one_account(name):
    """MariaDB finds them all for "ada", so each would be ten more attempts."""
    assert folded(name) == "ada"


def test_a_dotless_i_is_an_i():
    """PostgreSQL finds it by ``iexact``, because their upper case is the same."""
    assert folded("\u0131da") == folded("IDA") == "ida"


@services.each_database(transaction=True)
def test_all_spellings_by_which_the_database_finds_a_user_are_one_account(database, browser):
    """Of MySQL's and MariaDB's collations, each finds other ones: this one has "\u00df" for "s"."""
    create("sasha")
    spellings = ["sasha", "\u00dfasha", "sa\u00dfha", "\u00dfa\u00dfha"]
    found = [name for name in spellings if get_user_model().objects.filter(username=name).exists()]
    assert len(found) == (4 if connections[database].vendor == "mysql" else 1)
    for name in found:
        attempt(browser, name)
    assert counts() == {"account": len(found), "network": len(found)}
    assert Throttle.objects.count() == 2


@services.each_database(transaction=True)
def test_all_spellings_of_a_stored_name_that_is_not_ascii_are_one_account(database, browser):
    create("wei\u00df")
    spellings = ["wei\u00df", "weis", "WEIS"]
    found = [name for name in spellings if get_user_model().objects.filter(username=name).exists()]
    assert len(found) == (3 if connections[database].vendor == "mysql" else 1)
    for name in found:
        attempt(browser, name)
    assert counts() == {"account": len(found), "network": len(found)}
    assert Throttle.objects.count() == 2


# --- what is refused ------------------------------------------------------------------------------


def test_after_ten_wrong_passwords_not_even_the_right_one_signs_in(browser, user, checked):
    fill(browser)
    assert not is_in(attempt(browser, password=PASSWORD))
    assert len(checked) == 10


@sync_only
def test_a_refusal_looks_like_a_wrong_password(new_browser, user):
    def words(response):
        text = re.sub(r'csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
        headers = {name: value for name, value in response.headers.items() if name != "Expires"}
        return response.status_code, headers, text.replace("unknown-name", "ada")

    browser = new_browser()
    tenth = fill(browser)
    eleventh = attempt(browser)
    unknown = attempt(new_browser(), name="unknown-name")
    tenth, eleventh, unknown = map(words, (tenth, eleventh, unknown))
    assert eleventh == tenth
    assert unknown[::2] == tenth[::2]


@sync_only
@pytest.mark.parametrize("name", ["ada", "unknown"])
def test_a_refusal_takes_one_hash_as_a_wrong_password_does(browser, user, monkeypatch, name):
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed, original = [], MD5PasswordHasher.encode

    def noting(self, password, salt):
        hashed.append(1)
        return original(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", noting)
    attempt(browser, name=name)
    wrong = len(hashed)
    fill(browser, name=name)
    hashed.clear()
    attempt(browser, name=name)
    assert len(hashed) == wrong == 1


@sync_only
def test_another_account_is_not_refused(browser, new_browser, user, other_user):
    fill(browser)
    assert is_in(attempt(new_browser(), "bob", PASSWORD))


@sync_only
def test_a_refused_attempt_is_counted_as_a_wrong_password_is(browser, user):
    """Otherwise it would be quicker, which tells that the account is throttled."""
    fill(browser, 30)
    assert counts() == {"account": 30, "network": 30}


@sync_only
def test_the_window_ends_and_the_next_one_is_longer(browser, user, clock, checked):
    fill(browser)
    clock.move(minutes=15)
    fill(browser, 20)
    assert len(checked) == 20
    clock.move(minutes=29)
    attempt(browser)
    assert len(checked) == 20
    clock.move(minutes=1)
    assert is_in(attempt(browser, password=PASSWORD))


@sync_only
def test_a_network_is_refused_whatever_names_it_invents(browser, user, checked):
    for number in range(120):
        answer = attempt(browser, name=f"invented-{number}", ip=f"203.0.113.{number}")
    assert len(checked) == 100
    assert answer.status_code == 200  # Django's own page knows of no 429
    assert Throttle.objects.count() == 101
    assert HistoryEntry.objects.count() <= 100


@sync_only
def test_another_network_is_not_refused(browser, new_browser, user):
    for number in range(110):
        attempt(browser, name=f"invented-{number}")
    assert is_in(attempt(new_browser(), password=PASSWORD, ip="198.51.100.1"))


@sync_only
@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
    ],
)
def test_the_network_of_an_address(browser, address, network):
    attempt(browser, ip=address)
    assert Throttle.objects.filter(pk=f"network:{network}").exists()


@sync_only
def test_behind_proxies_the_network_is_the_users(browser, set_options):
    set_options(TRUSTED_PROXY_COUNT=1)
    attempt(browser, ip="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1, 198.51.100.9")
    assert Throttle.objects.filter(pk="network:198.51.100.0/24").exists()


@sync_only
@pytest.mark.parametrize("kept", ["masked", "off"])
def test_without_client_information_the_network_is_a_hash(browser, set_options, kept):
    set_options(CLIENT_INFO=kept)
    attempt(browser)
    assert counts() == {"account": 1, "network": 1}
    assert not Throttle.objects.filter(pk__contains="203.0.113").exists()


@sync_only
def test_without_an_address_only_the_account_counts(browser, user):
    """As behind a server that listens on a Unix socket."""
    attempt(browser, ip="")
    assert counts() == {"account": 1}


@sync_only
def test_each_limit_can_be_turned_off(browser, user, set_options):
    set_options(THROTTLE_DEVICE=None, THROTTLE_ACCOUNT=None, THROTTLE_NETWORK=None)
    fill(browser, 12)
    assert is_in(attempt(browser, password=PASSWORD))
    assert counts() == {}
    assert "frontdesk_device" not in browser.cookies


@sync_only
def test_a_limit_can_be_changed(browser, user, set_options, clock, checked):
    set_options(THROTTLE_ACCOUNT=(3, timedelta(minutes=1)))
    fill(browser, 5)
    clock.move(seconds=61)
    fill(browser, 5)
    assert len(checked) == 6


@sync_only
def test_the_admins_own_page_counts_as_well(browser, user):
    user.is_staff = True
    user.save()
    form = {"username": "ada", "password": "wrong"}
    for _ in range(10):
        browser.post("/admin/login/", form)
    assert counts()["account"] == 10
    assert browser.post("/admin/login/", {**form, "password": PASSWORD}).status_code == 200


# --- known devices --------------------------------------------------------------------------------


@pytest.fixture
def known(new_browser, user):
    """A browser in which the user has signed in, and out again."""
    browser = new_browser()
    attempt(browser, password=PASSWORD)
    sign_out(browser)
    return browser


def test_strangers_cannot_keep_the_owner_out(known, new_browser, user):
    for number in range(130):
        attempt(new_browser(), ip="203.0.113.7" if number % 2 else f"198.51.{number}.7")
    assert not is_in(attempt(new_browser(), password=PASSWORD, ip="192.0.2.1"))
    assert is_in(attempt(known, password=PASSWORD))


@sync_only
def test_a_known_device_has_attempts_of_its_own(known, new_browser, user):
    before = counts()
    fill(known, 12)
    assert counts() == {**before, "device": 12}
    assert not is_in(attempt(known, password=PASSWORD))
    assert is_in(attempt(new_browser(), password=PASSWORD))


@sync_only
def test_a_device_is_known_for_its_accounts_only(known, user, other_user):
    attempt(known, "bob")
    assert counts() == {"account": 1, "network": 1}


@sync_only
@pytest.mark.parametrize("similar", ["Ada", "\u00e4da", "\u00e1da"])
def test_a_user_with_a_similar_name_gets_no_known_device_for_the_account(
    new_browser, user, checked, similar
):
    """Each sign-in of that user would make a new device known, with ten more attempts."""
    create(similar)
    strangers = [new_browser() for _ in range(3)]
    for stranger in strangers:
        assert is_in(attempt(stranger, similar, PASSWORD))
        sign_out(stranger)
    for stranger in strangers:
        fill(stranger)
    assert checked.count("ada") == 10


@sync_only
def test_a_device_is_known_for_its_last_five_accounts(known, db):
    for number in range(5):
        create(f"user{number}")
        assert is_in(attempt(known, f"user{number}", PASSWORD))
    for number in range(5):
        attempt(known, f"user{number}")
    assert counts() == {"account": 0, "network": 0, "device": 5}
    attempt(known, "ada")
    assert counts() == {"account": 1, "network": 1, "device": 5}
    assert len(known.cookies["frontdesk_device"].value) < 500


@sync_only
def test_a_cookie_that_was_not_signed_here_is_unknown(known, user):
    known.cookies["frontdesk_device"] = known.cookies["frontdesk_device"].value[:-1] + "!"
    attempt(known)
    assert counts() == {"account": 1, "network": 1}


@sync_only
def test_a_device_stays_known_when_the_secret_changes(known, user, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "n" * 50
    attempt(known)
    assert counts()["device"] == 1


@sync_only
def test_the_cookie_is_for_browsers_only_and_lasts_a_year(known):
    cookie = known.cookies["frontdesk_device"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert (cookie["max-age"], cookie["secure"]) == (365 * 86_400, "")
    assert "ada" not in cookie.value


@sync_only
def test_over_https_no_other_host_can_set_the_cookie(browser, user, settings):
    settings.SESSION_COOKIE_SECURE = True
    attempt(browser, password=PASSWORD, secure=True)
    cookie = browser.cookies["__Host-frontdesk_device"]
    assert cookie["secure"]
    assert (cookie["path"], cookie["domain"]) == ("/", "")


@sync_only
def test_a_wrong_password_makes_no_device_known(browser, user):
    attempt(browser)
    assert "frontdesk_device" not in browser.cookies


@sync_only
def test_a_password_that_is_proved_without_a_sign_in_makes_no_device_known(browser, user):
    def task(request):
        request.session["a"] = 1
        auth.authenticate(request, username="ada", password=PASSWORD)

    browser.do(task)
    assert "frontdesk_device" not in browser.cookies


@sync_only
def test_a_sign_in_after_a_wrong_password_for_another_account_knows_only_its_own(
    browser, user, other_user
):
    def task(request):
        auth.authenticate(request, username="bob", password="wrong")
        auth.login(request, auth.authenticate(request, username="ada", password=PASSWORD))

    browser.do(task)
    sign_out(browser)
    attempt(browser, "bob")
    assert counts() == {"account": 2, "network": 2}


# --- transactions and faults ----------------------------------------------------------------------


@services.each_database(transaction=True)
@sync_only
def test_a_failure_counts_even_if_its_view_is_rolled_back(database, browser, user):
    """With ATOMIC_REQUESTS, REST framework rolls back each request that it refuses."""

    def task(request):
        with transaction.atomic(using=database):
            auth.authenticate(request, username="ada", password="wrong")
            transaction.set_rollback(True, using=database)

    browser.do(task)
    assert counts() == {"account": 1, "network": 1}


@services.each_database(transaction=True)
@sync_only
@pytest.mark.parametrize("rolled_back", [True, False])
def test_in_a_transaction_a_success_leaves_no_count(database, browser, user, rolled_back):
    def task(request):
        with transaction.atomic(using=database):
            auth.authenticate(request, username="ada", password=PASSWORD)
            transaction.set_rollback(rolled_back, using=database)

    browser.do(task)
    assert set(counts().values()) <= {0}


@services.each_database(transaction=True)
@sync_only
def test_in_a_transaction_a_failure_counts_once(database, browser, user):
    def task(request):
        with transaction.atomic(using=database):
            auth.authenticate(request, username="ada", password="wrong")

    browser.do(task)
    assert counts() == {"account": 1, "network": 1}


@services.each_database(transaction=True)
@pytest.mark.parametrize("early", [True, False])
def test_a_failure_that_is_rolled_back_counts_even_if_the_client_has_gone(
    database, rf, user, early
):
    """An ASGI server then cancels the request, while the thread of a sync view runs on."""

    def view(request, cancel):
        if early:
            cancel()
        with transaction.atomic(using=database):
            auth.authenticate(request, username="ada", password="wrong")
            transaction.set_rollback(True, using=database)
        if not early:
            cancel()

    send_and_go(rf, sync_to_async(view))
    assert counts() == {"account": 1, "network": 1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("password", "left"), [("wrong", 1), (PASSWORD, 0)])
def test_only_a_sign_in_is_taken_back_if_the_client_has_gone(rf, user, password, left):
    """An async view that is cancelled may not have come to say that the password was wrong."""

    async def view(request, cancel):
        # By name, because a cancelled aauthenticate() sends no signal.
        assert await throttle.aadmit("ada")
        if password == PASSWORD:
            await auth.alogin(request, user, backend=MODEL)
        cancel()
        await asyncio.sleep(60)

    send_and_go(rf, view)
    assert counts() == {"account": left, "network": left}


def send_and_go(rf, view):
    """Make a request to ``await view(request, cancel)``, which the function ``cancel`` cancels."""

    async def respond(request):
        task, loop, done = asyncio.current_task(), asyncio.get_running_loop(), threading.Event()

        def cancel():
            loop.call_soon_threadsafe(task.cancel)
            loop.call_soon_threadsafe(loop.call_soon, done.set)
            if threading.current_thread() is not thread:
                assert done.wait(timeout=60)

        thread = threading.current_thread()
        await view(request, cancel)

    async def send():
        request = rf.post("/", REMOTE_ADDR="203.0.113.7")
        with pytest.raises(asyncio.CancelledError):
            await SessionMiddleware(respond)(request)

    async_to_sync(send)()


def test_a_database_that_cannot_count_checks_no_password(browser, user, monkeypatch, checked):
    def fail(*args, **kwargs):
        raise StorageUnavailable("down")

    monkeypatch.setattr(counting, "take", fail)
    answer = attempt(browser, password=PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert checked == []


@sync_only
def test_a_count_that_cannot_be_taken_back_stays(browser, user, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise StorageUnavailable("down")

    monkeypatch.setattr(counting, "give_back", fail)
    assert is_in(attempt(browser, password=PASSWORD))
    assert counts() == {"account": 1, "network": 1}
    assert "stay counted as failed" in caplog.text


# --- what is told ---------------------------------------------------------------------------------


@pytest.fixture
def told():
    found = []

    def receive(sender, **facts):
        found.append(facts)

    sign_in_throttled.connect(receive)
    yield found
    sign_in_throttled.disconnect(receive)


@sync_only
def test_each_full_window_is_told_once(browser, user, told, caplog, clock):
    caplog.set_level(logging.WARNING, "frontdesk")
    fill(browser, 10)
    assert told == []
    fill(browser, 5)
    assert [each["kind"] for each in told] == ["account"]
    assert (told[0]["until"] - time.to_datetime(time.now())) == timedelta(minutes=15)
    clock.move(minutes=15)
    fill(browser, 12)
    assert len(told) == 2
    assert caplog.text.count("Sign-in throttle: the bucket account:") == 2


@sync_only
def test_neither_names_nor_passwords_are_logged_or_stored(browser, user, caplog):
    fill(browser, 12, name="ada-the-first", password="wrong-and-secret")
    stored = repr(list(Throttle.objects.values()))
    for text in ("ada-the-first", "wrong-and-secret"):
        assert text not in caplog.text + stored


@pytest.mark.django_db(transaction=True)
def test_no_error_report_shows_a_password(new_browser, user, monkeypatch):
    secret, reports = "".join(["a-very-", "secret-one"]), []

    def fail(*args, **kwargs):
        raise ZeroDivisionError

    def report(request, **_kwargs):
        reports.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_html())

    def task(request):
        yield step(auth, "authenticate", request, username="ada", password=secret)

    monkeypatch.setattr(counting, "take", fail)
    got_request_exception.connect(report)
    try:
        assert new_browser(raise_request_exception=False).do(task).status_code == 500
    finally:
        got_request_exception.disconnect(report)
    (html,) = reports
    ours = html[html.index("backends.py") :]
    assert "credentials" in ours
    assert secret not in ours


@pytest.mark.django_db(transaction=True)
@sync_only
def test_the_history_tells_how_many_failed(browser, user, clock):
    from frontdesk import history

    fill(browser, 14)
    (entry,) = history.recent(user)
    assert entry.in_words == "14 failed sign-in attempts"


# --- Django around it -----------------------------------------------------------------------------


@sync_only
def test_the_session_belongs_to_the_backend_that_found_the_user(browser, user):
    attempt(browser, password=PASSWORD)
    assert browser.session[auth.BACKEND_SESSION_KEY] == MODEL


def test_the_test_client_signs_in_with_the_backend_that_has_users(user):
    client = Client()
    client.force_login(user)
    assert client.session[auth.BACKEND_SESSION_KEY] == MODEL


def test_permissions_are_those_of_the_other_backends(user):
    user.is_superuser = True
    assert user.has_perm("auth.add_user")
    user.is_superuser = False
    assert not user.has_perm("auth.add_user")
    assert user.get_all_permissions() == set()


# --- what it costs --------------------------------------------------------------------------------


@pytest.fixture
def statements(database, settings):
    """Return the statements of the throttle that a call makes."""
    use(settings, DATABASE)

    def made(function, *args, **kwargs):
        with CaptureQueriesContext(connections[database]) as seen:
            function(*args, **kwargs)
        table = Throttle._meta.db_table
        return [each["sql"].split()[0] for each in seen.captured_queries if table in each["sql"]]

    return made


@services.each_database(transaction=True)
def test_statements_of_a_failure(database, browser, user, statements):
    first = statements(attempt, browser)
    assert first == ["SELECT", "INSERT"] * 2
    assert statements(attempt, browser) == ["SELECT", "UPDATE"] * 2


@services.each_database(transaction=True)
def test_statements_of_a_sign_in(database, new_browser, user, statements):
    attempt(new_browser())
    taken, given_back = ["SELECT", "UPDATE"] * 2, ["UPDATE"] * 2
    assert statements(attempt, new_browser(), password=PASSWORD) == [*taken, *given_back]


@services.each_database(transaction=True)
def test_statements_of_a_sign_in_on_a_known_device(database, known, user, statements):
    first = statements(attempt, known, password=PASSWORD)
    assert first == ["SELECT", "INSERT", "UPDATE"]
    sign_out(known)
    assert statements(attempt, known, password=PASSWORD) == ["SELECT", "UPDATE", "UPDATE"]


@services.each_database(transaction=True)
def test_statements_of_a_refusal(database, browser, user, statements):
    """They are those of a wrong password, but for the first report."""
    fill(browser, 10)
    assert statements(attempt, browser) == [*["SELECT", "UPDATE"] * 2, "UPDATE"]
    assert statements(attempt, browser) == ["SELECT", "UPDATE"] * 2


@services.each_database(transaction=True)
def test_statements_of_a_refusal_by_network(database, browser, user, statements):
    """Nothing is written, so an attacker makes the database only read."""
    fill(browser, 101)
    assert statements(attempt, browser) == ["SELECT"]
    assert counts() == {"account": 100, "network": 100}


@services.each_database(transaction=True)
def test_an_ordinary_page_costs_nothing(database, browser, user, statements):
    attempt(browser, password=PASSWORD)
    assert statements(browser.get, "/home/") == []


# --- many at once ---------------------------------------------------------------------------------


@services.each_database(transaction=True)
@pytest.mark.parametrize("atomic", [False, True], ids=["plain", "ATOMIC_REQUESTS"])
@sync_only
def test_of_many_passwords_at_once_no_more_are_checked_than_the_limit_says(
    database, user, new_browser, checked, atomic, monkeypatch
):
    monkeypatch.setitem(connections[database].settings_dict, "ATOMIC_REQUESTS", atomic)
    threads, errors, statuses, barrier = [], [], [], threading.Barrier(20)

    def guess():
        try:
            barrier.wait(timeout=60)
            for _ in range(5):
                answer = attempt(Client(raise_request_exception=False))
                statuses.append(answer.status_code)
        except Exception as error:  # noqa: BLE001 (handed to the test)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(statuses) <= {200, 503}
    assert len(checked) <= 10
    # Each answer counts once, whether the password was wrong or refused. A 503 may have counted.
    assert statuses.count(200) <= counts()["account"] <= len(statuses) == 100


# --- forgetting -----------------------------------------------------------------------------------


@services.each_database(transaction=True)
@sync_only
def test_a_purge_of_the_sessions_deletes_what_no_longer_matters(database, browser, user, clock):
    fill(browser, 3)
    clock.move(days=1)
    call_command("clearsessions")
    assert Throttle.objects.count() == 2
    clock.move(minutes=26)
    call_command("clearsessions")
    assert Throttle.objects.count() == 0


@sync_only
def test_staff_can_clear_an_account_and_a_network(new_browser, user, other_user, known):
    fill(known, 3)
    fill(new_browser(), 3)
    fill(new_browser(), 3, name="bob")
    counting.rows().filter(buckets.of_account("Ada")).delete()
    assert counts() == {"account": 3, "network": 6}
    counting.rows().filter(buckets.of_network("203.0.113.200")).delete()
    assert counts() == {"account": 3}
