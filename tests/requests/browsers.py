"""Django's test clients, in both colours under one interface, and what tests ask of a response."""

from collections.abc import Callable
from http.cookies import Morsel
from inspect import iscoroutinefunction, isgeneratorfunction
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import AsyncClient, Client

from tests.requests import site


class Does:
    """What both colours can do."""

    native = "do"
    cookies: Any
    get: Callable[..., Any]

    def do(self, task: site.Task, **extra: Any) -> Any:
        """Visit the page that performs ``task``; ``response.answer`` is what the task returned."""
        folder = "do"
        if iscoroutinefunction(task):
            folder = "ado"
        elif isgeneratorfunction(task):
            folder = self.native
        with site.registered(task) as number:
            return self.get(f"/{folder}/{number}/", **extra)

    @property
    def key(self) -> str:
        """The key in the cookie; empty if there is none."""
        cookie = self.cookies.get(settings.SESSION_COOKIE_NAME)
        return cookie.value if cookie else ""

    @key.setter
    def key(self, value: str) -> None:
        self.cookies[settings.SESSION_COOKIE_NAME] = value

    def who(self) -> str:
        """Return the name of who is signed in, without a domain; empty for an anonymous visitor."""
        return self.do(lambda request: request.user.get_username().partition("@")[0]).answer

    def keep(self, **values: Any) -> Any:
        """Keep ``values`` in the session."""
        return self.do(lambda request: request.session.update(values))

    def kept(self) -> dict[str, Any]:
        """Return what a project's own code has in the session."""
        session = self.do(lambda request: dict(request.session.items())).answer
        return {key: value for key, value in session.items() if not str(key).startswith("_")}


class Browser(Does, Client):
    """A browser that talks to the WSGI handler."""


def _blocking(verb: str) -> Callable[..., Any]:
    def call(self: AsyncClient, *args: Any, **kwargs: Any) -> Any:
        return async_to_sync(getattr(AsyncClient, verb))(self, *args, **kwargs)

    return call


class AsyncBrowser(Does, AsyncClient):
    """A browser that talks to the ASGI handler, on an event loop in a thread of its own.

    The loop's thread-sensitive work comes back to the test's thread, so that the test's transaction and
    its counts of queries hold for both colours.
    """

    native = "ado"
    get = _blocking("get")
    post = _blocking("post")
    head = _blocking("head")
    force_login = _blocking("aforce_login")
    logout = _blocking("alogout")


COLOURS: dict[str, type[Browser] | type[AsyncBrowser]] = {"wsgi": Browser, "asgi": AsyncBrowser}


def cookie(response: Any) -> Morsel | None:
    """Return the session cookie that ``response`` sets or clears."""
    return response.cookies.get(settings.SESSION_COOKIE_NAME)


def clears(response: Any) -> bool:
    """Whether ``response`` tells the browser to forget the session cookie."""
    found = cookie(response)
    return found is not None and found.value == "" and found["max-age"] == 0


def varies(response: Any) -> bool:
    """Whether caches are told that the page depends on the cookie."""
    return "cookie" in response.get("Vary", "").lower()


def directives(response: Any) -> set[str]:
    """Return the directives of Cache-Control."""
    return {part.strip() for part in response.get("Cache-Control", "").split(",") if part.strip()}
