"""A browser, as far as sessions go: a request, a cookie jar, a stopwatch. No Django, so it starts quickly."""

import json
import threading
import time
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

COOKIE = "sessionid"
PATIENCE = 30
"""Seconds."""


class Answer(NamedTuple):
    """What came back; status 0 if nothing did, with the reason in ``page``."""

    status: int
    page: dict[str, Any]
    headers: dict[str, str]
    cookie: str | None
    """The key that the answer sets, "" if it clears the cookie, ``None`` if it leaves it alone."""
    ms: float

    @property
    def known(self) -> bool:
        """Whether a session answered: somebody is signed in, or there are values."""
        return bool(self.page.get("user") or self.page.get("values"))


def ask(port: int, path: str, key: str | None = None) -> Answer:
    """Send one request on a connection of its own."""
    began = time.perf_counter()
    headers = {"Cookie": f"{COOKIE}={key}"} if key else {}
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException) as error:
        return Answer(0, {"error": type(error).__name__}, {}, None, _since(began))
    finally:
        connection.close()
    found = {name.lower(): value for name, value in response.getheaders()}
    page = json.loads(body) if found.get("content-type") == "application/json" else {}
    return Answer(response.status, page, found, _cookie(found.get("set-cookie")), _since(began))


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _cookie(header: str | None) -> str | None:
    jar = SimpleCookie(header)
    if COOKIE not in jar:
        return None
    return "" if jar[COOKIE]["max-age"] == "0" else jar[COOKIE].value


class Browser:
    """One cookie jar, used by several threads; it changes in the order in which answers come."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.key: str | None = None
        self._lock = threading.Lock()

    def get(self, path: str, key: str | None = None) -> Answer:
        """Send a request with the cookie of this moment, or with the one of an earlier moment; apply
        what the answer says of it."""
        answer = ask(self.port, path, key or self.key)
        with self._lock:
            if answer.cookie is not None:
                self.key = answer.cookie or None
        return answer
