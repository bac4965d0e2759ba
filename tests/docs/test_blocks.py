"""Every code block of the documentation does what it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import switch_over
from tests.docs.pages import ALL, ROOT, Block, blocks, name_of
from tests.docs.scenario import BACKENDS, Here, Project, applied, commands, needs_a_project

TUTORIAL = [
    ROOT / "docs" / "tutorial" / f"{name}.md"
    for name in ("index", "sessions-page", "protect-a-view", "go-live")
]

USES_ALL_DATABASES = {"docs/howto/deploy.md", "docs/howto/purge.md"}
"""Their commands may not touch those of the tests."""

SIGN_IN = """
from django.test import Client
browser = Client()
browser.post("/admin/login/", {"username": "eve", "password": "open-sesame"})
"""


ADA = """
from django.contrib.auth.models import User
from django.test import Client
ada = User.objects.create_user("ada", "ada@example.com", "open-sesame")
for agent in ("phone", "laptop"):
    Client(headers={"user-agent": agent}).force_login(ada)
"""
"""What each how-to guide finds."""


AFTERWARDS = {
    "docs/howto/drf-and-ninja.md": """
from django.contrib.auth.models import User
from django.test import Client
from frontdesk import api_tokens
ada = User.objects.get(username="ada")
_info, text = api_tokens.create(ada, "backup", ["orders:read"])
program, browser = Client(headers={"Authorization": f"Bearer {text}"}), Client()
browser.force_login(ada)
for path in ("/orders/", "/order/", "/api/orders"):
    assert Client().get(path).status_code == 401
    for client in (program, browser):
        assert client.get(path).json() == {"user": "ada"}
for path in ("/order/", "/api/orders"):
    assert "orders:write" in program.post(path)["WWW-Authenticate"]
    assert browser.post(path).json() == {"changed_by": "ada"}
""",
    "docs/howto/api-tokens.md": """
from django.contrib.auth.models import User
from django.test import Client
from frontdesk import api_tokens
ada = User.objects.get(username="ada")
(token,) = api_tokens.for_user(ada)
assert token.name == "nightly backup"
_token, text = api_tokens.create(ada, "another", ["orders:read"])
script = Client(headers={"Authorization": f"Bearer {text}"})
assert script.get("/orders/").json() == {"user": "ada", "token": "another"}
api_tokens.end_all(ada)
assert script.get("/orders/").status_code == 401
""",
    "docs/howto/json-api.md": """
from django.test import Client
answer = Client().post(
    "/api/auth/session", {"name": "ada"}, content_type="application/json"
)
assert answer.json() == {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "code": "invalid_input",
    "detail": "Some fields are missing or wrong. See errors.",
    "errors": {"name": [{"message": "There is no such field.", "code": "unknown_field"}]},
}
wrong = {"username": "ada", "password": "wrong"}
answer = Client().post("/api/auth/session", wrong, content_type="application/json")
assert answer.status_code == 400
assert answer.json()["errors"]["__all__"][0]["code"] == "invalid_login"
""",
    "docs/howto/close-connections.md": """
from unittest.mock import AsyncMock, patch
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from django.contrib.auth.models import User
from django.test import AsyncRequestFactory, Client, override_settings
from frontdesk import sessions
from frontdesk.middleware import AuthenticationMiddleware, SessionMiddleware
from shop import streams
from shop.consumers import Events

fay, browser = User.objects.create_user("fay"), Client()
browser.force_login(fay)
key = browser.cookies["sessionid"].value

async def stream_until_the_end():
    request = AsyncRequestFactory().get("/events/")
    request.COOKIES["sessionid"] = key
    serve = SessionMiddleware(AuthenticationMiddleware(streams.events))
    with patch.object(streams.asyncio, "sleep", AsyncMock()):
        chunks = aiter((await serve(request)).streaming_content)
        assert await anext(chunks) == b"data: tick\\n\\n"
        assert await anext(chunks) == b"data: tick\\n\\n"
        other = Client()
        await other.aforce_login(fay)
        await sessions.aend(fay, key[:15])
        assert [chunk async for chunk in chunks] == []
        return other.cookies["sessionid"].value

