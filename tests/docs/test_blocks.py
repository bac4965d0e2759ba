"""Every code block of the documentation does what it says."""

from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import switch_over
from tests.docs.pages import ALL, ROOT, Block, blocks, name_of
from tests.docs.scenario import Here, Project, applied, needs_a_project

FROM_STOCK = {"README.md", "docs/tutorial/index.md"}

DROPS_TABLES = {"docs/howto/migrate.md"}

SIGN_IN = """
from django.test import Client
browser = Client()
browser.post("/admin/login/", {"username": "eve", "password": "open-sesame"})
"""


AFTERWARDS = {
    "docs/tutorial/index.md": """
import asyncio
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
User.objects.create_user("bob", password="open-sesame")
browser = Client()
assert browser.get("/").headers["Location"] == "/accounts/login/?next=/"
form = {"username": "bob", "password": "open-sesame"}
page = browser.post("/accounts/login/", form, follow=True)
assert page.content == b"Hello bob, visit 1.", page.content
assert browser.get("/").content == b"Hello bob, visit 2."
browser.post("/accounts/logout/")
assert browser.get("/").status_code == 302

async def visit():
    browser = AsyncClient()
    assert (await browser.get("/hello/")).status_code == 302
    await browser.aforce_login(await User.objects.aget(username="bob"))
    assert (await browser.get("/hello/")).content == b"Hello bob, number 1."
    assert (await browser.get("/hello/")).content == b"Hello bob, number 2."
    await browser.post("/leave/")
    assert (await browser.get("/hello/")).status_code == 302

asyncio.run(visit())
""",
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
@pytest.mark.parametrize("page", [executed(page) for page in ALL if blocks(page)])
def test_every_block_of_the_page_works(page, request, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    where: Here | Project = Here()
    if needs_its_own(page):
        where = request.getfixturevalue("stock" if name_of(page) in FROM_STOCK else "switched")
    for block in blocks(page):
        where.play(block)
    if check := AFTERWARDS.get(name_of(page)):
        where.shell(check)


def test_live_sessions_survive_the_switch_by_the_readme(stock):
    key = stock.shell(SIGN_IN + "print(browser.cookies['sessionid'].value)").strip()
    before = (stock.package / "settings.py").read_text().splitlines()
    switch_over(stock)
    after = (stock.package / "settings.py").read_text().splitlines()
    assert len(set(after) - set(before)) == 4
    for block in blocks(ROOT / "README.md"):
        if block.marker.startswith("append"):
            stock.play(block)
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


def test_the_switch_changes_no_view(stock):
    """A second backend would: Django then asks which one a user has who signs in without a password."""
    switch_over(stock)
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


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/index.md"])
def test_each_list_of_a_diff_is_closed(page):
    (diff,) = (block.text for block in blocks(ROOT / page) if block.marker.startswith("diff"))
    kept = [line for line in diff.splitlines() if not line.startswith("-")]
    closed = sum(line[1:] == "]" for line in kept)
    assert sum(line.endswith("[") for line in kept) == closed >= 2


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
