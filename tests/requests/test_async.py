"""Nothing blocks the event loop, and the middleware adds no hop to a thread."""

import ast
import inspect
import threading
from pathlib import Path

import pytest
from asgiref.sync import AsyncToSync, SyncToAsync, async_to_sync
from django.contrib import auth
from django.contrib.auth.models import User
from django.test import AsyncClient

import frontdesk
from frontdesk import drive, middleware
from tests.requests import site
from tests.requests.conftest import PASSWORD, use

pytestmark = pytest.mark.django_db

PACKAGE = Path(frontdesk.__file__).parent


@pytest.fixture
def colour():
    return "asgi"


@pytest.fixture
def blocking(settings):
    """A storage whose verbs refuse to be called on the event loop."""
    return use(settings, "tests.requests.doubles.Blocking")


async def sign_in(request):
    user = await auth.aauthenticate(request, username="ada", password=PASSWORD)
    await auth.alogin(request, user)


async def sign_out(request):
    await auth.alogout(request)


async def keep(request):
    await request.session.aset("cart", ["lamp"])


async def look(request):
    user = await request.auser()
    return user.get_username(), await request.session.aget("cart")


# --- the event loop -----------------------------------------------------------------------------------


def test_nothing_blocks_the_event_loop(blocking, browser, user, clock):
    browser.do(keep)
    browser.do(sign_in)
    assert browser.do(look).answer == ("ada", ["lamp"])
    clock.move(minutes=5)
    assert browser.do(look).answer == ("ada", ["lamp"])  # with a touch
    browser.do(sign_out)
    assert browser.do(look).answer == ("", None)


def test_the_double_would_notice(blocking):
    """The guard of the guard."""

    async def peek(request):
        request.session.get("cart")

    browser = AsyncClient()
    browser.cookies["sessionid"] = "a1" * 16
    with site.registered(peek) as number, pytest.raises(AssertionError, match="on the event loop"):
        async_to_sync(browser.get)(f"/ado/{number}/")


ASYNC_SESSION = {
    "set": lambda s: s.aset("cart", 1),
    "get": lambda s: s.aget("cart"),
    "pop": lambda s: s.apop("cart", None),
    "setdefault": lambda s: s.asetdefault("cart", 2),
    "update": lambda s: s.aupdate({"cart": 3}),
    "has_key": lambda s: s.ahas_key("cart"),
    "keys": lambda s: s.akeys(),
    "values": lambda s: s.avalues(),
    "items": lambda s: s.aitems(),
    "set_expiry": lambda s: s.aset_expiry(60),
    "get_expiry_age": lambda s: s.aget_expiry_age(),
    "get_expiry_date": lambda s: s.aget_expiry_date(),
    "get_expire_at_browser_close": lambda s: s.aget_expire_at_browser_close(),
    "set_test_cookie": lambda s: s.aset_test_cookie(),
    "test_cookie_worked": lambda s: s.atest_cookie_worked(),
    "cycle_key": lambda s: s.acycle_key(),
    "flush": lambda s: s.aflush(),
    "save": lambda s: s.asave(),
    "create": lambda s: s.acreate(),
    "load": lambda s: s.aload(),
    "delete": lambda s: s.adelete(),
    "exists": lambda s: s.aexists("a1" * 16),
    "clear_expired": lambda s: s.aclear_expired(),
    "sign in": lambda s: s.aset("_auth_user_id", "1"),
}


@pytest.mark.parametrize("call", ASYNC_SESSION.values(), ids=ASYNC_SESSION)
def test_no_method_of_the_session_blocks_the_event_loop(blocking, browser, call):
    browser.do(keep)

    async def task(request):
        await call(request.session)

    assert browser.do(task).status_code == 200


# --- hops ---------------------------------------------------------------------------------------------


@pytest.fixture
def hops(monkeypatch):
    """What went to a thread, or back."""
    made = []
    for kind in (SyncToAsync, AsyncToSync):

        def counted(self, *args, original=kind.__call__, **kwargs):
            what = getattr(self, "func", None) or getattr(self, "awaitable", None)
            made.append(args[0] if what is drive._called else what)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__call__", counted)
    return made


