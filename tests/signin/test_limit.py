"""``MAX_SESSIONS_PER_USER``: how many sessions a user may have (OWASP ASVS 7.1.2)."""

import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.db import connections, transaction
from django.test import RequestFactory

from frontdesk import conf, sessions
from frontdesk.core import clock as time
from frontdesk.core.flow import run
from frontdesk.core.record import Record
from frontdesk.errors import InvalidSetting, SessionLimitReached
from frontdesk.http.session import SessionStore
from frontdesk.models import HistoryEntry
from frontdesk.signals import Reason, sessions_ended
from frontdesk.signin import limit
from frontdesk.storages import get_storage
from frontdesk.storages.memory import MemoryStorage
from frontdesk.storages.rows import user_id_of
from tests import services
from tests.fixtures import DATABASE, create, sign_in, use
from tests.requests.site import step
from tests.signin.conftest import every_order

pytestmark = pytest.mark.django_db

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Login:
    """``login()`` and ``alogin()`` as steps. ``refusal`` is what the last one raised, if it did."""

    def __init__(self, request):
        self.request = request
        self.refusal = None

    def login(self, user):
        auth.login(self.request, user, BACKEND)

    async def alogin(self, user):
        await auth.alogin(self.request, user, BACKEND)

    def try_login(self, user):
        try:
            self.login(user)
        except SessionLimitReached as refusal:
            self.refusal = refusal

    async def atry_login(self, user):
        try:
            await self.alogin(user)
        except SessionLimitReached as refusal:
            self.refusal = refusal


@pytest.fixture
def arrive(new_browser, user, clock):
    """Sign in with another browser, a minute later."""

    def sign_in_elsewhere():
        clock.move(minutes=1)
        browser = new_browser()
        browser.response = sign_in(browser, user)
        return browser

    return sign_in_elsewhere


def names(*browsers):
    return [browser.username() for browser in browsers]


def fill(user, number, **fields):
    """Store sessions of ``user`` that begin now."""
    now, ids = time.now(), []
    for place in range(number):
        ids.append(f"{place:015}")
        values = {"id": ids[-1], "secret": "", "user_id": user_id_of(user), "created": now}
        times = {
            "authenticated": now,
            "last_seen": now,
            "idle": time.DAY,
            "deadline": now + time.DAY,
        }
        run(get_storage().insert(Record(**{**values, **times, **fields})))
    return ids


# --- end_oldest -----------------------------------------------------------------------------------


def test_the_least_recently_used_session_ends(arrive, set_options, clock):
    set_options(MAX_SESSIONS_PER_USER=2)
    first, second = arrive(), arrive()
    clock.move(minutes=2)
    first.get("/home/")
    third = arrive()
    assert names(first, second, third) == ["ada", "", "ada"]


def test_a_hundred_sessions_are_the_default_maximum(arrive, user):
    assert conf.options().max_sessions_per_user == 100
    fill(user, 100)
    assert arrive().username() == "ada"
    assert sessions.count(user) == 100


def test_without_a_maximum_none_ends(arrive, user, set_options):
    set_options(MAX_SESSIONS_PER_USER=None)
    fill(user, 101)
    arrive()
    assert sessions.count(user) == 102


def test_the_end_is_reported_with_its_reason(arrive, set_options):
    ends = []

    def receiver(ends, collected=ends, **kwargs):
        collected.extend(ends)

    set_options(MAX_SESSIONS_PER_USER=1)
    sessions_ended.connect(receiver)
    try:
        arrive(), arrive()
    finally:
        sessions_ended.disconnect(receiver)
    assert [end.reason for end in ends] == [Reason.LIMIT]


def test_signing_in_again_ends_no_other_session(arrive, set_options, user):
    set_options(MAX_SESSIONS_PER_USER=2)
    first, second = arrive(), arrive()
    sign_in(second, user)
    assert names(first, second) == ["ada", "ada"]


def test_a_sign_in_whose_view_fails_ends_nothing(arrive, new_browser, user, set_options):
    set_options(MAX_SESSIONS_PER_USER=1)
    first, failing = arrive(), new_browser(raise_request_exception=False)

    def task(request):
        yield step(Login(request), "login", user)
        raise ZeroDivisionError

    failing.do(task)
    assert names(first, failing) == ["ada", ""]


def test_a_sign_in_for_a_token_ends_nothing(arrive, user, rf, set_options):
    set_options(MAX_SESSIONS_PER_USER=1)
    first = arrive()
    request = rf.get("/")
    request.session = SessionStore("a" * 40)
    user_logged_in.send(sender=None, request=request, user=user)
    assert first.username() == "ada"


# --- the newest sign-in stays ---------------------------------------------------------------------


def test_use_by_a_server_whose_clock_is_ahead_keeps_no_user_out(arrive, set_options, clock):
    set_options(MAX_SESSIONS_PER_USER=1)
    thief = arrive()
    clock.move(minutes=10)
    thief.get("/home/")
    clock.move(minutes=-10)
    assert names(arrive(), thief) == ["ada", ""]


