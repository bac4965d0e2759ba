"""What a visitor does, in a visitor's words. Everything is found as a screen reader finds it."""

from typing import Any

PASSWORD = "welcome-to-the-lobby"


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
