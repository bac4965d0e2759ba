"""What a user does. Everything is found as a screen reader finds it."""

from typing import Any

from playwright.sync_api import expect

NAME = "ada"
EMAIL = "ada@example.com"
PASSWORD = "a lantern in the hall"
NEW_PASSWORD = "a lamp in the cellar"

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0",
}
LAPTOP = {
    "viewport": {"width": 1280, "height": 800},
    "user_agent": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
    ),
}


def sign_in(page: Any, password: str = PASSWORD) -> None:
    page.goto("/accounts/login/")
    page.locator("[name=username]").fill(NAME)
    page.locator("[name=password]").fill(password)
    page.locator("main button[type=submit]").first.click()


def change_password(page: Any) -> None:
    page.goto("/accounts/password_change/")
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password confirmation").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change your password").click()


def at(page: Any, heading: str) -> None:
    """Wait for the page with this heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def rows(page: Any) -> Any:
    return page.locator("ul.fd-sessions > li")