def test_a_sign_in_by_a_server_whose_clock_is_ahead_keeps_no_user_out(arrive, set_options, clock):
    set_options(MAX_SESSIONS_PER_USER=1)
    clock.move(minutes=10)
    thief = arrive()
    clock.move(minutes=-10)
    assert names(arrive(), thief) == ["ada", ""]


def storing(storage, record, maximum=1):
    """The flow of a sign-in from when its session is stored."""
    yield from storage.insert(record)
    yield from limit._ending_surplus(storage, record.id, "1", maximum)


def using(storage, record):
    """The flow of two requests that use a session."""
    for _ in range(2):
        after = yield from storage.change(
            record, lambda each: replace(each, last_seen=each.last_seen + time.MINUTE)
        )
        if after is None:
            return
        record = after


NOW = time.now()


def a_record(id, at):
    times = {"created": at, "authenticated": at, "last_seen": at, "deadline": NOW + time.DAY}
    return Record(id=id * 15, secret="", user_id="1", idle=time.DAY, **times)


def live(storage):
    return {each.id[0] for each in run(storage.of_user("1"))}


def test_a_session_in_use_keeps_no_user_out_in_any_order():
    world = {}

    def begin():
        world["storage"] = storage = MemoryStorage()
        thief = a_record("t", NOW - time.MINUTE)
        run(storage.insert(thief))
        return [storing(storage, a_record("a", NOW)), using(storage, thief)]

    orders = 0
    for _ in every_order(begin):
        assert live(world["storage"]) == {"a"}
        orders += 1
    assert orders > 50


@pytest.mark.parametrize("mode_at_maximum", ["end_oldest", "refuse"])
@pytest.mark.parametrize("times", [(NOW, NOW + 1), (NOW + 1, NOW)])
def test_of_two_sign_ins_at_once_one_stays_in_any_order(set_options, mode_at_maximum, times):
    set_options(AT_MAX_SESSIONS=mode_at_maximum)
    world = {}

    def begin():
        world["storage"] = storage = MemoryStorage()
        records = [a_record(id, at) for id, at in zip("ab", times, strict=True)]
        return [storing(storage, record) for record in records]

    first, last = ("a", "b") if times[0] < times[1] else ("b", "a")
    for _ in every_order(begin):
        assert live(world["storage"]) == {last if mode_at_maximum == "end_oldest" else first}


def test_of_sign_ins_at_once_as_many_stay_as_are_allowed(user, set_options):
    """Each in a thread, as in a server."""
    set_options(MAX_SESSIONS_PER_USER=3, HISTORY_RETENTION=None)
    assert arrive_at_once(user) == []
    assert sessions.count(user) == 3


def arrive_at_once(user, alias=None):
    """Sign in ten times at once; with ``alias`` each in a transaction, as with ATOMIC_REQUESTS."""
    barrier, errors = threading.Barrier(10), []

    def arrive():
        request = RequestFactory().get("/")
        request.session, request.user = SessionStore(), AnonymousUser()
        try:
            barrier.wait(timeout=60)
            with suppress(SessionLimitReached):
                if alias is None:
                    request.session[auth.SESSION_KEY] = str(user.pk)
                    limit.hold_to_maximum(request, user)
                    request.session.save()
                else:
                    with transaction.atomic(using=alias):
                        auth.login(request, user, BACKEND)
                        request.session.save()
        except Exception as error:  # noqa: BLE001 (handed to the test)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=arrive) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("at", ["end_oldest", "refuse"])
@services.each_database(transaction=True)
def test_the_maximum_holds_where_each_view_is_a_transaction(database, settings, set_options, at):
    use(settings, DATABASE)
    set_options(MAX_SESSIONS_PER_USER=3, AT_MAX_SESSIONS=at)
    user = create("ada")
    if connections[database].vendor != "sqlite":
        # Django writes the time of the sign-in to the user's row, so that the others wait for it. In SQLite
        # they have to: a transaction that reads first is "locked" if another has written since.
        user.save = lambda **kwargs: None
    assert arrive_at_once(user, database) == []
    assert sessions.count(user) == 3


# --- refuse ---------------------------------------------------------------------------------------


@pytest.fixture
def refusing(set_options):
    set_options(MAX_SESSIONS_PER_USER=1, AT_MAX_SESSIONS="refuse")


@pytest.fixture
def try_to_sign_in(user):
    """Sign in, note the refusal, and make room if told so. Return who is known right after that."""

    def visit(browser, make_room=False):
        def task(request):
            views_own = Login(request)
            yield step(views_own, "try_login", user)
            browser.refusal = views_own.refusal
            if make_room:
                yield step(views_own.refusal, "make_room")
                yield step(views_own, "login", user)
            return request.user.get_username()

        return browser.do(task).answer

    return visit


def test_a_sign_in_beyond_the_maximum_is_refused(arrive, new_browser, refusing, try_to_sign_in):
    first, second = arrive(), new_browser()
    assert try_to_sign_in(second) == ""
    assert "Sign out on one of them" in str(second.refusal)
    assert names(first, second) == ["ada", ""]


