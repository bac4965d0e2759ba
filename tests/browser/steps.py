"""What a visitor does, in a visitor's words. Everything is found as a screen reader finds it."""

import os
from pathlib import Path
from typing import Any

PASSWORD = "welcome-to-the-lobby"
STAFF_PASSWORD = "keys-to-the-lobby"


def sign_in(page: Any, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill("guest")
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def write(page: Any, line: str) -> None:
    page.get_by_label("A line for your notebook").fill(line)
    page.get_by_role("button", name="Write it down").click()


def heading(page: Any) -> str:
    return str(page.get_by_role("heading", level=1).inner_text())


def go(page: Any, link: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=link).click()


def keep(page: Any, name: str) -> None:
    """Keep a picture for whoever wants to look: FRONTDESK_PICTURES=directory."""
    if directory := os.environ.get("FRONTDESK_PICTURES"):
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)
