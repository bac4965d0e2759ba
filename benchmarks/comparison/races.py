"""Race the requests of one contestant, and print what came of it as JSON.

    python races.py NUMBER FOLDER REDIS_URL PREFIX

Needs Django and the contestant, nothing else: it also runs in the throw-away environment of a peer.
"""

# ruff: noqa: PLC0415 (much of Django can only be imported once the settings are there)

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import django

from benchmarks.comparison import project
from benchmarks.comparison.contestants import CONTESTANTS, Contestant
from benchmarks.comparison.points import Points

MOST = 60
"""More accesses than any request here makes."""

Jar = str | None


class Race:
    """Two requests of one browser: one is paused, the other one runs in the gap."""

    def __init__(self, points: Points, folder: Path) -> None:
        self.points = points
        self.folder = folder

    def ask(self, path: str, key: Jar) -> Any:
        """Send one request in this thread."""
        from django.test import Client

        browser = Client(raise_request_exception=False)
        if key:
            browser.cookies["sessionid"] = key
        return browser.get(path)

    def elsewhere(self, path: str, key: Jar, answers: list[Any]) -> Callable[[], None]:
        """Return what sends one request from a thread of its own."""
        from django.db import connections

        def run() -> None:
            try:
                answers.append(self.ask(path, key))
            finally:
                connections.close_all()

        return run

    def orders(
        self, before: tuple[str, ...], slow: str, quick: str
    ) -> Iterator[tuple[str, Any, Any]]:
        """Yield the key, and both answers, of each order: ``quick`` runs before one access of ``slow``
        to the store, each in turn, and at last between its last access and its answer."""
        for place in range(MOST):
            key = ""
            for path in before:
                key = after(key, self.ask(path, key)) or ""
            answers: list[Any] = []
            with self.points.pausing(place, self.elsewhere(quick, key, answers)) as watch:
                answer = self.ask(slow, key)
            yield key, answer, answers[0]
            if watch.count <= place:
                return


def after(key: Jar, answer: Any) -> Jar:
    """Return what the browser's jar holds after ``answer``."""
    cookie = answer.cookies.get("sessionid")
    if cookie is None:
        return key
    return None if cookie["max-age"] == 0 else cookie.value


# --- the races: each returns in how many orders it went wrong, of how many -----------------------

Score = tuple[int, int]
START = ("/put/?key=start&value=1",)
MEMBER = (*START, "/enter/")


def lost_key(race: Race) -> Score:
    """Two requests set different keys."""
    return _lost(
        race, "/put/?key=a&value=1", "/put/?key=b&value=1", {"start": "1", "a": "1", "b": "1"}
    )


def lost_step(race: Race) -> Score:
    """Two requests add one, in the usual way."""
    return _lost(race, "/plain-add/", "/plain-add/", {"start": "1", "n": 2})


def lost_atomic_step(race: Race) -> Score | None:
    """The same with what is offered for it."""
    from django.conf import settings

    if not settings.SESSION_ENGINE.startswith("frontdesk"):
        return None
    return _lost(race, "/atomic-add/", "/atomic-add/", {"start": "1", "n": 2})


def _lost(race: Race, slow: str, quick: str, expected: dict[str, Any]) -> Score:
    found = [
        race.ask("/look/", key).json()["values"] for key, *_ in race.orders(START, slow, quick)
    ]
    return sum(values != expected for values in found), len(found)


def revived(race: Race) -> tuple[Score, list[int]]:
    """A request writes while another one signs out; does the key answer afterwards, and with what
    status was the first one answered?"""
    known, statuses = [], set()
    for key, answer, _ in race.orders(MEMBER, "/put/?key=a&value=1", "/leave/"):
        page = race.ask("/look/", key).json()
        known.append(bool(page["user"] or page["values"]))
        statuses.add(answer.status_code)
    return (sum(known), len(known)), sorted(statuses)


def wiped(race: Race, slow: str) -> Score:
    """A request with the old cookie is answered after the sign-in that gave a new one."""
    out = []
    for key, late, sign_in in race.orders(START, slow, "/enter/"):
        jar = after(after(key, sign_in), late)
        out.append(race.ask("/look/", jar).json()["user"] is None)
    return sum(out), len(out)


def key_in_clear(race: Race, contestant: Contestant, redis: str, prefix: str) -> bool:
    """Whether the key can be found anywhere in the store."""
    key = after(None, race.ask(START[0], None)) or "?"
    return key.encode() in b"".join(_stored(race, contestant, redis, prefix))


def _stored(race: Race, contestant: Contestant, redis: str, prefix: str) -> Iterator[bytes]:
    for path in race.folder.parent.rglob("*"):
        yield path.name.encode()
        if path.is_file():
            yield path.read_bytes()
    from django.core.cache.backends import locmem

    for cache in locmem._caches.values():
        yield from (name.encode() + value for name, value in cache.items())
    if contestant.redis:
        from redis import Redis

        with Redis.from_url(redis) as client:
            for name in client.scan_iter(match=f"*{prefix}*", count=1000):
                yield name + client.dump(name)
    from django.conf import settings

    if "memory" in str(getattr(settings, "FRONTDESK", "")):
        from frontdesk.storages import get_storage

        yield repr(get_storage()._slots).encode()


def main(number: str, folder: str, redis: str, prefix: str) -> None:
    """Run every race of one contestant."""
    contestant = CONTESTANTS[int(number)]
    project.configure(contestant, folder, redis, prefix)
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("ada")
    race = Race(Points(folder, locks=contestant.locks), Path(folder))
    came_back, statuses = revived(race)
    found = {
        "lost key": lost_key(race),
        "lost step": lost_step(race),
        "lost modify()": lost_atomic_step(race),
        "revived": came_back,
        "answered": statuses,
        "wiped by a reader": wiped(race, "/look/"),
        "wiped by a writer": wiped(race, "/put/?key=a&value=1"),
        "key in clear": key_in_clear(race, contestant, redis, prefix),
        "django": django.get_version(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
