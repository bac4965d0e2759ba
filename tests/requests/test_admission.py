"""``MAX_SESSIONS_PER_USER``: held at each sign-in, also when ten arrive at once (ASVS 7.1.2)."""

import threading
from contextlib import suppress

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, update_last_login
from django.contrib.auth.signals import user_logged_in
from django.db import connections, transaction
from django.test import RequestFactory

from frontdesk import conf, sessions
from frontdesk.engine import SessionStore
from frontdesk.errors import InvalidSetting, SessionLimitReached
from frontdesk.storages.cache import CacheStorage
from frontdesk.storages.database import DatabaseStorage
from frontdesk.storages.file import FileStorage
from frontdesk.storages.memory import MemoryStorage
from frontdesk.testing.conformance.crowds import arrive_at_once
from tests import services
from tests.requests.conftest import PASSWORD, create
from tests.requests.steps import Login
from tests.storages import places

pytestmark = pytest.mark.django_db


@pytest.fixture
def allow(settings):
    """Set the limit, without making another storage."""

    def set_limit(limit, at="end_oldest"):
        settings.FRONTDESK |= {"MAX_SESSIONS_PER_USER": limit, "AT_MAX_SESSIONS": at}
        conf.options.cache_clear()

    return set_limit


@pytest.fixture
def arrive(storage_setting, new_browser, user, clock):
    """Sign in in another browser, a minute later."""

    def sign_in():
        clock.move(minutes=1)
        browser = new_browser()
        browser.answer = browser.post("/login/", {"username": "ada", "password": PASSWORD})
        return browser

    return sign_in


def test_without_a_limit_nobody_goes(arrive, user):
    browsers = [arrive() for _ in range(5)]
    assert [browser.who() for browser in browsers] == ["ada"] * 5


def test_beyond_the_limit_the_least_recently_active_goes(arrive, allow, clock):
    allow(2)
    browsers = [arrive(), arrive()]
    clock.move(minutes=1)
    browsers[0].get("/home/")  # the first one is the last one that was active
    browsers.append(arrive())
    assert [browser.who() for browser in browsers] == ["ada", "", "ada"]


def test_beyond_the_limit_a_new_one_is_refused_if_the_project_wants_that(arrive, allow):
    allow(2, "refuse")
    browsers = [arrive(), arrive(), arrive()]
    assert [browser.who() for browser in browsers] == ["ada", "ada", ""]
    assert browsers[2].answer.status_code in {200, 403}


def test_who_was_refused_has_no_session(arrive, allow, user):
    allow(1, "refuse")
    arrive()
    arrive()
    assert sessions.count(user) == 1


def test_there_is_room_again_after_a_sign_out(arrive, allow):
    allow(1, "refuse")
    first = arrive()
    first.post("/logout/")
    assert arrive().who() == "ada"


def test_signing_in_again_takes_no_other_place(arrive, allow, member):
    allow(1, "refuse")
    member.post("/login/", {"username": "ada", "password": PASSWORD})
    assert member.who() == "ada"


def test_the_limit_may_depend_on_the_user(arrive, allow, user):
    allow(lambda user: 1 if user.get_username().startswith("ada") else None)
    first, second = arrive(), arrive()
    assert (first.who(), second.who()) == ("", "ada")


@pytest.mark.parametrize("nonsense", [0, -1, "three", True])
def test_a_function_that_returns_nonsense_is_a_clear_error(rf, user, allow, nonsense):
    from frontdesk.admission import limit_for

    allow(lambda user: nonsense)
    with pytest.raises(InvalidSetting, match="whole number"):
        limit_for(user)


def test_a_refused_sign_in_is_an_error_of_its_own(storage_setting, browser, user, allow):
    allow(1, "refuse")
    caught = []

    def task(request):
        try:
            Login(request).login(user)
        except SessionLimitReached as error:
            told = [request.user, async_to_sync(request.auser)()]
            caught.append((str(error), any(user.is_authenticated for user in told)))

    browser.do(task)
    browser.cookies.clear()
    browser.do(task)
    ((message, known),) = caught
    assert "Sign out on one of them" in message
    assert known is False


# --- ten at once --------------------------------------------------------------------------------------

REFUSE = pytest.mark.parametrize("refuse", [False, True], ids=["end_oldest", "refuse"])


@REFUSE
def test_of_ten_who_arrive_at_once_three_are_in_on_memory(refuse):
    assert arrive_at_once(MemoryStorage(), "1", 3, 10, refuse=refuse) == 3


@REFUSE
def test_of_ten_who_arrive_at_once_three_are_in_on_files(tmp_path, refuse):
    storage = FileStorage(DIRECTORY=tmp_path / "sessions")
    assert arrive_at_once(storage, "1", 3, 10, refuse=refuse) == 3


@REFUSE
@services.each_database(transaction=True)
def test_of_ten_who_arrive_at_once_three_are_in_on_a_database(database, refuse):
    assert arrive_at_once(DatabaseStorage(), "1", 3, 10, refuse=refuse) == 3


@pytest.fixture
def no_last_login():
    """Django's receiver that writes last_login comes before ours or after it, or is not there at all."""
    uid = "update_last_login"
    assert user_logged_in.disconnect(dispatch_uid=uid)
    yield
    user_logged_in.connect(update_last_login, dispatch_uid=uid)


@pytest.mark.parametrize("at", ["end_oldest", "refuse"])
@services.each_database(transaction=True)
def test_of_ten_whose_views_are_transactions_three_are_in(database, allow, no_last_login, at):
    """ATOMIC_REQUESTS: what the others have stored is not committed yet when somebody counts."""
    allow(3, at)
    user, barrier, failures = create("ada"), threading.Barrier(10), []

    def arrive():
        request = RequestFactory().get("/")
        request.session, request.user = SessionStore(), AnonymousUser()
        try:
            barrier.wait(timeout=30)
            with suppress(SessionLimitReached), transaction.atomic(using=database):
                auth.login(request, user, "django.contrib.auth.backends.ModelBackend")
        except Exception as error:  # noqa: BLE001 (handed to the test)
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=arrive) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sessions.count(user) == 3


@REFUSE
@pytest.mark.parametrize("backend", ["locmem", "memcached", "redis"])
def test_of_ten_who_arrive_at_once_three_are_in_in_a_cache(request, backend, refuse):
    location = {
        "locmem": lambda: "",
        "memcached": lambda: request.getfixturevalue("memcached"),
        "redis": lambda: request.getfixturevalue("redis_url"),
    }[backend]()
    kind = {"locmem": places.LOCMEM, "memcached": places.MEMCACHED, "redis": places.REDIS}[backend]
    with places.cache_storage(kind, location):
        assert arrive_at_once(CacheStorage(ALIAS=places.ALIAS), "1", 3, 10, refuse=refuse) == 3
