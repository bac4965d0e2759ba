"""Creating an API token in a browser: its text is copied by a button, or by hand without the script."""

import pytest
from playwright.sync_api import expect

from tests.browser.steps import at, sign_in

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.parametrize("options", [{"API_SCOPES": {"orders:read": "Read orders"}}]),
]


def create(page):
    sign_in(page)
    page.wait_for_url("**/")
    page.goto("/accounts/sessions/")
    page.get_by_role("link", name="Create an API token").click()
    page.get_by_label("Name").fill("nightly backup")
    page.get_by_label("Read orders").check()
    page.get_by_label("Lifetime").select_option("30 days")
    page.get_by_role("button", name="Create").click()
    at(page, "Your new API token")
    return page.get_by_label("nightly backup").input_value()


def test_a_button_copies_the_text(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text = create(page)
    assert text.startswith("fdt_")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == text


@pytest.mark.parametrize("look", [{"java_script_enabled": False}])
def test_without_scripts_the_text_is_there_to_be_copied_by_hand(page):
    assert len(create(page)) == 51
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()


def test_a_token_is_revoked_and_gone_from_the_list(page):
    create(page)
    page.get_by_role("link", name="Back").click()
    page.get_by_role("link", name="Revoke nightly backup").click()
    at(page, "Revoke nightly backup")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("Revoked: nightly backup.")
    expect(page.get_by_role("link", name="Revoke nightly backup")).to_have_count(0)