async def connect_and_end(key):
    cookie = f"sessionid={key}".encode()
    scope = {"type": "websocket", "path": "/events/", "headers": [(b"cookie", cookie)]}
    socket = ApplicationCommunicator(AuthMiddlewareStack(Events.as_asgi()), scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output())["type"] == "websocket.accept"
    await sessions.aend_all(fay)
    closing = await socket.receive_output()
    assert (closing["type"], closing["code"]) == ("websocket.close", 4401)

LAYER = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
with override_settings(CHANNEL_LAYERS=LAYER):
    async_to_sync(connect_and_end)(async_to_sync(stream_until_the_end)())
""",
    "docs/howto/theme.md": """
import re
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client

page = Client().get("/accounts/login/").content.decode()
assert '<link rel="stylesheet" href="/static/shop/shop.css">' in page
assert "My shop" in page and "Privacy" in page
assert 'name="password"' in page and "Create an account" in page

def properties(path):
    return re.findall(r"(--fd-[a-z-]+):", open(finders.find(path)).read())

theirs = properties("frontdesk/frontdesk.css")
assert {*properties("shop/shop.css")} <= {*theirs}
for name in properties("shop/shop.css"):
    assert properties("shop/shop.css").count(name) == theirs.count(name) == 2
unavailable = render_to_string("frontdesk/unavailable.html", {"cause": ""})
assert "My shop" in unavailable and "Temporarily unavailable" in unavailable
""",
    "docs/howto/reauthenticate.md": """
from django.test import Client
from frontdesk.testing import Clock

browser = Client()
form = {"username": "eve", "password": "open-sesame"}
with Clock() as clock:
    assert browser.get("/transfer/").url == "/accounts/login/?next=/transfer/"
    browser.post("/accounts/login/", form)
    assert browser.get("/secret/").content == b"The secret."

    clock.advance(16 * 60)
    assert browser.get("/secret/").url == "/accounts/reauthenticate/?next=/secret/"
    asked = browser.post("/close/", {"reason": ["price", "other"]})
    assert asked.status_code == 403
    assert b"Enter your password to close your account" in asked.content
    assert b'name="reason" value="price"' in asked.content

    sent = {"reason": ["price", "other"], "reauthenticate-password": "open-sesame"}
    assert browser.post("/close/", sent).content.decode() == "Closed, as ['price', 'other']."
    assert browser.get("/secret/").content == b"The secret."
""",
    "docs/howto/passwords.md": """
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from frontdesk import sessions
from frontdesk.middleware import AuthenticationMiddleware, SessionMiddleware
from shop.passwords import set_password

bob = User.objects.create_user("bob", password="open-sesame", is_staff=True)
laptop, phone = Client(), Client()
for browser in (laptop, phone):
    browser.force_login(bob)
new = "a lantern in the hall"
fields = {"old_password": "open-sesame", "new_password1": new, "new_password2": new}
laptop.post("/accounts/password_change/", {**fields, "other_sessions": "keep"})
assert phone.get("/accounts/sessions/").status_code == 200
fields = {"old_password": new, "new_password1": new + "!", "new_password2": new + "!"}
laptop.post("/admin/password_change/", fields)
assert sessions.count(bob) == 1
assert phone.get("/accounts/sessions/").status_code == 302

phone.force_login(bob)
request = RequestFactory().get("/")
request.COOKIES["sessionid"] = laptop.cookies["sessionid"].value

def view(request):
    from django.http import HttpResponse
    set_password(request, "open-sesame")
    return HttpResponse()

response = SessionMiddleware(AuthenticationMiddleware(view))(request)
assert sessions.count(bob) == 1
laptop.cookies.update(response.cookies)
assert laptop.get("/accounts/sessions/").status_code == 200
assert bob.check_password(new) is False
""",
    "docs/howto/polling.md": """
import json, re
from django.contrib.auth.models import User
from django.test import Client
from frontdesk import sessions
from frontdesk.testing import Clock

ada, browser = User.objects.get(username="ada"), Client()
with Clock() as clock:
    browser.force_login(ada)
    page = browser.get("/account/").content.decode()
    ends = float(re.search(r'id="ends" type="application/json">"?([\\d.]+)', page)[1])
    address = json.loads(re.search(r'id="is-live" type="application/json">(.+?)<', page)[1])
    begun = clock.now() / 1_000_000
    assert 13.9 < (ends - begun) / 86_400 <= 14
    clock.advance(13 * 86_400)
    assert browser.get(address).json() == {"live": True}
    clock.advance(86_400 + 1)
    assert browser.get(address).json() == {"live": False}
    browser.force_login(ada)
    clock.advance(13 * 86_400)
    browser.get("/account/")
    clock.advance(86_400 + 1)
    assert browser.get("/account/").status_code == 200
