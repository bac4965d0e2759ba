"""Every page in a real browser: nothing that axe objects to, nothing cut off, nothing out of sight."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.steps import LAPTOP, NAME, PASSWORD, PHONE, at, rows, sign_in

pytestmark = pytest.mark.needs("chromium")

SIGNED_OUT = (
    "/accounts/login/?next=/",
    "/accounts/logout/",
    "/accounts/password_reset/",
    "/accounts/password_reset/done/",
    "/accounts/reset/x/y/",
    "/accounts/reset/done/",
    "/outage/",
)
SIGNED_IN = (
    "/accounts/login/",
    "/accounts/logout/",
    "/accounts/password_change/",
    "/accounts/password_change/done/",
    "/accounts/reauthenticate/",
    "/accounts/sessions/end-others/",
    "/accounts/sessions/end-all/",
    "/accounts/sessions/history/",
    "/accounts/sessions/tokens/new/",
    "/accounts/sessions/",
)
SCOPES = {"orders:read": "Read orders", "orders:write": "Change and cancel orders"}
REFUSING = {
    "API_SCOPES": SCOPES,
    "MAX_SESSIONS_PER_USER": 2,
    "AT_MAX_SESSIONS": "refuse",
    "REMEMBER_ME": True,
}


def visit_all(page, new_tab):
    """Yield the name of each page while it is shown: signed out, refused, signed in, after an action."""
    for address in SIGNED_OUT:
        page.goto(address)
        yield address
    sign_in(page, "not this one")
    yield "a wrong password"
    others = [new_tab(**PHONE), new_tab(**LAPTOP)]
    for tab in others:
        sign_in(tab)
    sign_in(page)
    expect(page.locator("[name=make_room]")).to_be_visible()
    yield "too many sessions"
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=make_room]").click()
    page.wait_for_url("**/")
    for address in SIGNED_IN:
        page.goto(address)
        yield address
    page.locator("details").first.evaluate("details => details.open = true")
    yield "an open session"
    rows(page).last.locator("button").click()
    expect(page.get_by_role("status")).to_be_focused()
    yield "a message"
    page.goto("/accounts/sessions/tokens/new/")
    page.locator("main button[type=submit]").click()  # the browser asks for the name
    page.locator("[name=name]").fill("nightly backup on the server in the cellar")
    page.locator("main button[type=submit]").click()
    page.get_by_role("alert").wait_for()
    yield "a token without a scope"
    page.locator("[name=scopes]").first.check()
    page.locator("main button[type=submit]").click()
    page.locator("#token-text").wait_for()
    yield "a new token"
    page.goto("/accounts/sessions/")
    yield "a list of tokens"
    page.locator("a[href*='/tokens/'][href$='/end/']").click()
    page.wait_for_url("**/end/")
    yield "a token to revoke"
    page.goto("/accounts/password_change/")
    page.locator("main form").evaluate("form => form.noValidate = true")
    page.locator("main button[type=submit]").click()
    page.get_by_role("alert").wait_for()
    yield "a form with errors"


def narrow_and_dark(locale):
    return {"viewport": {"width": 320, "height": 256}, "color_scheme": "dark", "locale": locale}


@pytest.mark.parametrize("options", [REFUSING])
@pytest.mark.parametrize("look", [{**LAPTOP, "color_scheme": "light"}, narrow_and_dark("de-DE")])
def test_axe_finds_nothing_and_every_heading_is_in_sight(page, new_tab, look):
    """A window of 1280 by 1024 that is enlarged to 400 % has 320 by 256 CSS pixels (WCAG 2.2, 1.4.10)."""
    axe, size, titles = Axe(), look["viewport"], set()
    for name in visit_all(page, new_tab):
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert not found, f"{name}: {json.dumps(found, indent=1)}"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name} is {width} pixels wide"
        assert (
            page.locator("html").get_attribute("lang")
            == look.get("locale", "en-GB")[:5].lower()[
                : len(page.locator("html").get_attribute("lang"))
            ]
        )
        if name != "a message":
            page.evaluate("scrollTo(0, 0)")
            box = page.get_by_role("heading", level=1).bounding_box()
            assert box["y"] + box["height"] <= size["height"], f"{name}: {box}"
        titles.add(page.title())
    assert len(titles) >= 12


@pytest.mark.parametrize("look", [{"viewport": {"width": 320, "height": 640}}])
def test_a_user_name_is_shown_as_it_is_and_in_one_piece(page):
    sign_in(page)
    name = page.locator(".fd-user")
    expect(name).to_have_text(NAME)
    assert name.evaluate("e => getComputedStyle(e).textTransform") == "none"
    name.evaluate("e => e.textContent = 'maximiliane.mustermann@example.com'")
    lines = name.evaluate(
        "e => { const r = document.createRange(); r.selectNodeContents(e);"
        " return r.getClientRects().length }"
    )
    assert lines == 1


@pytest.mark.parametrize("look", [LAPTOP])
def test_marks_stay_in_print_and_in_forced_colors(page):
    sign_in(page)
    page.goto("/accounts/sessions/")
    mark = page.get_by_text("This device", exact=True)
    page.emulate_media(media="print")
    expect(mark).to_be_visible()
    # Browsers print no backgrounds, so the mark needs a border and a text that shows on white.
    assert mark.evaluate(BORDER) >= 1
    assert mark.evaluate(CONTRAST_ON_WHITE) >= 4.5
    page.emulate_media(media="screen", forced_colors="active")
    assert mark.evaluate(BORDER) >= 1
    page.goto("/accounts/sessions/end-all/")
    for button in page.locator("main .fd-button").all():
        assert button.evaluate(BORDER) >= 1


BORDER = "e => parseFloat(getComputedStyle(e).borderTopWidth)"

CONTRAST_ON_WHITE = """e => {
  const light = getComputedStyle(e).color.match(/[\\d.]+/g).slice(0, 3)
    .map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  return 1.05 / (light + 0.05);
}"""


@pytest.mark.parametrize("look", [LAPTOP])
def test_whatever_has_the_focus_shows_it(page):
    sign_in(page)
    for address in ("/accounts/sessions/", "/accounts/password_change/"):
        page.goto(address)
        page.evaluate("document.activeElement.blur()")
        seen = set()
        for _ in range(30):
            page.keyboard.press("Tab")
            focus = page.evaluate(FOCUS)
            if focus is None or focus["html"] in seen:
                break
            seen.add(focus["html"])
            assert focus["outline"] != "none", focus
            assert focus["width"] >= 2, focus
        assert len(seen) >= 4, address
    at(page, "Change your password")


FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const style = getComputedStyle(element);
  return {
    html: element.outerHTML.slice(0, 200),
    outline: style.outlineStyle,
    width: parseFloat(style.outlineWidth),
  };
}"""
