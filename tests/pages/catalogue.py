"""Every page that a user can meet, and a reader that tells what is on it."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from frontdesk import api_tokens

PASSWORD = "a lantern in the hall"

FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)

Visit = Callable[[Client, User], object]


def reset_link(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return reverse("password_reset_confirm", args=[uid, token])


def get(name: str, query: str = "", args: tuple[str, ...] = ()) -> Visit:
    return lambda client, user: client.get(reverse(name, args=args) + query)


def post(name: str, /, **fields: object) -> Visit:
    return lambda client, user: client.post(reverse(name), fields)


def follow_reset_link(client: Client, user: User) -> object:
    return client.get(reset_link(user), follow=True)


def sign_in(user: User, agent: str = CHROME, ip: str = "127.0.0.1", **fields: str) -> Client:
    """Return a browser in which ``user`` has just signed in by the page."""
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=ip)
    client.post(reverse("login"), {"username": user.get_username(), "password": PASSWORD, **fields})
    return client


class Sight(NamedTuple):
    """A page: its template, the fixture that is the browser, and how one gets there."""

    template: str
    browser: str
    visit: Visit


WRONG_CREDENTIALS = {"username": "x", "password": "y"}
WRONG_PASSWORDS = {"old_password": "no", "new_password1": "a", "new_password2": "b"}

NEW_TOKEN = {"name": "o'neil & co", "scopes": "orders:read", "age": 7 * 86_400}


def ask_to_end_token(client: Client, user: User) -> object:
    (token,) = api_tokens.for_user(user)
    return client.get(reverse("frontdesk_end_token", args=[token.id]))


PAGES = {
    "login": Sight("login.html", "stranger", get("login")),
    "login-for": Sight("login.html", "stranger", get("login", "?next=/in/")),
    "login-again": Sight("login.html", "member", get("login")),
    "login-wrong": Sight("login.html", "stranger", post("login", **WRONG_CREDENTIALS)),
    "logout-ask": Sight("logout.html", "member", get("logout")),
    "logout": Sight("logged_out.html", "member", post("logout")),
    "logout-late": Sight("logged_out.html", "stranger", get("logout")),
    "change": Sight("password_change_form.html", "member", get("password_change")),
    "change-wrong": Sight(
        "password_change_form.html", "member", post("password_change", **WRONG_PASSWORDS)
    ),
    "change-done": Sight("password_change_done.html", "member", get("password_change_done")),
    "reset": Sight("password_reset_form.html", "stranger", get("password_reset")),
    "reset-done": Sight("password_reset_done.html", "stranger", get("password_reset_done")),
    "reset-link": Sight("password_reset_confirm.html", "stranger", follow_reset_link),
    "reset-dead-link": Sight(
        "password_reset_confirm.html", "stranger", get("password_reset_confirm", args=("x", "y"))
    ),
    "reset-complete": Sight(
        "password_reset_complete.html", "stranger", get("password_reset_complete")
    ),
    "reauthenticate": Sight("reauthenticate.html", "member", get("reauthenticate", "?next=/in/")),
    "reauthenticate-wrong": Sight(
        "reauthenticate.html", "member", post("reauthenticate", **{"reauthenticate-password": "no"})
    ),
    "sessions": Sight("sessions.html", "member", get("frontdesk_sessions")),
    "sessions-token": Sight("sessions.html", "programmer", get("frontdesk_sessions")),
    "token-create": Sight("create_token.html", "programmer", get("frontdesk_create_token")),
    "token-create-wrong": Sight(
        "create_token.html", "programmer", post("frontdesk_create_token", name="x" * 101)
    ),
    "token-created": Sight(
        "token_created.html", "programmer", post("frontdesk_create_token", **NEW_TOKEN)
    ),
    "token-end": Sight("end_token.html", "programmer", ask_to_end_token),
    "end-others": Sight("end_others.html", "member", get("frontdesk_end_others")),
    "end-all": Sight("end_all.html", "member", get("frontdesk_end_all")),
    "history": Sight("history_page.html", "member", get("frontdesk_history")),
}
each_page = pytest.mark.parametrize("name", PAGES)


class Page(HTMLParser):
    """What the tests ask about a page: its tags and the words that a user reads or hears."""

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

    @property
    def text(self) -> str:
        return " ".join(self.words)


def page(response) -> Page:
    return Page(response.content.decode())