""",
    "docs/howto/sessions.md": """
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import path
from frontdesk import sessions
from shop import cart, receivers, support, tasks, views
from shop.urls import urlpatterns

urlpatterns += [
    path("mine/", views.my_sessions, name="my_sessions"),
    path("mine/end/", views.end_session),
    path("mine/end-others/", views.end_others),
    path("cart/", cart.add_to_cart),
    path("act-as/<int:user_id>/", support.act_as),
]
ada, eve = User.objects.get(username="ada"), User.objects.get(username="eve")
one, two = Client(), Client()
for browser in (one, two):
    browser.force_login(ada)
rows = one.get("/mine/").json()["sessions"]
assert [row["here"] for row in rows].count(True) == 1
(other,) = [row["id"] for row in rows if not row["here"]]
one.post("/mine/end/", {"session": other})
assert two.get("/mine/").status_code == 302
two.force_login(ada)
one.post("/mine/end-others/")
assert sessions.count(ada) == 1
one.post("/cart/", {"item": "tea"})
assert one.post("/cart/", {"item": "milk"}).json() == {"cart": ["tea", "milk"]}
tasks.note_result(one.cookies["sessionid"].value, 7)
assert one.session["results"] == [7]
two.force_login(eve)
two.post(f"/act-as/{ada.pk}/")
assert ("impersonation",) in [session.methods for session in sessions.for_user(ada)]
sessions.end_all(ada, reason="revoked_by_staff")
assert len(receivers.ended_by_staff) == 2
""",
    "docs/howto/remember-me.md": """
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path
from shop import views
from shop.urls import urlpatterns

urlpatterns.append(path("in/", views.sign_in))
form = {"username": "ada", "password": "open-sesame"}
plain, remembered = Client(), Client()
assert Client().post("/in/", {**form, "password": "wrong"}).status_code == 400
plain.post("/in/", form)
assert plain.cookies["sessionid"]["max-age"] == ""
remembered.post("/in/", {**form, "remember": "on"})
assert remembered.cookies["sessionid"]["max-age"] == 30 * 86400  # the absolute timeout of these settings
assert remembered.session.get_expiry_age() > 59 * 86400
""",
    "docs/howto/limit-sessions.md": """
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import path
from frontdesk import sessions
from shop import views
from shop.urls import urlpatterns

urlpatterns.append(path("in/", views.sign_in))
ada = User.objects.get(username="ada")
form = {"username": "ada", "password": "open-sesame"}
with override_settings(FRONTDESK={"MAX_SESSIONS_PER_USER": 2, "AT_MAX_SESSIONS": "refuse"}):
    third = Client()
    assert third.post("/in/", form).status_code == 409
    assert "_auth_user_id" not in third.session
    assert third.post("/in/", {**form, "make_room": "1"}).status_code == 302
    assert sessions.count(ada) == 2
""",
    "docs/howto/new-device-mail.md": """
from django.conf import settings
from django.core import mail
from django.test import Client, override_settings
from pathlib import Path

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = FIREFOX.replace("Gecko/20100101 Firefox/140.0", "AppleWebKit/537.36 Chrome/140.0.0.0")

def sign_in(agent):
    form = {"username": "eve", "password": "open-sesame"}
    Client(headers={"user-agent": agent}).post("/admin/login/", form)

from django.contrib.auth.models import User
User.objects.filter(username="eve").update(email="eve@example.com")
templates = [{**settings.TEMPLATES[0], "DIRS": [Path("shop/templates").resolve()]}]
with override_settings(FRONTDESK={"NEW_DEVICE_MAIL": True}, TEMPLATES=templates):
    sign_in(FIREFOX)  # the first sign-in
    sign_in(FIREFOX.replace("140", "141"))  # an update of the browser
    assert mail.outbox == []
    sign_in(CHROME)
    assert "you signed in to testserver with Chrome on Linux" in mail.outbox[0].body
""",
    "docs/howto/come-from.md": """
