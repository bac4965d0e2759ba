"""Every page, in both colour schemes and languages: nothing cut off, nothing mute, no mouse needed."""

import pytest
from playwright.sync_api import expect

from tests.browser.steps import PASSWORD, STAFF_PASSWORD, heading, keep

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.shared]

BEFORE = (
    "/",
    "/notebook/",
    "/accounts/login/?next=/badge/",
    "/accounts/logout/",
    "/accounts/password_reset/",
    "/accounts/password_reset/done/",
    "/accounts/reset/x/y/",
    "/accounts/reset/done/",
)
AFTER = (
    "/",
    "/badge/",
    "/notebook/",
    "/accounts/login/",
    "/accounts/logout/",
    "/accounts/password_change/",
    "/accounts/password_change/done/",
    "/accounts/reauthenticate/",
    "/accounts/sessions/",
)
# Looks do not depend on where sessions are kept.
one_storage = pytest.mark.parametrize("storage", ["database"], indirect=True)


def narrow(scheme: str, locale: str) -> dict[str, object]:
    return {
        "viewport": {"width": 320, "height": 640},
        "color_scheme": scheme,
        "locale": locale,
    }


def visit_all(page):
    """Yield the address of each page while it is shown: first to a visitor, then to a guest."""
    for address in BEFORE:
        page.goto(address)
        yield address
    page.goto("/accounts/login/")
    page.locator("[name=username]").fill("guest")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/badge/")
    for address in AFTER:
        page.goto(address)
        yield address
    page.goto("/accounts/password_change/")
    page.locator("main button[type=submit]").evaluate("button => button.form.noValidate = true")
    page.locator("main button[type=submit]").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.wait_for_load_state()
    yield "the password form with errors"


@one_storage
@pytest.mark.parametrize("look", [narrow("light", "en-GB"), narrow("dark", "de-DE")])
def test_each_page_fits_a_narrow_screen_and_names_itself(page, look):
    titles = set()
    for address in visit_all(page):
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, f"{address} is {width} pixels wide"
        assert page.get_by_role("heading", level=1).count() == 1, address
        assert page.locator("html").get_attribute("lang") == look["locale"][:2], address
        assert page.title(), address
        titles.add(page.title())
    assert len(titles) >= 12


PHONE = {"width": 390, "height": 800}


@one_storage
@pytest.mark.parametrize(
    "look", [{"viewport": PHONE, "locale": name} for name in ("en-GB", "de-DE")]
)
def test_the_header_has_two_rows_at_most_on_a_phone(page, look):
    for name, password in (("guest", PASSWORD), ("staff", STAFF_PASSWORD)):
        page.goto("/accounts/login/?next=/badge/")
        page.locator("[name=username]").fill(name)
        page.locator("[name=password]").fill(password)
        page.locator("main button[type=submit]").click()
        page.wait_for_url("**/badge/")
        keep(page, f"header-{name}-{look['locale']}")
        assert page.evaluate(ROWS) <= 2, name
        page.locator(".fd-sign-out button").click()
        page.wait_for_load_state()


# The rows in which the words and buttons of the header stand, by their middles.
ROWS = """() => {
  const middles = [...document.querySelectorAll(".fd-brand, .fd-nav a, .fd-sign-out")]
    .map(element => element.getBoundingClientRect())
    .map(box => box.top + box.height / 2)
    .sort((a, b) => a - b);
  return middles.filter((at, place) => !place || at - middles[place - 1] > 12).length;
}"""


@one_storage
@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark"}])
def test_text_and_fields_stand_out_from_what_is_behind_them(page, look):
    """WCAG 2.2, 1.4.3 and 1.4.11, on the colours that the browser computed."""
    for address in visit_all(page):
        assert page.evaluate(FAINT) == [], address


# Text on the nearest background behind it (4.5 to 1, or 3 to 1 when large), and the edges of fields
# and of buttons without a background (3 to 1).
FAINT = """() => {
  const rgb = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => {
    const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dark + 0.05);
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = rgb(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *:not(svg *)")) {
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const speaks = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    const large = parseFloat(style.fontSize) >= 24;
    if (speaks && contrast(rgb(style.color), behind(element)) < (large ? 3 : 4.5))
      faint.push(element.outerHTML.slice(0, 90));
    const field = element.matches("input:not([type=hidden]), .fd-button-quiet");
    if (field && contrast(rgb(style.borderTopColor), behind(element.parentElement)) < 3)
      faint.push("edge of " + element.outerHTML.slice(0, 90));
  }
  return faint;
}"""


@one_storage
def test_signing_in_and_out_needs_only_the_keyboard(page):
    page.goto("/")
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    press("Enter")
    expect(page.get_by_role("main")).to_be_focused()

    page.goto("/accounts/login/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("guest")
    press("Tab")
    page.keyboard.type(PASSWORD)
    press("Enter")
    page.wait_for_url("**/badge/")
    assert heading(page).endswith("guest")

    sign_out = page.get_by_role("button", name="Sign out")
    for _ in range(20):
        press("Tab")
        if sign_out.evaluate("button => button === document.activeElement"):
            break
    press("Enter")
    page.wait_for_url("**/logout/")
    assert heading(page) == "You are signed out"


@one_storage
def test_whatever_has_the_focus_shows_it(page):
    for address in visit_all(page):
        # The browser gives the focus to an autofocused field a moment after the page has loaded.
        first = page.locator("[autofocus]")
        if first.count():
            expect(first).to_be_focused()
        seen = set()
        for step in range(40):
            if step or page.evaluate(FOCUS) is None:  # some pages put it into their first field
                page.keyboard.press("Tab")
            focus = page.evaluate(FOCUS)
            if focus is None or focus["html"] in seen:
                break
            seen.add(focus["html"])
            assert focus["outline"] not in {"none", "0px"}, f"{address}: {focus['html']}"
            assert focus["width"] >= 2, f"{address}: {focus['html']}"
        assert len(seen) >= 3, address


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


@one_storage
@pytest.mark.parametrize("look", [{"java_script_enabled": False}])
def test_no_page_needs_javascript(page):
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("guest")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    assert heading(page).endswith("guest")
    page.get_by_role("button", name="Sign out").click()
    assert heading(page) == "You are signed out"


@one_storage
@pytest.mark.parametrize("look", [{"forced_colors": "active"}, {"reduced_motion": "reduce"}])
def test_system_preferences_are_followed(page, look):
    page.goto("/accounts/login/")
    button = page.get_by_role("main").get_by_role("button", name="Sign in")
    style = button.evaluate("e => ({...getComputedStyle(e)})")
    if "forced_colors" in look:
        assert style["borderTopStyle"] == "solid"
    else:
        assert style["transitionDuration"] == "0s"
