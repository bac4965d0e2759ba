"""The process that is measured: ``python -m benchmarks.speed.worker wsgi|asgi|api``.

Its settings come as JSON in the environment. Each line that it reads is a JSON list, the name of a method and
its arguments, and each line that it writes is what the method returns. A request is a call of the project's
WSGI or ASGI application in this process. Only the processor time of this process is measured.
"""

import asyncio
import gc
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from types import CodeType, FrameType
from typing import Any, NamedTuple

import django
from django.conf import settings

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GUESTS = 200
"""Users who sign in, one after the other, so that no user gathers many sessions."""
COLD = 3
"""Requests at the start of a slice that are not counted."""
LEAST = 5
"""Requests in a slice, however long they take."""
WARM = 20
"""Requests before anything is measured."""


class Answer(NamedTuple):
    """What came back, and the processor time that it took, in nanoseconds."""

    status: int
    body: bytes
    headers: list[tuple[str, str]]
    cpu: int


class Wsgi:
    """Sends a request by WSGI."""

    def __init__(self) -> None:
        from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 (needs the settings)

        self._application = get_wsgi_application()

    def ask(self, path: str, key: str) -> Answer:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_USER_AGENT": AGENT,
            **self.client(key),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
        }
        got: list[Any] = []
        cpu = time.process_time_ns()
        response = self._application(environ, lambda *head: got.extend(head))
        body = b"".join(response)
        response.close()
        cpu = time.process_time_ns() - cpu
        return Answer(int(got[0][:3]), body, got[1], cpu)

    def client(self, key: str) -> dict[str, str]:
        """Return what a client with this key sends."""
        return {"HTTP_COOKIE": f"sessionid={key}" if key else ""}


class Api(Wsgi):
    """The same for a program, whose key is the name of a header and its value."""

    def client(self, key: str) -> dict[str, str]:
        name, _, value = key.partition(" ")
        return {name: value} if key else {}


class Asgi:
    """Sends a request by ASGI, on one event loop."""

    def __init__(self) -> None:
        from django.core.asgi import get_asgi_application  # noqa: PLC0415 (needs the settings)

        self._application: Any = get_asgi_application()
        self._loop = asyncio.new_event_loop()

    def ask(self, path: str, key: str) -> Answer:
        return self._loop.run_until_complete(self._ask(path, key))

    async def _ask(self, path: str, key: str) -> Answer:
        sent: list[Any] = []
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])
        headers = [(b"host", b"127.0.0.1"), (b"user-agent", AGENT.encode())]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "query_string": b"",
            "headers": [*headers, (b"cookie", f"sessionid={key}".encode())],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80),
        }

        async def receive() -> Any:
            for message in messages:
                return message
            return await asyncio.Event().wait()  # the client stays connected

        async def send(message: Any) -> None:
            sent.append(message)

        cpu = time.process_time_ns()
        await self._application(scope, receive, send)
        cpu = time.process_time_ns() - cpu
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], body, [], cpu)


class Worker:
    """One subject. The public methods are what the parent may call."""

    def __init__(self, mode: str) -> None:
        self._prepare()
        self._wsgi = Wsgi()
        self._asker = {"wsgi": lambda: self._wsgi, "asgi": Asgi, "api": Api}[mode]()
        self._mode = mode
        self._guest = 0
        self._rows: tuple[int, str] = (0, "")
        self._random = Random(1)
        self.key = ""
        if settings.MIDDLEWARE and mode == "api":
            self.key = self._wsgi.ask("/api/credentials/", "").body.decode()
        elif settings.MIDDLEWARE:
            self.key = self._key_of(self._sign_in("ada"))

    def source(self) -> str:
        """Return where frontdesk is imported from; empty if it is not."""
        module = sys.modules.get("frontdesk")
        return str(Path(module.__file__ or "").parent) if module else ""

    def warm(self, operations: list[str]) -> None:
        """Send each request a few times; what exists by then is left alone by the garbage collector."""
        for operation in operations:
            for _ in range(WARM):
                self._request(operation)
        gc.collect()
        gc.freeze()

    def slice(self, operation: str, milliseconds: float) -> float:
        """Send requests for some processor time, and return the median of each, in microseconds.

        The first few are not counted: they find the processor's caches full of another process.
        """
        for _ in range(COLD):
            self._request(operation)
        costs: list[int] = []
        while len(costs) < LEAST or sum(costs) < milliseconds * 1e6:
            costs.append(self._request(operation).cpu)
        return median(costs) / 1000

    def fill(self, count: int) -> None:
        """Copy the row of the session ``count`` times, on SQLite. All keys end with the same secret."""
        from django.db import connection  # noqa: PLC0415 (needs the settings)

        from frontdesk.models import Session  # noqa: PLC0415

        columns = [field.column for field in Session._meta.concrete_fields if not field.primary_key]
        names = ", ".join(columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
                f"INSERT INTO frontdesk_session (id, {names}) "
                f"SELECT printf('%%015d', i), {names} FROM n, frontdesk_session WHERE id = %s",
                [self.key[:15]],
            )
        self._rows = (count, self.key[15:])

    def passes(self) -> dict[str, int]:
        """Return how many functions a request for ``request.user`` calls, by files of frontdesk."""
        root = self.source()
        seen: set[CodeType] = set()

        def profile(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(root):
                seen.add(frame.f_code)

        sys.setprofile(profile)
        try:
            self._request("user")
        finally:
            sys.setprofile(None)
        files = [str(Path(code.co_filename).relative_to(root)) for code in seen]
        return {file: files.count(file) for file in sorted(set(files))}

    def _request(self, operation: str) -> Answer:
        if operation == "sign_in":
            self._guest = (self._guest + 1) % GUESTS
            return self._sign_in(f"guest{self._guest}")
        key = self.key
        if self._rows[0]:
            key = f"{self._random.randint(1, self._rows[0]):015d}{self._rows[1]}"
        return _checked(self._asker.ask(f"/{self._mode}/{operation}/", key), "ada")

    def _sign_in(self, name: str) -> Answer:
        return _checked(self._wsgi.ask(f"/wsgi/sign_in/{name}/", ""), name)

    def _key_of(self, answer: Answer) -> str:
        (cookie,) = (
            value for name, value in answer.headers if name == "Set-Cookie" and "sessionid" in value
        )
        found = re.search(r"sessionid=([^;]+)", cookie)
        assert found
        return found[1]

    def _prepare(self) -> None:
        from django.contrib.auth.hashers import make_password  # noqa: PLC0415 (needs the settings)
        from django.contrib.auth.models import User  # noqa: PLC0415
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        password = make_password("open-sesame")
        names = ["ada", *(f"guest{number}" for number in range(GUESTS))]
        if not User.objects.exists():
            User.objects.bulk_create([User(username=name, password=password) for name in names])


def _checked(answer: Answer, body: str) -> Answer:
    if answer.status != 200 or answer.body.decode() != body:
        raise RuntimeError(f"{answer.status} {answer.body[:200]!r} instead of {body!r}")
    return answer


def main() -> None:
    """Run the program."""
    settings.configure(**json.loads(os.environ["FRONTDESK_SPEED"]))
    django.setup()
    worker = Worker(sys.argv[1])
    print(json.dumps(worker.source()), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        method: Callable[..., Any] = getattr(worker, name)
        print(json.dumps(method(*arguments)), flush=True)


if __name__ == "__main__":
    main()