from django.contrib.sessions.models import Session
from shop.old_sessions import SessionStore
from django.contrib.sessions.backends import db
import sys, types
# In place of the package, whose model has Django's columns and some more.
sys.modules["user_sessions"] = types.ModuleType("user_sessions")
sys.modules["user_sessions.models"] = types.SimpleNamespace(Session=Session)
from django.test import override_settings
from frontdesk.engine import SessionStore as New
old = db.SessionStore()
old["cart"] = ["tea"]
old.save()
with override_settings(FRONTDESK={"MIGRATE_FROM": "shop.old_sessions"}):
    assert New(old.session_key)["cart"] == ["tea"]
assert not old.exists(old.session_key)
""",
}
"""What the project of a page does once its blocks are executed."""


def needs_its_own(page: Path) -> bool:
    return needs_a_project(blocks(page)) or name_of(page) in USES_ALL_DATABASES


def executed(page: Path) -> Any:
    marks = [] if needs_its_own(page) else [pytest.mark.django_db(transaction=True)]
    return pytest.param(page, marks=marks, id=name_of(page))


@pytest.mark.urls("tests.docs.urls")
@pytest.mark.parametrize(
    "page", [executed(page) for page in ALL if blocks(page) and page not in TUTORIAL]
)
def test_every_block_of_the_page_works(page, request, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    where: Here | Project = Here()
    if needs_its_own(page):
        where = request.getfixturevalue("stock" if page.name == "README.md" else "switched")
    if page.parent.name == "howto":
        where.shell(ADA)
    for block in blocks(page):
        where.play(block)
    if check := AFTERWARDS.get(name_of(page)):
        where.shell(check)


CREATE_USER = """
from django.contrib.auth.models import User
User.objects.create_user("bob", password="open-sesame")
"""
"""What the reader does by hand."""

READER = """
from django.test import Client
from frontdesk.testing import Clock
signing_in = {"username": "bob", "password": "open-sesame"}
SESSIONS = "/accounts/sessions/"
"""

TUTORIAL_SAYS = {
    "sessions-page": """
first, second = Client(), Client()
for browser in (first, second):
    asked = browser.get(SESSIONS, follow=True)
    address = asked.redirect_chain[-1][0]
    assert browser.post(address, signing_in).headers["Location"] == SESSIONS
seen = [row.session for row in first.get(SESSIONS).context["rows"]]
assert len(seen) == 2
(other,) = [session for session in seen if second.cookies["sessionid"].value.startswith(session.id)]
first.post(SESSIONS + "end/", {"session": other.id})
assert len(first.get(SESSIONS).context["rows"]) == 1
assert second.get(SESSIONS).status_code == 302
assert b"Signed in" in first.get(SESSIONS + "history/").content
""",
    "protect-a-view": """
browser = Client()
with Clock() as clock:
    assert browser.get("/").headers["Location"] == "/accounts/login/?next=/"
    page = browser.post("/accounts/login/", signing_in, follow=True)
    assert b"Hello bob" in page.content and b"This is visit 1" in page.content
    clock.advance(61)
    asked = browser.post("/close-account/", {"reason": "too many parcels"})
    assert asked.status_code == 403
    assert b"Enter your password to close your account" in asked.content
    sent = {"reason": "too many parcels", "reauthenticate-password": "open-sesame"}
    closed = browser.post("/close-account/", sent, follow=True)
    assert b"Closed, because of: too many parcels" in closed.content
    clock.advance(59)
    assert browser.post("/close-account/", {"reason": "again"}).status_code == 302
