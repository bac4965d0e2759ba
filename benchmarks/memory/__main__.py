"""``python -m benchmarks.memory [--sessions 100000]``: bytes per signed-in session, on a private Redis.

Each person signs in once, with what Django's ``login()`` keeps and, here, an address and a browser. A
server is started for each, so that nothing else is in its memory.
"""

import argparse
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import django
from django.conf import settings

from tests import services

BROWSERS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/{} Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.6 Mobile/15E148 Safari/604.1"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/{} Mobile Safari/537.36"
    ),
)


def signed_in(user: int) -> dict[str, str]:
    """Return what ``login()`` keeps."""
    return {
        "_auth_user_id": str(user),
        "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
        "_auth_user_hash": secrets.token_hex(32),
    }


def fill_cache(url: str, sessions: int) -> None:
    """Store the sessions as ``django.contrib.sessions.backends.cache`` does."""
    from django.contrib.sessions.backends.cache import SessionStore  # noqa: PLC0415 (after settings)

    for user in range(1, sessions + 1):
        store = SessionStore()
        store.update(signed_in(user))
        store.create()


def fill_storage(url: str, sessions: int, *, known: bool = True) -> None:
    """Store the sessions in a RedisStorage; with ``known``, with address and browser."""
    from frontdesk import clock  # noqa: PLC0415 (after settings)
    from frontdesk.storages.record import Record  # noqa: PLC0415
    from frontdesk.storages.redis import RedisStorage  # noqa: PLC0415
    from frontdesk.tokens import digest_of_own, new_key  # noqa: PLC0415

    storage = RedisStorage(URL=url)
    for user in range(1, sessions + 1):
        now = clock.now()
        browser = BROWSERS[user % len(BROWSERS)].format(
            f"{120 + user % 20}.0.{user % 7000}.{user % 90}"
        )
        values = {key: json.dumps(value).encode() for key, value in signed_in(user).items()}
        storage.insert(
            Record(
                digest=digest_of_own(new_key()),
                values=values,
                user_id=str(user),
                created=now,
                authenticated=now,
                last_seen=now,
                idle=14 * clock.DAY,
                deadline=now + 30 * clock.DAY,
                ip=".".join(str(byte) for byte in sha256(str(user).encode()).digest()[:4])
                if known
                else "",
                user_agent=browser if known else "",
            )
        )


def fill_bare(url: str, sessions: int) -> None:
    """As with ``CLIENT_INFO = "off"``."""
    fill_storage(url, sessions, known=False)


KINDS: dict[str, Callable[[str, int], None]] = {
    "Django's cache engine": fill_cache,
    "RedisStorage": fill_storage,
    'RedisStorage, CLIENT_INFO = "off"': fill_bare,
}


def measured(fill: Callable[[str, int], None], sessions: int) -> tuple[float, float]:
    """Return the bytes per session, and how many were stored in a second."""
    from redis import Redis, RedisError  # noqa: PLC0415 (a driver that may be missing)

    port = services.free_port()
    command = [shutil.which("redis-server") or "redis-server", "--port", str(port), "--save", ""]
    server = subprocess.Popen([*command, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        with Redis.from_url(url) as client:
            _until(client, RedisError)
            settings.CACHES["default"]["LOCATION"] = url
            before, began = client.info("memory")["used_memory"], time.monotonic()
            fill(url, sessions)
            seconds = time.monotonic() - began
            after: Any = client.info("memory")["used_memory"]
    finally:
        services.stop(server)
    return (after - before) / sessions, sessions / seconds


def _until(client: Any, error: type[Exception]) -> None:
    for _ in range(100):
        try:
            client.ping()
        except error:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the private Redis did not start")


def main() -> None:
    """Measure each, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--only", type=int, help="the row to measure, from 0")
    given = parser.parse_args()
    settings.configure(
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": ""}
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "frontdesk"],
    )
    django.setup()
    kinds = list(KINDS.items())
    print(f"| {given.sessions:,} signed-in people | bytes per session | stored per second |")
    print("|---|---|---|")
    for name, fill in kinds if given.only is None else [kinds[given.only]]:
        size, speed = measured(fill, given.sessions)
        print(f"| {name} | {size:.0f} | {speed:.0f} |", flush=True)


if __name__ == "__main__":
    main()
