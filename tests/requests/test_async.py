"""Under ASGI: nothing blocks the event loop, no needless hops, one session for all tasks and threads."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import AsyncToSync, SyncToAsync, async_to_sync
from django.contrib import auth
from django.contrib.sessions.backends.db import SessionStore as DjangoSession
from django.test import AsyncClient, RequestFactory

from frontdesk import middleware, sessions
from frontdesk.engine import SessionStore
from frontdesk.middleware import SessionMiddleware
from frontdesk.migrate.from_django import origin
from frontdesk.storages import get_storage
from tests.fixtures import DATABASE, MEMORY, PASSWORD, use
from tests.requests import site

pytestmark = pytest.mark.django_db

KEY = "a1" * 20


@pytest.fixture
def mode():
    return "async"


@pytest.fixture
def blocking(site, settings):
    """A storage whose primitives refuse to be called on the event loop."""
    return use(settings, "tests.requests.doubles.Blocking")


async def sign_in(request):
    user = await auth.aauthenticate(request, username="ada", password=PASSWORD)
    await auth.alogin(request, user)


async def put(request):
    await request.session.aset("cart", ["lamp"])


async def look(request):
    user = await request.auser()
    return user.get_username(), await request.session.aget("cart")


# --- the event loop -----------------------------------------------------------------------------


def test_no_request_blocks_the_event_loop(blocking, browser, user, clock):
    browser.do(put)
    browser.do(sign_in)
    assert browser.do(look).answer == ("ada", ["lamp"])
    clock.move(minutes=5)
    assert browser.do(look).answer == ("ada", ["lamp"])  # records activity
    browser.do(auth.alogout)
    assert browser.do(look).answer == ("", None)


def test_the_storage_would_notice_a_blocking_call(blocking):
    async def peek(request):
        request.session.get("cart")

    browser = AsyncClient()
    browser.cookies["sessionid"] = KEY
    with site.registered(peek) as number, pytest.raises(AssertionError, match="on the event loop"):
        async_to_sync(browser.get)(f"/ado/{number}/")


CALLS = {
    "set": lambda request: request.session.aset("cart", 1),
    "get": lambda request: request.session.aget("cart"),
    "pop": lambda request: request.session.apop("cart", None),
    "setdefault": lambda request: request.session.asetdefault("cart", 2),
    "update": lambda request: request.session.aupdate({"cart": 3}),
    "has_key": lambda request: request.session.ahas_key("cart"),
    "keys": lambda request: request.session.akeys(),
    "values": lambda request: request.session.avalues(),
    "items": lambda request: request.session.aitems(),
    "set_expiry": lambda request: request.session.aset_expiry(60),
    "get_expiry_age": lambda request: request.session.aget_expiry_age(),
    "get_expiry_date": lambda request: request.session.aget_expiry_date(),
    "at_close": lambda request: request.session.aget_expire_at_browser_close(),
    "set_test_cookie": lambda request: request.session.aset_test_cookie(),
    "test_cookie_worked": lambda request: request.session.atest_cookie_worked(),
    "cycle_key": lambda request: request.session.acycle_key(),
    "flush": lambda request: request.session.aflush(),
    "save": lambda request: request.session.asave(),
    "create": lambda request: request.session.acreate(),
    "load": lambda request: request.session.aload(),
    "delete": lambda request: request.session.adelete(),
    "exists": lambda request: request.session.aexists(KEY),
    "modify": lambda request: request.session.amodify("visits", lambda visits: 1),
    "clear_expired": lambda request: request.session.aclear_expired(),
    "sign-in": lambda request: request.session.aset("_auth_user_id", "1"),
    "current": sessions.acurrent,
    "end_others": sessions.aend_others,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_async_method_blocks_the_event_loop(blocking, browser, call):
    browser.do(put)

    async def task(request):
        await call(request)

    assert browser.do(task).status_code == 200


async def test_no_function_of_sessions_blocks_the_event_loop(blocking, user):
    for function in (sessions.afor_user, sessions.acount, sessions.aend_all):
        await function(user)
    await sessions.aend(user, KEY[:15])


# --- one session, shared by tasks and by threads ------------------------------------------------


@pytest.fixture
def stored(clock):
    """The key of a stored session."""
    session = SessionStore()
    session["cart"], session["visits"] = ["lamp"], 0
    session.save()
    return session.session_key


async def test_tasks_of_one_request_load_the_session_once(stored, journal, monkeypatch):
    storage = get_storage()

    async def aload(ids, latest=False):
        await asyncio.sleep(0.01)  # other tasks run meanwhile
        return storage.load(ids)

    monkeypatch.setattr(storage, "aload", aload)
    session = SessionStore(stored)
    journal.clear()
    await asyncio.gather(*(session.aset(f"key{number}", number) for number in range(5)))
    assert journal == ["load"]
    await session.asave()
    assert {f"key{number}" for number in range(5)} < {*SessionStore(stored).keys()}


def test_threads_of_one_request_load_the_session_once(stored, journal, monkeypatch):
    storage, started = get_storage(), threading.Barrier(5)
    load = storage.load
    first_came, others_wait = threading.Event(), threading.Event()

    def slow(ids, latest=False):
        first_came.set()
        others_wait.wait(0.05)  # nobody sets it: the others get the time to come here
        return load(ids)

    monkeypatch.setattr(storage, "load", slow)
    session = SessionStore(stored)
    journal.clear()

    def put(number):
        started.wait()
        session[f"key{number}"] = number

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(put, range(5)))
    assert first_came.is_set()
    assert journal == ["load"]
    session.save()
    assert {f"key{number}" for number in range(5)} < {*SessionStore(stored).keys()}


async def test_gather_of_modify_loses_no_step(stored, monkeypatch):
    storage = get_storage()

    async def aswap(swaps):
        await asyncio.sleep(0)
        return storage.swap(swaps)

    monkeypatch.setattr(storage, "aswap", aswap)
    session = SessionStore(stored)
    steps = [session.amodify("visits", lambda visits: visits + 1) for _ in range(5)]
    assert sorted(await asyncio.gather(*steps)) == [1, 2, 3, 4, 5]
    assert SessionStore(stored)["visits"] == 5


async def test_modify_while_a_task_saves_loses_no_step(stored, monkeypatch):
    storage, modified = get_storage(), []

    async def aswap(swaps):
        done = storage.swap(swaps)
        if not modified:
            modified.append(True)
            await session.amodify("visits", lambda visits: visits + 1)
        return done

    monkeypatch.setattr(storage, "aswap", aswap)
    session = SessionStore(stored)
    await session.aset("cart", [])
    await session.asave()
    SessionStore(stored).modify("visits", lambda visits: visits + 1)  # another request
    await session.aset("cart", ["sofa"])
    await session.asave()
    assert dict(SessionStore(stored).items()) == {"cart": ["sofa"], "visits": 2}


def test_overlapping_modify_of_a_moved_session_loses_no_step(settings, monkeypatch):
    """One of them deletes what a move that was cut off may have left, when the other one comes."""
    use(settings, MEMORY)
    settings.FRONTDESK = {
        **settings.FRONTDESK,
        "MIGRATE_FROM": "django.contrib.sessions.backends.db",
    }
    old = DjangoSession()
    old["visits"] = 0
    old.save()
    session, modified = SessionStore(old.session_key), []
    assert session["visits"] == 0

    def delete(key):
        if not modified:
            modified.append(True)
            session.modify("visits", lambda visits: visits + 1)

    monkeypatch.setattr(origin(), "delete", delete)
    session.modify("visits", lambda visits: visits + 1)
    session["cart"] = 1
    session.save()
    assert dict(SessionStore(old.session_key).items()) == {"visits": 2, "cart": 1}


def test_threads_that_modify_lose_no_step(stored):
    session = SessionStore(stored)
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda _: session.modify("visits", lambda visits: visits + 1), range(50)))
    assert SessionStore(stored)["visits"] == 50


def test_a_session_may_be_touched_in_several_event_loops(stored):
    """A sync view may call ``async_to_sync`` more than once."""
    session = SessionStore(stored)
    assert asyncio.run(session.aget("cart")) == ["lamp"]
    asyncio.run(session.aset("cart", ["sofa"]))
    asyncio.run(session.asave())
    assert SessionStore(stored)["cart"] == ["sofa"]


# --- hops between threads -----------------------------------------------------------------------


@pytest.fixture
def hops(monkeypatch):
    """The names of what went to a thread, or back."""
    made = []
    for kind in (SyncToAsync, AsyncToSync):

        def counted(self, *args, original=kind.__call__, **kwargs):
            made.append(getattr(self, "func", None) or getattr(self, "awaitable", None))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__call__", counted)
    return made


@pytest.fixture
def only_ours(site, settings):
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path.startswith("frontdesk.")]


async def read_both(request):
    return await request.session.aget("cart"), (await request.auser()).pk


async def visit(task, made):
    client = AsyncClient()
    with site.registered(put) as number:
        await client.get(f"/ado/{number}/")
    made.clear()
    with site.registered(task) as number:
        response = await client.get(f"/ado/{number}/")
    assert response.status_code == 200


def own(made):
    """Leave out what Django's test client and handler do themselves."""
    named = [getattr(hop, "__qualname__", repr(hop)) for hop in made]
    return [name for name in named if "Signal" not in name and "close" not in name]


