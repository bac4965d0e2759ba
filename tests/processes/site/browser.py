"""A browser: requests on connections of their own, and one cookie. No Django."""

import json
import threading
import time
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

COOKIE = "sessionid"
TIMEOUT = 30
"""Seconds after which a request counts as not answered."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    """0 if there was no answer."""
    page: dict[str, Any]
    headers: dict[str, str]
    cookie: str | None
    """The session cookie that was set, ``""`` if it was cleared, ``None`` if it was left alone."""
    ms: float

    @property
    def known(self) -> bool:
        """Whether a session answered: with a user, or with values."""
        return bool(self.page.get("user") or self.page.get("values"))


def ask(port: int, path: str, key: str | None = None) -> Answer:
    """Send one request."""
    began = time.perf_counter()
    headers = {"Cookie": f"{COOKIE}={key}"} if key else {}
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException) as error:
        return Answer(0, {"error": type(error).__name__}, {}, None, _ms_since(began))
    finally:
        connection.close()
    found = {name.lower(): value for name, value in response.getheaders()}
    page = json.loads(body) if found.get("content-type") == "application/json" else {}
    cookie = _cookie_in(found.get("set-cookie"))
    return Answer(response.status, page, found, cookie, _ms_since(began))


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _cookie_in(header: str | None) -> str | None:
    jar = SimpleCookie(header)
    if COOKIE not in jar:
        return None
    return "" if jar[COOKIE]["max-age"] == "0" else jar[COOKIE].value


class Browser:
    """One cookie, which several threads use. It changes in the order in which answers arrive."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.key: str | None = None
        self._lock = threading.Lock()

    def get(self, path: str, key: str | None = None) -> Answer:
        """Send a request with the current cookie, or with ``key``, and apply the answer's cookie."""
        answer = ask(self.port, path, key or self.key)
        with self._lock:
            if answer.cookie is not None:
                self.key = answer.cookie or None
        return answer
