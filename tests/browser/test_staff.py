"""Staff at the admin: who is in, and taking a badge back; on each storage, phone and desktop."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import STAFF_PASSWORD, heading, keep, sign_in

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.shared]


def sign_in_staff(page):
    page.goto("/accounts/login/?next=/admin/")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill(STAFF_PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Site administration")).to_be_visible()


def guest_in_another_browser(page, **look):
    base = re.match(r"http://[^/]+", page.url)[0]
    context = page.context.browser.new_context(base_url=base, locale="en-GB", **look)
    guest = context.new_page()
    guest.goto("/accounts/login/?next=/badge/")
    sign_in(guest)
    assert heading(guest).endswith("guest")
    return guest


def search(page, name):
    page.goto("/admin/frontdesk/session/")
    page.locator("#searchbar").fill(name)
    page.get_by_role("button", name="Search").click()


def test_staff_find_a_session_and_end_it(page):
    sign_in_staff(page)
    guest = guest_in_another_browser(page)
    search(page, "gue")
    row = page.get_by_role("row").filter(has_text="guest")
    expect(row).to_contain_text("Chrome on Linux")
    expect(row).to_contain_text("127.0.0.1")

    row.get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("End selected sessions")
    page.locator("button[name=index]").click()
    expect(page.get_by_role("heading", name="End 1 session?")).to_be_visible()
    page.get_by_role("link", name="No, take me back").click()
    expect(page.get_by_role("row").filter(has_text="guest")).to_be_visible()

    row.get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("End selected sessions")
    page.locator("button[name=index]").click()
    page.get_by_role("button", name="Yes, end them").click()
    expect(page.get_by_text("1 session was ended.")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="guest")).to_have_count(0)

    guest.goto("/badge/")
    assert heading(guest) == "Sign in"
    guest.context.close()


def test_staff_go_from_a_user_to_the_sessions_and_end_them_all(page):
    sign_in_staff(page)
    guests = [guest_in_another_browser(page) for _ in range(2)]
    page.goto("/admin/auth/user/")
    page.get_by_role("link", name="guest", exact=True).click()
    page.get_by_role("link", name="2 sessions").click()
    expect(page.get_by_role("row").filter(has_text="guest")).to_have_count(2)

    page.goto("/admin/auth/user/")
    page.get_by_role("row").filter(has_text="guest@").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("End all sessions of selected users")
    page.locator("button[name=index]").click()
    page.get_by_role("button", name="Yes, end them").click()
    expect(page.get_by_text("2 sessions were ended.")).to_be_visible()
    for guest in guests:
        guest.goto("/badge/")
        assert heading(guest) == "Sign in"
        guest.context.close()


LOOKS = [
    pytest.param(
        {"viewport": {"width": width, "height": 800}, "color_scheme": scheme},
        id=f"{width}-{scheme}",
    )
    for width in (390, 1280)
    for scheme in ("light", "dark")
]


@pytest.mark.parametrize("storage", ["database", "file"], indirect=True)
@pytest.mark.parametrize("look", LOOKS)
def test_nothing_of_a_session_is_cut_off(page, look, storage):
    sign_in_staff(page)
    guest = guest_in_another_browser(page)
    width = look["viewport"]["width"]
    search(page, "gue")
    row = page.get_by_role("row").filter(has_text="guest")
    keep(page, f"list-{width}-{look['color_scheme']}-{storage}")
    assert_fits(page, width)
    row.get_by_role("link", name="Chrome on Linux").click()
    expect(page.get_by_text("ends for good", exact=False)).to_be_visible()
    keep(page, f"session-{width}-{look['color_scheme']}-{storage}")
    assert_fits(page, width)
    page.goto("/admin/auth/user/")
    page.get_by_role("link", name="guest", exact=True).click()
    keep(page, f"user-{width}-{look['color_scheme']}-{storage}")
    page.get_by_role("link", name="1 session", exact=True).click()
    row.get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("End selected sessions")
    page.locator("button[name=index]").click()
    expect(page.get_by_role("heading", name="End 1 session?")).to_be_visible()
    keep(page, f"question-{width}-{look['color_scheme']}-{storage}")
    assert_fits(page, width)
    guest.context.close()


def assert_fits(page, width):
    """No page is wider than the screen; a table may scroll within its own box."""
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
