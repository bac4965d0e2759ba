"""Every code block of the documentation does what it says."""

import json

import pytest

from tests.docs.conftest import switch_over
from tests.docs.pages import PAGES, ROOT, blocks, name_of
from tests.docs.scenario import Scenario, applied

FROM_STOCK = {"README.md", "docs/quickstart.md"}

SIGN_IN = """
from django.test import Client
browser = Client()
browser.post("/admin/login/", {"username": "eve", "password": "open-sesame"})
"""


@pytest.mark.shared
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_every_block_of_the_page_works(page, request):
    project: Scenario = request.getfixturevalue(
        "stock" if name_of(page) in FROM_STOCK else "switched"
    )
    for block in blocks(page):
        project.play(block)
    if name_of(page) == "docs/quickstart.md":
        the_new_project_serves_its_pages(project)


def the_new_project_serves_its_pages(project: Scenario) -> None:
    project.shell(
        """
import asyncio
from django.contrib.auth.models import User
from django.core.exceptions import SynchronousOnlyOperation
from django.test import AsyncClient, Client
from frontdesk.engine import SessionStore
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
    session = SessionStore("a" * 32)
    try:
        session["hellos"]
    except SynchronousOnlyOperation:
        pass
    else:
        raise AssertionError("read from the event loop")
    browser = AsyncClient()
    assert (await browser.get("/hello/")).status_code == 302
    await browser.aforce_login(await User.objects.aget())
    assert (await browser.get("/hello/")).content == b"Hello bob, number 1."
    assert (await browser.get("/hello/")).content == b"Hello bob, number 2."
    await browser.post("/leave/")
    assert (await browser.get("/hello/")).status_code == 302

User.objects.filter(username="ada").delete()
asyncio.run(visit())
"""
    )


def test_with_the_line_for_live_sessions_nobody_signs_in_again_on_the_way_here_and_back(stock):
    key = stock.shell(SIGN_IN + "print(browser.cookies['sessionid'].value)").strip()
    before = (stock.package / "settings.py").read_text()
    switch_over(stock)
    for block in blocks(ROOT / "README.md"):
        if block.marker.startswith("append"):
            stock.play(block)
    stock.command("python", "manage.py", "check", "--fail-level", "WARNING")
    comes_in = f"""
from django.test import Client
old = Client()
old.cookies["sessionid"] = {key!r}
assert old.get("/admin/").status_code == 200
assert old.cookies["sessionid"].value == {key!r}
"""
    stock.shell(comes_in)
    settings = before.replace("INSTALLED_APPS = [", "INSTALLED_APPS = ['frontdesk',")
    (stock.package / "settings.py").write_text(
        settings + "\nSESSION_ENGINE = 'frontdesk.wayback.db'\n"
    )
    stock.shell(comes_in)
    (stock.package / "settings.py").write_text(before)
    stock.shell(comes_in)


def test_the_five_lines_alone_switch_a_real_project_over_and_people_sign_in_again_once(stock):
    key = stock.shell(SIGN_IN + "print(browser.cookies['sessionid'].value)").strip()
    before = (stock.package / "settings.py").read_text().splitlines()
    switch_over(stock)
    after = (stock.package / "settings.py").read_text().splitlines()
    assert len(set(after) - set(before)) == 4
    answer = stock.shell(
        f"""
from django.test import Client
from frontdesk.models import Session
old = Client()
old.cookies["sessionid"] = {key!r}
assert old.get("/admin/").status_code == 302
assert old.cookies["sessionid"].value == ""
{SIGN_IN}
assert browser.get("/admin/").status_code == 200
import json
rows = Session.objects.values_list("digest", "user__username")
print(json.dumps([browser.cookies["sessionid"].value, *rows]))
"""
    )
    new_key, (digest, user) = json.loads(answer)
    assert user == "eve"
    assert new_key not in (digest, key)


def test_a_diff_that_does_not_fit_is_refused():
    assert applied("a\nb\nc\n", " a\n-c\n+d\n") == "a\nb\nd\n"
    with pytest.raises(AssertionError, match="no line 'x'"):
        applied("a\n", "-x\n")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_is_unmarked(page):
    assert [block.where for block in blocks(page) if not block.marker] == []


def test_the_readme_names_the_commands_that_matter():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "$ make demo" in text
    assert "$ make test" in text