@pytest.fixture
def ours_alone(settings):
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path.startswith("frontdesk.")]
    use(settings, "frontdesk.storages.memory.MemoryStorage")


async def view(request):
    return request.session.get("cart"), (await request.auser()).pk


async def _requests(task, made):
    client = AsyncClient()
    with site.registered(keep) as number:
        await client.get(f"/ado/{number}/")
    made.clear()
    with site.registered(task) as number:
        response = await client.get(f"/ado/{number}/")
    assert response.status_code == 200


def own(made):
    """Leave out what Django's test client and handler do themselves."""
    named = [getattr(hop, "__qualname__", repr(hop)) for hop in made]
    return [name for name in named if "Signal" not in name and "close" not in name]


@pytest.mark.parametrize("task", [keep, view], ids=["writing", "reading"])
async def test_the_middleware_adds_no_hop(ours_alone, hops, task):
    await _requests(task, hops)
    assert own(hops) == []


async def test_the_stock_middleware_would_hop(ours_alone, hops, settings):
    """The guard of the guard."""
    settings.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
    await _requests(keep, hops)
    assert own(hops)


@pytest.mark.parametrize(
    "kind", [middleware.SessionMiddleware, middleware.AuthenticationMiddleware]
)
def test_the_middleware_is_native_in_both_colours(kind):
    assert kind.sync_capable
    assert kind.async_capable


async def test_under_asgi_the_view_runs_in_the_loops_thread(ours_alone):
    seen = []

    async def where(request):
        seen.append(threading.get_ident())

    client = AsyncClient()
    with site.registered(where) as number:
        await client.get(f"/ado/{number}/")
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_a_database_hop_is_made_once_for_a_page(browser, user, hops, settings, page):
    """The session and its user come together, so one visit to the database's thread brings both."""
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path.startswith("frontdesk.")]
    browser = type(browser)()
    browser.force_login(User.objects.get())
    hops.clear()
    browser.get(page)
    reads = [hop for hop in hops if getattr(hop, "__name__", "").startswith("read")]
    assert len(reads) == (1 if page == "/ahome/" else 0)


# --- a flow never awaits --------------------------------------------------------------------------------


def functions(path):
    tree = ast.parse(path.read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]


def awaits(node):
    return [part for part in ast.walk(node) if isinstance(part, ast.Await)]


def statements(node):
    body = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]  # the docstring
    return body


WITHOUT_AWAIT = ["session.py", "policy.py", "users.py", "carriers.py", "tokens.py", "values.py"]


@pytest.mark.parametrize("name", WITHOUT_AWAIT)
def test_a_module_of_flows_knows_no_colour(name):
    source = (PACKAGE / name).read_text("utf-8")
    assert not functions(PACKAGE / name)
    assert not awaits(ast.parse(source))


LONGER = {
    "aset": "Django's own half of it is a method of the dictionary, not a flow",
}


@pytest.mark.parametrize("name", ["engine.py", "sessions.py"])
def test_an_async_method_is_one_line_that_drives_a_flow(name):
    longer = [
        node.name
        for node in functions(PACKAGE / name)
        if len(statements(node)) != 1 and node.name not in LONGER
    ]
    assert longer == []


SENDS = {
    "_asent": "sends a command; what to send, and what the reply means, is shared by both colours",
    "asend": "sends commands, all the same",
    "_atalk": "speaks with one server of a Cluster, over a connection of this event loop",
    "_aconnect": "is redis-py's own hook in both colours",
    "aget": "makes the client of an event loop, which threads have no need of",
}


@pytest.mark.parametrize("name", [path.name for path in (PACKAGE / "storages").glob("*.py")])
def test_an_async_verb_is_one_line(name):
    found = functions(PACKAGE / "storages" / name)
    longer = [node.name for node in found if len(statements(node)) > 1]
    assert [name for name in longer if name not in SENDS] == []


def test_a_flow_is_a_generator():
    from frontdesk.session import Session

    for name in (
        "loaded",
        "saved",
        "created",
        "existing",
        "deleted",
        "flushed",
        "cycled",
        "opened",
    ):
        assert inspect.isgeneratorfunction(getattr(Session, name)), name