""",
}
"""What a reader sees at the end of these pages of the tutorial."""


def test_the_tutorial_works_from_its_first_page_to_its_last(tmp_path):
    project = Project(tmp_path)
    for page in TUTORIAL:
        for block in blocks(page):
            project.play(block)
            if "createsuperuser" in block.text:
                project.command("python", "manage.py", "migrate")
                project.shell(CREATE_USER)
        if says := TUTORIAL_SAYS.get(page.stem):
            project.shell(READER + says)
    project.command("python", "manage.py", "check", "--fail-level", "WARNING")


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/index.md"])
def test_the_settings_change_only_what_is_marked(page, stock):
    before = settings_of(stock)
    (block,) = [block for block in blocks(ROOT / page) if "SESSION_ENGINE" in block.text]
    stock.play(block)
    after = settings_of(stock)
    ours = {"sessions": "frontdesk.middleware.SessionMiddleware"}
    ours["auth"] = "frontdesk.middleware.AuthenticationMiddleware"
    for name in ("sessions", "auth"):
        theirs = ours[name].replace("frontdesk", f"django.contrib.{name}")
        before["MIDDLEWARE"][before["MIDDLEWARE"].index(theirs)] = ours[name]
    assert after == {
        "INSTALLED_APPS": ["frontdesk", *before["INSTALLED_APPS"]],
        "MIDDLEWARE": before["MIDDLEWARE"],
        "AUTHENTICATION_BACKENDS": BACKENDS,
        "SESSION_ENGINE": "frontdesk.engine",
    }


def settings_of(project):
    names = "INSTALLED_APPS", "MIDDLEWARE", "AUTHENTICATION_BACKENDS", "SESSION_ENGINE"
    shown = "from django.conf import settings\nimport json\n"
    shown += f"print(json.dumps({{name: getattr(settings, name) for name in {names}}}))"
    return json.loads(project.shell(shown))


def test_each_page_installs_the_same():
    found = {
        commands(block.text)[-1]
        for page in ALL
        for block in blocks(page)
        if block.marker == "install"
    }
    assert len(found) == 1


def test_live_sessions_survive_the_switch_by_the_readme(stock):
    key = stock.shell(SIGN_IN + "print(browser.cookies['sessionid'].value)").strip()
    switch_over(stock, without="nothing")
    stock.shell(
        f"""
from django.core.management import call_command
from django.test import Client
call_command("check", fail_level="WARNING")
old = Client()
old.cookies["sessionid"] = {key!r}
assert old.get("/admin/").status_code == 200
assert old.cookies["sessionid"].value == {key!r}
"""
    )


def test_the_readme_names_the_engine_before_it_creates_the_tables():
    found = [block.text for block in blocks(ROOT / "README.md")]
    (named,) = [place for place, text in enumerate(found) if "MIGRATE_FROM" in text]
    (migrated,) = [place for place, text in enumerate(found) if "migrate\n" in text]
    assert named < migrated


def test_without_the_throttle_the_switch_changes_no_view(stock):
    """A second backend would: Django then asks which one a user has who signs in without a password."""
    switch_over(stock)
    stock.append("settings.py", "del AUTHENTICATION_BACKENDS")
    stock.shell(
        """
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.test import RequestFactory
from frontdesk.engine import SessionStore
request = RequestFactory().post("/sign-up/")
request.session = SessionStore()
login(request, User.objects.create_user("ivy"))
"""
    )


def test_without_that_line_users_sign_in_again_once(stock):
    key = stock.shell(SIGN_IN + "print(browser.cookies['sessionid'].value)").strip()
    switch_over(stock)
    stock.shell(
        f"""
from django.test import Client
from frontdesk.models import Session
old = Client()
old.cookies["sessionid"] = {key!r}
assert old.get("/admin/").status_code == 302
assert old.cookies["sessionid"].value == ""
{SIGN_IN}
assert browser.get("/admin/").status_code == 200
(row,) = Session.objects.all()
new = browser.cookies["sessionid"].value
assert row.user.username == "eve"
assert new[:15] == row.id
assert new[15:] not in str(vars(row))
"""
    )


def test_a_diff_that_does_not_fit_is_refused():
    assert applied("a\nb\nc\n", " a\n-c\n+d\n") == "a\nb\nd\n"
    assert applied("a\nb\nc\n", " a\n+d\n ...\n c\n") == "a\nd\nb\nc\n"
    with pytest.raises(AssertionError, match="no line 'x'"):
        applied("a\n", "-x\n")


@pytest.mark.parametrize(
    ("language", "marker", "text"),
    [
        ("python", "shell", "assert 1 == 2"),
        ("python", "settings", 'FRONTDESK = {"IDLE": 1}'),
        ("console", "run", "$ python manage.py no_such_command"),
        ("console", "make", "$ make no-such-target"),
        ("python", "unknown", ""),
    ],
)
def test_a_block_that_does_not_work_fails(language, marker, text, db):
    with pytest.raises(AssertionError, match="page:1"):
        Here().play(Block("page", 1, language, marker, text))


@pytest.mark.parametrize("page", ALL, ids=name_of)
def test_no_block_is_unmarked(page):
    assert [block.where for block in blocks(page) if not block.marker] == []


def test_the_readme_names_the_commands_that_matter():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "$ make demo" in text
    assert "$ make test" in text
