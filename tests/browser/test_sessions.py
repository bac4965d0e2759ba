"""Where one is signed in: the list, ending from another browser, and the password that it takes."""

import importlib
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import open_tab
from tests.browser.steps import PASSWORD, go, heading, sign_in

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.shared]

ANOTHER = "a-lantern-in-the-hall"
FORBIDDEN = "Failed to load resource: the server responded with a status of 403 (Forbidden)"

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0",
}
DESK = {
    "viewport": {"width": 1280, "height": 800},
    "user_agent": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
    ),
}
one_storage = pytest.mark.parametrize("storage", ["database"], indirect=True)


@pytest.fixture
def other(page, site, browser, in_browser, look):
    """A tab of a second browser: a phone next to a desk, a desk next to a phone."""
    complaints = []
    device = DESK if look is PHONE else PHONE
    options = {"base_url": site, "locale": "en-GB", **device}
    tab = in_browser(open_tab, browser, options, complaints.append)
    yield tab
    in_browser(tab.context.close)
    # A browser notes the answer that asks for the password; nothing else.
    assert [complaint for complaint in complaints if not complaint.endswith(FORBIDDEN)] == []


@pytest.fixture
def strict(site, settings):
    """Let every sign-in be too old by the time something is posted."""
    settings.FRONTDESK = {**settings.FRONTDESK, "REAUTH_AGE": timedelta(microseconds=1)}


@pytest.fixture
def elsewhere(site):
    """Sign the guest in on the demo's made-up devices."""
    return importlib.import_module("lobby.devices").sign_in_elsewhere("guest")


def come_in(tab, password=PASSWORD):
    tab.goto("/accounts/login/")
    sign_in(tab, password)
    tab.wait_for_url("**/badge/")


def rows(tab):
    return tab.locator("ul.fd-sessions").get_by_role("listitem")


@pytest.mark.parametrize("look", [PHONE, DESK], ids=["phone", "desk"])
def test_one_session_is_ended_from_another_browser(page, other, look):
    come_in(page)
    come_in(other)
    go(page, "Sessions")
    assert heading(page) == "Where you are signed in"
    names = ["Firefox on Android", "Edge on Windows"]
    here, there = names if look is PHONE else reversed(names)
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text(here)
    expect(rows(page).first).to_contain_text("This session")
    expect(rows(page).last).to_contain_text(there)
    expect(rows(page).last).to_contain_text("with password")

    page.get_by_role("button", name=f"End {there}").click()
    expect(page.get_by_role("status")).to_have_text("That session has ended.")
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("button", name="End all other sessions")).to_have_count(0)

    other.goto("/badge/")
    assert heading(other) == "Sign in"
    go(page, "My badge")
    assert heading(page).endswith("guest")


def test_an_interrupted_post_goes_through_with_the_password(page, other, strict):
    come_in(page)
    come_in(other)
    go(other, "Sessions")
    rows(other).last.get_by_role("button").click()
    assert heading(other) == "Enter your password"
    expect(other.get_by_label("Password")).to_be_focused()
    expect(other.get_by_text("What you sent is kept")).to_be_visible()
    page.reload()
    assert heading(page).endswith("guest")

    other.keyboard.type("not this one")
    other.keyboard.press("Enter")
    expect(other.get_by_text("This password was not accepted.")).to_be_visible()
    assert other.title().startswith("Error:")
    expect(other.get_by_label("Password")).to_be_focused()

    other.keyboard.type(PASSWORD)
    other.keyboard.press("Enter")
    expect(other.get_by_role("status")).to_have_text("That session has ended.")
    expect(rows(other)).to_have_count(1)
    page.reload()
    assert heading(page) == "Sign in"


@one_storage
def test_what_a_form_sent_comes_through_the_page_unchanged(page, other, strict):
    """Through a real parser and a real form: line breaks, quotes, other scripts, empty and double."""
    sent = [["line", "one\r\ntwo"], ["line", " <\"é'&amp; 語> "], ["line", ""], ["action", "x"]]
    come_in(other)
    other.goto("/accounts/sessions/")
    other.evaluate(ADD_AND_SEND, sent)
    other.wait_for_url("**/end-others/")
    assert heading(other) == "Enter your password"
    found = other.evaluate(
        "() => [...new FormData(document.querySelector('.fd-form'))].filter("
        "([name]) => ['line', 'action'].includes(name)).map(([n, v]) => [n, v.replace(/\\r?\\n/g, '\\r\\n')])"
    )
    assert found == sent


ADD_AND_SEND = """sent => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/accounts/sessions/end-others/";
  form.append(document.querySelector("[name=csrfmiddlewaretoken]").cloneNode());
  for (const [name, value] of sent) {
    const field = document.createElement("textarea");
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  HTMLFormElement.prototype.submit.call(form);
}"""


@one_storage
@pytest.mark.parametrize("look", [{"java_script_enabled": False}])
def test_all_of_it_works_without_javascript(page, elsewhere):
    come_in(page)
    go(page, "Sessions")
    expect(rows(page)).to_have_count(1 + elsewhere)
    page.get_by_role("button", name="End Firefox on Android").click()
    expect(rows(page)).to_have_count(elsewhere)
    page.get_by_role("button", name="End all other sessions").click()
    expect(page.get_by_role("status")).to_have_text("2 other sessions have ended.")
    page.get_by_role("button", name="End all sessions, this one too").click()
    assert heading(page) == "You are signed out"
    expect(page.get_by_role("status")).to_have_text("All your sessions have ended.")


@one_storage
@pytest.mark.parametrize("look", [PHONE, DESK], ids=["phone", "desk"])
def test_the_made_up_devices_fill_the_page_and_it_fits(page, elsewhere, look):
    come_in(page)
    go(page, "Sessions")
    expect(rows(page)).to_have_count(1 + elsewhere)
    for words in ("Firefox on Android", "42 minutes ago", "Safari on macOS", "192.0.2.131"):
        expect(rows(page).filter(has_text=words).first).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= look["viewport"]["width"]
    for button in page.locator("main button").all():
        assert button.bounding_box()["height"] >= 24  # WCAG 2.2, 2.5.8


@one_storage
def test_a_message_is_not_hidden_by_the_strap(page, elsewhere):
    come_in(page)
    go(page, "Sessions")
    page.get_by_role("button", name="End Firefox on Android").click()
    message = page.get_by_role("status").get_by_role("listitem")
    box = message.bounding_box()
    middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    on_top = page.evaluate("({x, y}) => document.elementFromPoint(x, y).className", middle)
    assert "fd-message" in on_top


@pytest.mark.parametrize("everywhere", [True, False], ids=["everywhere", "here"])
def test_a_new_password_signs_out_everywhere_else_unless_told_not_to(page, other, everywhere):
    come_in(page)
    come_in(other)
    page.goto("/accounts/password_change/")
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(ANOTHER)
    page.get_by_label("New password confirmation").fill(ANOTHER)
    box = page.get_by_role("checkbox", name="Sign out everywhere else")
    expect(box).to_be_checked()
    box.set_checked(everywhere)
    page.get_by_role("button", name="Change password").click()
    assert heading(page) == "Your password is changed"
    other.goto("/badge/")
    assert heading(other).endswith("Sign in" if everywhere else "guest")
    page.get_by_role("link", name="See where you are signed in").click()
    expect(rows(page)).to_have_count(1 if everywhere else 2)
