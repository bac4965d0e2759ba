"""What users do with the pages, from end to end."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.site import pictures_under_way
from tests.browser.steps import (
    EMAIL,
    LAPTOP,
    NEW_PASSWORD,
    PASSWORD,
    PHONE,
    at,
    change_password,
    rows,
    sign_in,
)

pytestmark = pytest.mark.needs("chromium")

ANY_AGE_IS_OLD = {"REAUTH_AGE": timedelta(microseconds=1)}
ORDERS = ("early", "late", "both")


def test_a_visit_from_sign_in_to_sign_out(page):
    page.goto("/")
    at(page, "Sign in")
    expect(page.get_by_text("Please sign in to see that page.")).to_be_visible()
    sign_in(page, "not this one")
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    assert page.title().startswith("Error:")
    expect(page.get_by_label("Password")).to_be_focused()

    # From here on by the keyboard alone.
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    at(page, "Home of ada")
    key = session_key(page)

    change_password(page)
    at(page, "Your password has been changed")
    assert session_key(page) != key

    page.get_by_role("button", name="Sign out").press("Enter")
    at(page, "You are signed out")
    page.go_back()
    at(page, "Sign in")
    assert "ada" not in page.get_by_role("main").inner_text()
    sign_in(page, NEW_PASSWORD)
    at(page, "Home of ada")


def session_key(page):
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "sessionid"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    return cookie["value"]


@pytest.mark.parametrize("look", [{**LAPTOP, "timezone_id": "Asia/Tokyo"}])
def test_sessions_are_ended_from_another_browser(page, new_tab):
    phones = [new_tab(**PHONE), new_tab(**PHONE)]
    for tab in (*phones, page):
        sign_in(tab)
    page.goto("/accounts/sessions/")
    at(page, "Where you are signed in")
    expect(rows(page)).to_have_count(3)
    expect(rows(page).first).to_contain_text("Edge on Windows")
    expect(rows(page).first).to_contain_text("This device")
    expect(rows(page).last).to_contain_text("Firefox on Android")

    # Exact times, by the keyboard, and in the time zone of the browser.
    exact = rows(page).last.locator("[data-fd-moment]").first
    expect(exact).to_be_hidden()
    rows(page).last.locator("summary").press("Enter")
    expect(exact).to_be_visible()
    expect(page.get_by_text("Times are in the time zone Asia/Tokyo.")).to_be_visible()
    shown = page.evaluate(
        "time => new Date(time).toLocaleTimeString('en-GB', {timeStyle: 'short', timeZone: 'Asia/Tokyo'})",
        exact.get_attribute("datetime"),
    )
    expect(exact).to_contain_text(shown)

    button = page.get_by_role("button", name="Sign out Firefox on Android, 127.0.0.1").first
    button.press("Enter")
    message = page.get_by_role("status")
    expect(message).to_contain_text("Signed out: Firefox on Android, 127.0.0.1.")
    expect(message).to_be_focused()
    expect(rows(page)).to_have_count(2)

    page.get_by_role("link", name="Sign out everywhere else").click()
    at(page, "Sign out everywhere else")
    page.get_by_role("link", name="Cancel").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("link", name="Sign out everywhere else").click()
    page.get_by_role("button", name="Sign out everywhere else").click()
    expect(page.get_by_role("status")).to_contain_text("Signed out of 1 other session.")
    expect(rows(page)).to_have_count(1)

    for tab in phones:
        tab.goto("/")
        at(tab, "Sign in")
    page.goto("/")
    at(page, "Home of ada")


@pytest.mark.parametrize("options", [ANY_AGE_IS_OLD])
@pytest.mark.parametrize("look", [PHONE])
def test_an_interrupted_post_goes_on_after_the_password(page):
    sign_in(page)
    text = "one\ntwo <\"é'&amp; 語>"
    page.get_by_label("Reason").fill(text)
    page.get_by_role("button", name="Close the account").click()
    at(page, "Enter your password to close your account")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_role("link", name="Cancel").click()
    at(page, "Home of ada")

    page.get_by_label("Reason").fill(text)
    page.get_by_role("button", name="Close the account").click()
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("This password was not accepted.")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()  # not to the address of the POST
    at(page, "Home of ada")

    page.get_by_label("Reason").fill(text)
    page.get_by_role("button", name="Close the account").click()
    # The keys would go to the page before.
    at(page, "Enter your password to close your account")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type("not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This password was not accepted.")).to_be_visible()
    assert page.title().startswith("Error:")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Closed.")
    expect(page.get_by_text("Notes:")).to_have_text("Notes: one two <\"é'&amp; 語>")


def test_a_forgotten_password_is_reset_by_mail(page, mailoutbox):
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_role("button", name="Send the link").click()
    at(page, "Check your email")

    link = re.search(r"^http://\S+$", mailoutbox[0].body, re.MULTILINE)[0]
    page.goto(link)
    # The token is not in the address any more, so neither a Referer nor the browser's history gives it away.
    assert page.url.endswith("/set-password/")
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password confirmation").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Set a new password").click()
    at(page, "Your new password is set")
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    sign_in(page, NEW_PASSWORD)
    at(page, "Home of ada")

    page.goto(link)
    at(page, "This link no longer works")


@pytest.mark.parametrize("look", [{"java_script_enabled": False, "timezone_id": "Asia/Tokyo"}])
def test_no_page_needs_javascript(page, new_tab):
    other = new_tab(**PHONE)
    for tab in (page, other):
        sign_in(tab)
    page.goto("/accounts/sessions/")
    expect(page.get_by_text("Times are in the time zone UTC.")).to_be_visible()
    rows(page).last.locator("summary").click()
    expect(rows(page).last.locator("[data-fd-moment]").first).to_be_visible()
    rows(page).last.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("Signed out: Firefox on Android")
    page.get_by_role("link", name="Sign out everywhere").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    at(page, "You are signed out")
    expect(page.get_by_role("status")).to_have_text("You are signed out everywhere.")


def test_requests_under_way_sign_no_user_out_or_in(page):
    """Each picture was asked for with the old cookie, and is answered after the new one was set.

    Django's own middleware clears the cookie then, as it does not know the old key any more. A picture that
    writes would replace it by that of a new, anonymous session.
    """
    other = page.context.new_page()
    other.goto("/note/")  # so that there is an old key
    with pictures_under_way(other, *ORDERS):
        sign_in(page)
        at(page, "Home of ada")
    expect(page.get_by_text("written without signing in")).to_be_visible()
    with pictures_under_way(other, *ORDERS):
        change_password(page)
        at(page, "Your password has been changed")
    page.goto("/")
    at(page, "Home of ada")
    with pictures_under_way(other, *ORDERS):
        page.get_by_role("button", name="Sign out").click()
        at(page, "You are signed out")
    page.goto("/")
    at(page, "Sign in")
