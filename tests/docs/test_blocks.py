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

DROPS_TABLES = {"docs/howto/migrate.md"}

SIGN_IN = """
from django.test import Client
browser = Client()
browser.post("/admin/login/", {"username": "eve", "password": "open-sesame"})
"""


AFTERWARDS = {
    "docs/howto/drf-and-ninja.md": """
from django.contrib.auth.models import User
from django.test import Client
from frontdesk import api_tokens
ada = User.objects.create_user("ada")
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
    "docs/howto/sessions.md": """
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from django.contrib.auth.models import User
from django.test import Client, override_settings
from frontdesk import sessions
from shop.consumers import Events

fay, browser = User.objects.create_user("fay"), Client()
browser.force_login(fay)
cookie = f"sessionid={browser.cookies['sessionid'].value}".encode()

async def connect_and_end():
    scope = {"type": "websocket", "path": "/events/", "headers": [(b"cookie", cookie)]}
    socket = ApplicationCommunicator(AuthMiddlewareStack(Events.as_asgi()), scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output())["type"] == "websocket.accept"
    await sessions.aend_all(fay)
    closing = await socket.receive_output()
    assert (closing["type"], closing["code"]) == ("websocket.close", 4401)

LAYER = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
with override_settings(CHANNEL_LAYERS=LAYER):
    async_to_sync(connect_and_end)()
""",
}
"""What the project of a page does once its blocks are executed."""


def needs_its_own(page: Path) -> bool:
    return needs_a_project(blocks(page)) or name_of(page) in DROPS_TABLES


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