def test_without_a_view_that_catches_it_a_refusal_is_a_403(arrive, refusing):
    arrive()
    assert arrive().response.status_code == 403


def test_a_refused_sign_in_leaves_no_trace(arrive, new_browser, user, refusing, try_to_sign_in):
    arrive()
    ended, history = [], HistoryEntry.objects.count()

    def receiver(ends, **kwargs):
        ended.extend(ends)

    sessions_ended.connect(receiver)
    try:
        try_to_sign_in(browser := new_browser())
    finally:
        sessions_ended.disconnect(receiver)
    assert (browser.key, sessions.count(user), ended) == ("", 1, [])
    assert HistoryEntry.objects.count() == history


def test_a_refused_sign_in_keeps_the_anonymous_session(
    arrive, new_browser, refusing, try_to_sign_in
):
    arrive()
    browser = new_browser()
    browser.put(cart=["lamp"])
    try_to_sign_in(browser)
    assert (browser.username(), browser.values()) == ("", {"cart": ["lamp"]})


def test_a_sign_out_makes_room(arrive, refusing):
    arrive().post("/logout/")
    assert arrive().username() == "ada"


def test_signing_in_again_needs_no_room(member, user, refusing):
    sign_in(member, user)
    assert member.username() == "ada"


def test_a_refusal_names_the_session_that_would_end(arrive, new_browser, refusing, try_to_sign_in):
    first, second = arrive(), new_browser()
    try_to_sign_in(second)
    (would_end,) = second.refusal.would_end
    assert would_end.id == first.do(sessions.current).answer.id


def test_a_refused_user_can_end_the_least_recently_used_session(
    arrive, new_browser, set_options, try_to_sign_in
):
    set_options(MAX_SESSIONS_PER_USER=2, AT_MAX_SESSIONS="refuse")
    first, second, third = arrive(), arrive(), new_browser()
    assert try_to_sign_in(third, make_room=True) == "ada"
    assert names(first, second, third) == ["", "ada", "ada"]


def test_making_room_ends_all_that_is_beyond_a_lowered_maximum(
    user, refusing, try_to_sign_in, browser
):
    fill(user, 3)
    try_to_sign_in(browser, make_room=True)
    assert len(browser.refusal.would_end) == 3
    assert sessions.count(user) == 1


# --- a maximum by a function ----------------------------------------------------------------------


def test_the_maximum_may_depend_on_the_user_and_the_request(arrive, set_options):
    def maximum(user, request):
        return (
            1
            if user.get_username() == "ada" and request.path.startswith(("/do/", "/ado/"))
            else None
        )

    set_options(MAX_SESSIONS_PER_USER=maximum)
    assert names(arrive(), arrive()) == ["", "ada"]


@pytest.mark.parametrize("nonsense", [0, -1, "three", True])
def test_a_function_that_returns_nonsense_is_a_clear_error(rf, user, set_options, nonsense):
    set_options(MAX_SESSIONS_PER_USER=lambda user, request: nonsense)
    with pytest.raises(InvalidSetting, match="whole number"):
        limit.maximum_for(user, rf.get("/"))


# --- staff who act as a user ----------------------------------------------------------------------


@pytest.fixture
def hijack(new_browser, user, other_user):
    """Sign staff in as ``user``, as django-hijack does; ``stop()`` signs them in as themselves again."""

    def acquire():
        browser = new_browser()
        sign_in(browser, other_user)

        def become(whom, history):
            def task(request):
                yield step(Login(request), "login", whom)
                request.session["hijack_history"] = history

            browser.do(task)

        become(user, [str(other_user.pk)])
        browser.stop = lambda: become(other_user, [])
        return browser

    return acquire


def test_staff_who_act_as_a_user_end_no_session_of_the_user(arrive, hijack, set_options):
    set_options(MAX_SESSIONS_PER_USER=1)
    own, staff = arrive(), hijack()
    assert names(own, staff) == ["ada", "ada"]


def test_staff_who_act_as_a_user_do_not_count(arrive, hijack, refusing, user):
    staff = hijack()
    own = arrive()
    assert names(own, staff) == ["ada", "ada"]
    assert sessions.count(user) == 2


def test_staff_count_as_themselves_when_they_stop(hijack, new_browser, other_user, set_options):
    set_options(MAX_SESSIONS_PER_USER=1)
    staff = hijack()
    staff.stop()
    sign_in(elsewhere := new_browser(), other_user)
    assert names(staff, elsewhere) == ["", "bob"]


# --- what it costs --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_holding_to_the_maximum_takes_one_read(settings, browser, user, journal, set_options):
    use(settings, DATABASE)
    storage = get_storage()
    calls, watch = [], storage.outage.watch
    storage.outage.watch = lambda call: (calls.append(call.name), watch(call))[1]
    sign_in(browser, user)
    assert calls == ["swap", "records_of"]
