"""The single-page client of the demo in a real browser, under the strictest policy."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.steps import LAPTOP, NAME, PASSWORD, PHONE, sign_in
from tests.fixtures import clock

__all__ = ["clock"]

pytestmark = pytest.mark.needs("chromium")

EXAMPLE = Path(__file__).resolve().parents[2] / "example"


@pytest.fixture
def urls(settings, monkeypatch):
    """The demo's pages."""
    monkeypatch.syspath_prepend(EXAMPLE)
    settings.INSTALLED_APPS = ["lobby", *settings.INSTALLED_APPS]
    settings.SESSION_STORAGE = "database"
    return "lobby.urls"


def rows(page):
    return page.locator(".lobby-session")


def sign_in_here(page, password=PASSWORD):
    page.goto("/api/")
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("Password").first.fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("look", [LAPTOP, {**PHONE, "color_scheme": "dark", "locale": "de-DE"}])
def test_axe_finds_nothing(page, clock):
    def look():
        return Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]

    page.goto("/api/")
    page.locator("#api-username").fill(NAME)
    assert look() == []
    page.locator("#api-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    assert look() == []
    page.evaluate("document.querySelector('dialog').showModal()")
    assert look() == []


def test_the_page_leads_back_to_the_others(page):
    page.goto("/api/")
    page.get_by_role("link", name="Notebook").click()
    expect(page.get_by_role("heading", name="Notebook")).to_be_visible()


def test_the_page_is_german_in_german(page, new_tab):
    words = [tab.goto("/api/").text() for tab in (page, new_tab(locale="de-DE"))]
    texts = [set(re.findall(r">\s*([^<>]*[a-z]{3}[^<>]*?)\s*<", each)) for each in words]
    assert len(texts[0]) > 10
    assert texts[0] & texts[1] == set()


@pytest.mark.parametrize("look", [LAPTOP])
def test_a_page_signs_in_lists_ends_and_signs_out(page, new_tab, clock):
    phone = new_tab(**PHONE)
    sign_in(phone)
    sign_in_here(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    sign_in_here(page)
    expect(page.get_by_text("Signed in as ada")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("Edge on Windows")
    expect(rows(page).first).to_contain_text("This device")

    # Of the session, a script sees nothing. It keeps nothing either.
    assert "sessionid" not in page.evaluate("document.cookie")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert "sessionid" in {each["name"] for each in page.context.cookies()}

    # An old sign-in needs the password. Giving up changes nothing, and a wrong one neither.
    clock.move(minutes=16)
    end = page.get_by_role("button", name="Sign out: Firefox on Android")
    end.click()
    page.get_by_role("button", name="Cancel").click()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_role("alert")).to_be_hidden()
    end.click()
    page.get_by_role("dialog").get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("This password was not accepted")
    end.click()
    page.get_by_role("dialog").get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(rows(page)).to_have_count(1)
    phone.goto("/accounts/sessions/")
    expect(phone.get_by_role("heading", level=1)).to_have_text("Sign in")

    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_label("Username")).to_be_focused()
    page.reload()
    expect(page.get_by_label("Username")).to_be_visible()


def test_a_session_that_was_ended_elsewhere_leads_back_to_the_form(page, new_tab):
    sign_in_here(page)
    expect(rows(page)).to_have_count(1)
    other = new_tab()
    sign_in_here(other)
    expect(rows(other)).to_have_count(2)
    other.get_by_role("button", name="Sign out everywhere else").click()
    expect(rows(other)).to_have_count(1)
    page.reload()
    expect(page.get_by_label("Username")).to_be_visible()


def test_signing_in_is_shared_with_the_pages(page):
    sign_in_here(page)
    expect(rows(page)).to_have_count(1)
    page.goto("/badge/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("ada")
