"""Django's test clients for WSGI and ASGI under one interface, and what tests look at in a response."""

from collections.abc import Callable
from http.cookies import Morsel
from inspect import iscoroutinefunction, isgeneratorfunction
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import AsyncClient, Client

from tests.requests import site


class Browser:
    """What both browsers can do besides Django's ``get()``, ``post()`` and so on."""

    native = "do"
    cookies: Any
    get: Callable[..., Any]

    def do(self, task: site.Task, **extra: Any) -> Any:
        """Visit the page that performs ``task``. ``response.answer`` is what the task returned."""
        folder = "do"
        if iscoroutinefunction(task):
            folder = "ado"
        elif isgeneratorfunction(task):
            folder = self.native
        with site.registered(task) as number:
            return self.get(f"/{folder}/{number}/", **extra)

    @property
    def key(self) -> str:
        """The key in the cookie; empty without one."""
        cookie = self.cookies.get(settings.SESSION_COOKIE_NAME)
        return cookie.value if cookie else ""

    @key.setter
    def key(self, value: str) -> None:
        self.cookies[settings.SESSION_COOKIE_NAME] = value

    def username(self) -> str:
        """Return the name of the user who is signed in, without a domain; empty for nobody."""
        return self.do(lambda request: request.user.get_username().partition("@")[0]).answer

    def put(self, **values: Any) -> Any:
        """Put ``values`` into the session."""
        return self.do(lambda request: request.session.update(values))

    def values(self) -> dict[str, Any]:
        """Return the values of the session, without Django's own."""
        session = self.do(lambda request: dict(request.session.items())).answer
        return {key: value for key, value in session.items() if not str(key).startswith("_")}


class WSGIBrowser(Browser, Client):
    """A browser of a site that runs under WSGI."""


def _blocking(method: str) -> Callable[..., Any]:
    def call(self: AsyncClient, *args: Any, **kwargs: Any) -> Any:
        return async_to_sync(getattr(AsyncClient, method))(self, *args, **kwargs)

    return call


class ASGIBrowser(Browser, AsyncClient):
    """A browser of a site that runs under ASGI.

    The event loop runs in a thread of its own. Its thread-sensitive work comes back to the test's thread,
    so the test's transaction and its counts of queries hold here too.
    """

    native = "ado"
    get = _blocking("get")
    post = _blocking("post")
    head = _blocking("head")
    force_login = _blocking("aforce_login")
    logout = _blocking("alogout")


BROWSERS: dict[str, type[WSGIBrowser] | type[ASGIBrowser]] = {
    "sync": WSGIBrowser,
    "async": ASGIBrowser,
}


def cookie(response: Any) -> Morsel | None:
    """Return the session cookie that ``response`` sets or clears."""
    return response.cookies.get(settings.SESSION_COOKIE_NAME)


def clears(response: Any) -> bool:
    """Return whether ``response`` tells the browser to delete the session cookie."""
    found = cookie(response)
    return found is not None and found.value == "" and found["max-age"] == 0


def varies(response: Any) -> bool:
    """Return whether ``response`` tells caches that it depends on the cookie."""
    return "cookie" in response.get("Vary", "").lower()


def directives(response: Any) -> set[str]:
    """Return the directives of Cache-Control."""
    return {part.strip() for part in response.get("Cache-Control", "").split(",") if part.strip()}