@pytest.mark.parametrize("task", [put, read_both], ids=["writing", "reading"])
async def test_the_middleware_adds_no_hop(only_ours, hops, task):
    await visit(task, hops)
    assert own(hops) == []


async def test_djangos_middleware_would_hop(only_ours, hops, settings):
    settings.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
    await visit(put, hops)
    assert own(hops)


@pytest.mark.parametrize(("backend", "expected"), [(DATABASE, 1), (MEMORY, 1)])
def test_a_page_hops_once_to_the_database(
    only_ours, settings, new_browser, user, hops, backend, expected
):
    """On the database storage, the session and its user come in one visit of that thread."""
    use(settings, backend)
    browser = new_browser()
    browser.force_login(user)
    hops.clear()
    browser.get("/ahome/")
    ours = [hop for hop in hops if getattr(hop, "__module__", "").startswith("frontdesk")]
    assert len(ours) == expected


@pytest.mark.parametrize(
    "kind", [middleware.SessionMiddleware, middleware.AuthenticationMiddleware]
)
def test_the_middleware_serves_sync_and_async(kind):
    assert kind.sync_capable
    assert kind.async_capable


async def test_an_async_view_runs_in_the_thread_of_the_loop(only_ours):
    seen = []

    async def where(request):
        seen.append(threading.get_ident())

    client = AsyncClient()
    with site.registered(where) as number:
        await client.get(f"/ado/{number}/")
    assert seen == [threading.get_ident()]


def test_a_cookie_that_is_changed_later_does_not_count():
    request = RequestFactory().get("/", headers={"cookie": f"sessionid={KEY}"})
    SessionMiddleware(lambda _: None).process_request(request)
    request.COOKIES["sessionid"] = "b" * 40
    assert request.session.session_key == KEY
