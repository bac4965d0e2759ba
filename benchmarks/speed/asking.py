"""Send a request into the application of this very process, as a server would, and time it.

No server, no socket and no client are in the time: what is measured begins and ends with the call of the
application, and ends once the response is closed.
"""

import asyncio
import io
import re
import time
from typing import Any, NamedTuple

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from benchmarks.speed.subjects import ASGI, WSGI

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ADDRESS = "127.0.0.1"

_cookie = re.compile(r" ?sessionid=([^;]*);")


class Answer(NamedTuple):
    """What came back, and the nanoseconds that it took: by the clock, and of this process's processor."""

    status: int
    body: bytes
    headers: list[tuple[str, str]]
    wall: int
    cpu: int

    @property
    def key(self) -> str:
        """Return the session cookie that was set."""
        found = (_cookie.match(value) for name, value in self.headers if name == "Set-Cookie")
        return next((match[1] for match in found if match), "")


class Wsgi:
    """A request at a time, by WSGI."""

    colour = WSGI

    def __init__(self) -> None:
        self._application = get_wsgi_application()

    def ask(self, path: str, key: str) -> Answer:
        """Send one request with the session cookie ``key``."""
        environ = self._environ(path, key)
        got: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            got.append((status, headers))

        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        response = self._application(environ, start_response)
        body = b"".join(response)
        response.close()
        wall = time.perf_counter_ns() - wall
        cpu = time.process_time_ns() - cpu
        ((status, headers),) = got
        return Answer(int(status[:3]), body, headers, wall, cpu)

    def _environ(self, path: str, key: str) -> dict[str, Any]:
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": ADDRESS,
            "HTTP_HOST": "127.0.0.1",
            "HTTP_USER_AGENT": AGENT,
            "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if key:
            environ["HTTP_COOKIE"] = f"sessionid={key}"
        return environ


class Asgi:
    """A request at a time, by ASGI, on one event loop."""

    colour = ASGI

    def __init__(self) -> None:
        self._application = get_asgi_application()
        self._loop = asyncio.new_event_loop()

    def ask(self, path: str, key: str) -> Answer:
        """Send one request with the session cookie ``key``."""
        return self._loop.run_until_complete(self._ask(path, key))

    async def _ask(self, path: str, key: str) -> Answer:
        scope, sent, asked = self._scope(path, key), [], []
        never = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if asked:
                await never.wait()  # the client stays connected
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        await self._application(scope, receive, send)
        wall = time.perf_counter_ns() - wall
        cpu = time.process_time_ns() - cpu
        start, *rest = sent
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        body = b"".join(message.get("body", b"") for message in rest)
        return Answer(start["status"], body, headers, wall, cpu)

    def _scope(self, path: str, key: str) -> dict[str, Any]:
        headers = [
            (b"host", b"127.0.0.1"),
            (b"user-agent", AGENT.encode()),
            (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"),
        ]
        if key:
            headers.append((b"cookie", f"sessionid={key}".encode()))
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": (ADDRESS, 50000),
            "server": ("127.0.0.1", 80),
        }
