"""Every page that a person can meet, and a reader that tells what is on it."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

PASSWORD = "a lantern in the hall"

Visit = Callable[[Client, User], object]


def reset_link(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return reverse("password_reset_confirm", args=[uid, token])


def get(name: str, query: str = "", args: tuple[str, ...] = ()) -> Visit:
    return lambda client, user: client.get(reverse(name, args=args) + query)


def post(name: str, **fields: str) -> Visit:
    return lambda client, user: client.post(reverse(name), fields)


def follow_reset_link(client: Client, user: User) -> object:
    return client.get(reset_link(user), follow=True)


WRONG_CREDENTIALS = {"username": "x", "password": "y"}
WRONG_PASSWORDS = {"old_password": "no", "new_password1": "a", "new_password2": "b"}

# name: the template, who sees the page, and how one gets there
PAGES: dict[str, tuple[str, str, Visit]] = {
    "login": ("login.html", "visitor", get("login")),
    "login-for": ("login.html", "visitor", get("login", "?next=/in/")),
    "login-again": ("login.html", "member", get("login")),
    "login-wrong": ("login.html", "visitor", post("login", **WRONG_CREDENTIALS)),
    "logout-ask": ("logout.html", "member", get("logout")),
    "logout": ("logged_out.html", "member", post("logout")),
    "logout-late": ("logged_out.html", "visitor", get("logout")),
    "change": ("password_change_form.html", "member", get("password_change")),
    "change-wrong": (
        "password_change_form.html",
        "member",
        post("password_change", **WRONG_PASSWORDS),
    ),
    "change-done": ("password_change_done.html", "member", get("password_change_done")),
    "reset": ("password_reset_form.html", "visitor", get("password_reset")),
    "reset-done": ("password_reset_done.html", "visitor", get("password_reset_done")),
    "reset-link": ("password_reset_confirm.html", "visitor", follow_reset_link),
    "reset-dead-link": (
        "password_reset_confirm.html",
        "visitor",
        get("password_reset_confirm", args=("x", "y")),
    ),
    "reauthenticate": ("reauthenticate.html", "member", get("reauthenticate", "?next=/in/")),
    "reauthenticate-wrong": (
        "reauthenticate.html",
        "member",
        post("reauthenticate", **{"reauthenticate-password": "no"}),
    ),
    "sessions": ("sessions.html", "member", get("frontdesk_sessions")),
    "reset-complete": ("password_reset_complete.html", "visitor", get("password_reset_complete")),
}
each_page = pytest.mark.parametrize("name", PAGES)


class Page(HTMLParser):
    """What the tests ask about a page: its tags and the words that a person reads or hears."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.words += [value for name, value in attrs if name in {"aria-label", "alt", "title"}]

    def handle_data(self, data):
        if text := " ".join(data.split()):
            self.words.append(text)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page(response) -> Page:
    return Page(response.content.decode())
