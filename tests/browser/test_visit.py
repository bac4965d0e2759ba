"""The whole visit, on each storage: in, about, out, and nothing left behind."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import PASSWORD, go, heading, sign_in, write

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.shared]

ANOTHER = "a-lantern-in-the-hall"


def test_the_whole_visit(page):
    page.goto("/")
    assert heading(page).startswith("Sign in at the desk.")

    # A visitor's notebook ...
    go(page, "Notebook")
    write(page, "Ask about the umbrella stand")
    expect(page.get_by_role("list", name="Your lines")).to_contain_text("umbrella stand")
    expect(page.get_by_text("You have opened this page 2 times.")).to_be_visible()
    before = session_cookie(page)

    # ... survives signing in, which changes the key.
    page.get_by_role("link", name="Sign in and take it with you").click()
    assert heading(page) == "Sign in"
    sign_in(page)
    expect(page.get_by_role("list", name="Your lines")).to_contain_text("umbrella stand")
    expect(page.get_by_text("You have opened this page 3 times.")).to_be_visible()
    key = session_cookie(page)
    assert key != before

    # The badge says who one is, and never what the cookie holds.
    go(page, "My badge")
    expect(page.get_by_role("heading", name="My badge guest")).to_be_visible()
    for term in ("Signed in", "Last seen", "Goes idle", "Ends for good", "Badge number"):
        expect(page.get_by_role("term").get_by_text(term, exact=True)).to_be_visible()
    assert key not in page.content()

    # A new password changes the key again, and one stays signed in.
    page.get_by_role("link", name="Change your password").click()
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(ANOTHER)
    page.get_by_label("New password confirmation").fill(ANOTHER)
    page.get_by_role("button", name="Change password").click()
    assert heading(page) == "Your password is changed"
    assert session_cookie(page) != key
    go(page, "My badge")
    assert heading(page).endswith("guest")

    # Signing out empties the notebook, and Back shows nothing private.
    page.get_by_role("button", name="Sign out").click()
    assert heading(page) == "You are signed out"
    page.go_back()
    assert heading(page) == "Sign in"
    assert "guest" not in page.get_by_role("main").inner_text()
    go(page, "Notebook")
    expect(page.get_by_text("Nothing written yet.")).to_be_visible()
    expect(page.get_by_text("You have opened this page 1 time.")).to_be_visible()

    go(page, "Sign in")
    sign_in(page, ANOTHER)
    assert heading(page).endswith("guest")


def session_cookie(page):
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "sessionid"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    return cookie["value"]


def test_a_line_can_be_removed(page):
    page.goto("/notebook/")
    for line in ("one", "two", "three"):
        write(page, line)
    page.get_by_role("listitem").filter(has_text="two").get_by_role("button").click()
    lines = page.get_by_role("list", name="Your lines").get_by_role("listitem")
    expect(lines).to_contain_text(["one", "three"])


def test_the_badge_door_leads_back_to_the_badge(page):
    page.goto("/badge/")
    assert heading(page) == "Sign in"
    expect(page.get_by_text("Please sign in to see that page.")).to_be_visible()
    sign_in(page)
    assert heading(page).endswith("guest")


def test_a_wrong_password_is_said_and_can_be_mended(page):
    page.goto("/accounts/login/")
    sign_in(page, "not this one")
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    assert page.title().startswith("Error:")
    sign_in(page)
    assert heading(page).endswith("guest")


def test_a_forgotten_password_is_reset_through_the_mail(page, mailoutbox):
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("Email").fill("guest@lobby.example")
    page.get_by_role("button", name="Send the link").click()
    assert heading(page) == "Check your mailbox"

    link = re.search(r"^http://\S+$", mailoutbox[0].body, re.MULTILINE)[0]
    page.goto(link)
    # The token is not in the address any more, so no Referer and no history gives it away.
    assert page.url.endswith("/set-password/")
    page.get_by_label("New password", exact=True).fill(ANOTHER)
    page.get_by_label("New password confirmation").fill(ANOTHER)
    page.get_by_role("button", name="Set the password").click()
    assert heading(page) == "Your new password is set"
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    sign_in(page, ANOTHER)
    assert heading(page).endswith("guest")

    page.goto(link)
    assert heading(page) == "This link no longer works"


def test_signing_out_in_one_tab_closes_every_door_in_the_other(page):
    page.goto("/accounts/login/")
    sign_in(page)
    other = page.context.new_page()
    other.goto("/badge/")
    page.get_by_role("button", name="Sign out").click()
    assert heading(page) == "You are signed out"
    other.reload()
    assert heading(other) == "Sign in"


def test_staff_walk_on_into_the_admin_and_sign_out_there(page):
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill("keys-to-the-lobby")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    assert heading(page).endswith("staff")
    go(page, "Admin")
    expect(page.get_by_text("Site administration")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.goto("/badge/")
    assert heading(page) == "Sign in"
