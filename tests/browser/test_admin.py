"""The pages of the admin in a real browser: the way staff go, on a wide and on a narrow screen."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import expect

from frontdesk import api_tokens
from frontdesk.core import clock
from frontdesk.models import HistoryEntry, Throttle, What
from tests.browser.steps import LAPTOP, NAME, PASSWORD, PHONE, at, sign_in
from tests.staff.conftest import enter

pytestmark = pytest.mark.needs("chromium")

STAFF = "eve"
SESSIONS = "/admin/frontdesk/session/"
HISTORY = "/admin/frontdesk/historyentry/"
THROTTLES = "/admin/frontdesk/throttle/"
TOKENS = "/admin/frontdesk/apitoken/"
USERS = "/admin/auth/user/"

PAGE_OF_ONE = re.compile("/change/")

# In Django's own markup, axe finds links without enough contrast (in 5.2), and fields without a label.
OF_DJANGO = [[".breadcrumbs"], ["#toolbar"], [".selector"], [".datetime"]]


@pytest.fixture(autouse=True)
def _staff(site):
    User.objects.create_superuser(STAFF, password=PASSWORD)


@pytest.fixture
def wide_rows(site):
    """A session and an entry of the history whose columns are wide."""
    user = User.objects.create_user("maximiliane.mustermann@subdomain.example.com")
    address = "2001:db8:85a3:8d3:1319:8a2e:370:7348"
    session = enter(user, ip=address, agent=LAPTOP["user_agent"])
    HistoryEntry.objects.create(
        what=What.SIGNED_IN,
        at=clock.now(),
        user=user,
        session_id=session.session_id,
        methods="password otp",
        ip=address,
        user_agent=LAPTOP["user_agent"],
    )


@pytest.fixture
def counts(site):
    """What the throttle counts: a user who is refused, a network that is not, and an attempt of long ago."""
    now = clock.now()
    counted = {
        f"account:{'5c0f1a2b' * 8}": (10, now + 15 * clock.MINUTE),
        "network:2001:db8:85a3:8d3::/64": (3, now + 15 * clock.MINUTE),
        f"device:{'9ad83e47' * 3}:{'5c0f1a2b' * 8}": (1, now - clock.DAY),
    }
    for bucket, (attempts, until) in counted.items():
        since = until - 15 * clock.MINUTE
        Throttle.objects.create(
            bucket=bucket, attempts=attempts, before=0, since=since, until=until
        )


@pytest.fixture
def token(site):
    """An API token whose name has no spaces."""
    user = User.objects.create_user("grace")
    api_tokens.create(user, "backup-of-all-orders-of-the-subdomain.example.com-each-night", [])


def sign_in_as_staff(page):
    page.goto("/admin/")
    page.locator("[name=username]").fill(STAFF)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").click()
    page.wait_for_url("**/admin/")


def choose_all(page, action):
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(action)
    page.locator("button[name=index]").click()
    expect(page.locator("body.delete-confirmation main [type=submit]")).to_be_visible()


def visit_all(page, new_tab):
    """Yield the name of each page while it is shown, on the way to the end of all sessions."""
    for look in (PHONE, LAPTOP):
        sign_in(new_tab(**look))
    sign_in(page, "not this one")
    sign_in_as_staff(page)
    page.goto(SESSIONS)
    yield "the sessions"
    page.goto(f"{SESSIONS}?q={NAME}")
    yield "the sessions of a search"
    page.locator(".field-device a").first.click()
    page.wait_for_url(PAGE_OF_ONE)
    yield "a session"
    page.locator("a.deletelink").click()
    expect(page.locator("body.delete-confirmation")).to_be_visible()
    yield "the question about one session"
    page.locator("main [type=submit]").click()
    expect(page.locator(".messagelist")).to_be_visible()
    yield "a message"
    page.goto(HISTORY)
    yield "the history"
    page.locator("#result_list tbody th a").first.click()
    page.wait_for_url(PAGE_OF_ONE)
    yield "an entry of the history"
    page.goto(USERS)
    page.get_by_role("link", name=NAME, exact=True).click()
    page.wait_for_url(PAGE_OF_ONE)
    yield "a user"
    page.locator(".field-live_sessions a").last.click()
    expect(page.locator("body.delete-confirmation")).to_be_visible()
    yield "the question about the sessions of a user"
    page.goto(USERS)
    choose_all(page, "end_all_sessions")
    yield "the question about users"
    page.goto(SESSIONS)
    choose_all(page, "end_selected")
    yield "the question about the selected sessions"
    yield from visit_deletable(page, THROTTLES)
    yield from visit_deletable(page, TOKENS)


def visit_deletable(page, address):
    """Yield the pages of rows that staff see and delete."""
    page.goto(address)
    yield f"the list at {address}"
    page.locator("#result_list tbody th a").last.click()
    page.wait_for_url(PAGE_OF_ONE)
    yield f"a page below {address}"
    page.locator("a.deletelink").click()
    expect(page.locator("body.delete-confirmation")).to_be_visible()
    yield f"the question about one of {address}"
    page.goto(address)
    choose_all(page, "delete_selected")
    yield f"the question about all of {address}"


DARK_PHONE = {"viewport": {"width": 360, "height": 800}, "color_scheme": "dark", "locale": "de-DE"}


@pytest.mark.parametrize("look", [{**LAPTOP, "color_scheme": "light"}, DARK_PHONE])
def test_axe_finds_nothing_on_the_pages_of_staff(page, new_tab, counts, token, look):
    titles = set()
    for name in visit_all(page, new_tab):
        # Without "preload", which would fetch the stylesheets by script.
        options = {"resultTypes": ["violations"], "preload": False}
        answer = Axe().run(page, context={"exclude": OF_DJANGO}, options=options).response
        assert not answer["violations"], f"{name}: {json.dumps(answer['violations'], indent=1)}"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= look["viewport"]["width"], f"{name} is {width} pixels wide"
        titles.add(page.title())
    assert len(titles) >= 14


@pytest.mark.parametrize("look", [LAPTOP])
def test_staff_end_a_session_which_signs_its_browser_out(page, new_tab):
    phone, laptop = new_tab(**PHONE), new_tab(**LAPTOP)
    for tab in (phone, laptop):
        sign_in(tab)
    sign_in_as_staff(page)
    page.locator("#content-main").get_by_role("link", name="Sessions", exact=True).click()
    at(page, "Live sessions")
    page.get_by_role("textbox", name="Search").fill(NAME)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Firefox on Android").click()
    at(page, "View session")
    page.get_by_role("button", name="End this session").click()
    at(page, "End 1 session?")
    words = page.locator("main table tbody").inner_text()
    assert words.split("\t")[:3] == [NAME, "Firefox on Android", "127.0.0.1"]

    page.get_by_role("link", name="No, take me back").click()
    at(page, "View session")
    page.get_by_role("button", name="End this session").click()
    page.get_by_role("button", name="Yes, I").click()
    expect(page.locator(".messagelist")).to_have_text("1 session was ended.")
    expect(page.get_by_role("link", name="Firefox on Android")).to_have_count(0)
    phone.goto("/")
    at(phone, "Sign in")
    laptop.goto("/")
    at(laptop, f"Home of {NAME}")


@pytest.mark.parametrize("look", [LAPTOP])
def test_staff_find_the_end_in_the_history_and_the_user_from_there(page, new_tab):
    phone = new_tab(**PHONE)
    sign_in(phone)
    sign_in_as_staff(page)
    page.goto(f"{SESSIONS}?q={NAME}")
    page.locator(".field-device a").click()
    page.get_by_role("button", name="End this session").click()
    page.get_by_role("button", name="Yes, I").click()
    page.goto(HISTORY)
    at(page, "Sign-in history")
    newest = page.locator("#result_list tbody tr").first
    expect(newest.locator(".field-event")).to_have_text("Session ended by staff")
    newest.get_by_role("link", name=NAME, exact=True).click()
    at(page, "Change user")
    expect(page.locator(".field-live_sessions .readonly")).to_have_text("0 sessions")


@pytest.mark.parametrize("look", [LAPTOP])
def test_staff_end_all_sessions_of_a_user_from_the_page_of_the_user(page, new_tab):
    tabs = [new_tab(**PHONE), new_tab(**LAPTOP)]
    for tab in tabs:
        sign_in(tab)
    sign_in_as_staff(page)
    page.goto(USERS)
    page.get_by_role("link", name=NAME, exact=True).click()
    expect(page.get_by_role("link", name="2 sessions")).to_be_visible()
    page.get_by_role("link", name="End all sessions of this user").click()
    at(page, "End 2 sessions?")
    page.get_by_role("button", name="Yes, I").click()
    expect(page.locator(".messagelist")).to_have_text("2 sessions were ended.")
    for tab in tabs:
        tab.goto("/")
        at(tab, "Sign in")


def at_1200(locale):
    return {**LAPTOP, "viewport": {"width": 1200, "height": 800}, "locale": locale}


@pytest.mark.parametrize("look", [{**LAPTOP, "locale": "de-DE"}])
def test_all_columns_of_the_throttle_fit(page, counts, look):
    sign_in_as_staff(page)
    page.goto(THROTTLES)
    table, frame = page.locator("#result_list"), page.locator("#changelist .results")
    expect(table).to_contain_text("2001:db8:85a3:8d3::/64")
    assert table.bounding_box()["width"] <= frame.bounding_box()["width"]


@pytest.mark.parametrize("look", [at_1200("en-GB"), at_1200("de-DE")], ids=["en", "de"])
@pytest.mark.parametrize("address", [SESSIONS, HISTORY])
def test_all_columns_fit_beside_the_filter(page, wide_rows, address):
    sign_in_as_staff(page)
    page.goto(address)
    expect(page.locator("#changelist-filter")).to_be_visible()
    expect(page.locator("#nav-sidebar")).to_be_visible()
    table, frame = page.locator("#result_list"), page.locator("#changelist .results")
    expect(table).to_contain_text(re.compile("2001:db8"))
    assert table.bounding_box()["width"] <= frame.bounding_box()["width"]
    cells = page.locator("#result_list tbody tr").first.locator("td, th")
    assert cells.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth).length") == 0
