"""Nothing is lost, and ended means ended, in whatever order requests meet: design.md, promises 2 and 3.

Memory goes through every pair and every chosen triple. An order takes milliseconds on a disk or a
server, so there the pairs and triples around saving, signing in and ending are tried. ``-m exhaustive`` tries
the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from frontdesk.drive import arun, run
from tests import services
from tests.interleavings import houses, scenes
from tests.interleavings.explorer import Exploration, explored
from tests.interleavings.operations import REQUESTS
from tests.interleavings.scenes import CORE_PAIRS, CORE_TRIPLES, LONG_TRIPLES, PAIRS, TRIPLES
from tests.interleavings.world import House
from tests.sharing import is_mine

# One event loop per exploration; the verbs that hop to a thread come back to this one, and so to the
# connection and the transaction of the test.
COLOURS = {"sync": run, "async": async_to_sync(arun)}

colours = pytest.mark.parametrize("colour", COLOURS)


class Explorer:
    """Explores meetings and counts the orders."""

    def __init__(self, name: str, colour: str, node: pytest.Item) -> None:
        self.node = node
        self.name = f"{name}, {colour}"
        self.drive = COLOURS[colour]
        # Each colour takes another share, so each run of a CI goes through every meeting in one of them.
        self.place = [*COLOURS].index(colour)
        self.orders = 0
        self.failures: list[str] = []

    def explore(
        self, meetings: Iterable[tuple[scenes.Names, bool]], house: House, **how: Any
    ) -> None:
        for names, signed_in in meetings:
            self.place += 1
            if not is_mine(self.place):
                continue
            scene = scenes.scene(names, signed_in, house, **how)
            exploration: Exploration = self.drive(explored(scene))
            self.orders += exploration.orders
            if exploration.found:
                self.failures.append(exploration.worst())


@pytest.fixture
def explorer(request: pytest.FixtureRequest, colour: str) -> Explorer:
    name = getattr(request, "param", None) or request.node.callspec.id.replace(f"-{colour}", "")
    return Explorer(name.replace(f"{colour}-", ""), colour, request.node)


def hold(explorer: Explorer) -> None:
    explorer.node.user_properties.append(("orders", (explorer.name, explorer.orders)))
    assert not explorer.failures, "\n\n".join(explorer.failures)
    assert explorer.orders


@pytest.mark.parametrize(
    ("colour", "meetings"),
    [
        pytest.param("sync", [*PAIRS, *TRIPLES], id="sync"),
        pytest.param("async", PAIRS, id="async"),
        pytest.param("async", TRIPLES, id="async triples", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("explorer", ["memory"], indirect=True)
def test_in_no_order_on_memory_is_anything_lost_or_revived(explorer, meetings):
    explorer.explore(meetings, houses.reference())
    hold(explorer)


@pytest.mark.parametrize(
    ("colour", "meetings"),
    [
        pytest.param("sync", [*CORE_PAIRS, *CORE_TRIPLES], id="sync"),
        pytest.param("async", [*CORE_PAIRS, *CORE_TRIPLES], id="async"),
        pytest.param("sync", [*PAIRS, *TRIPLES], id="sync all", marks=pytest.mark.exhaustive),
        pytest.param("async", [*PAIRS, *TRIPLES], id="async all", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("explorer", ["files"], indirect=True)
def test_in_no_order_on_files_is_anything_lost_or_revived(explorer, meetings, tmp_path):
    quick = [meeting for meeting in meetings if "expire then purge" not in meeting[0]]
    with houses.files(tmp_path) as house:
        explorer.explore(quick, house)
    # A purge looks at every file, so the others have directories of their own.
    for meeting in (meeting for meeting in meetings if meeting not in quick):
        with houses.files(tmp_path) as house:
            explorer.explore([meeting], house)
    hold(explorer)


@colours
@services.each_database()
def test_in_no_order_on_a_database_is_anything_lost_or_revived(explorer, database):
    explorer.explore([*CORE_PAIRS, *CORE_TRIPLES], houses.database())
    hold(explorer)


CACHES = {
    "locmem": ("locmem.LocMemCache", "interleavings", {"OPTIONS": {"MAX_ENTRIES": 10**7}}),
    "database cache": ("db.DatabaseCache", "interleavings", {"OPTIONS": {"MAX_ENTRIES": 10**7}}),
    "memcached": ("memcached.PyMemcacheCache", "memcached", {}),
    "redis": ("redis.RedisCache", "redis_url", {"KEY_PREFIX": services.RUN}),
}

each_cache = pytest.mark.parametrize(
    "cache",
    [
        "locmem",
        pytest.param("database cache", marks=pytest.mark.django_db),
        pytest.param("memcached", marks=pytest.mark.needs("memcached")),
        pytest.param("redis", marks=pytest.mark.needs("redis")),
    ],
)


@pytest.fixture
def cache_house(cache: str, request: pytest.FixtureRequest) -> Iterator[House]:
    backend, location, more = CACHES[cache]
    if location in {"memcached", "redis_url"}:
        location = request.getfixturevalue(location)
    with houses.cached(backend, location, **more) as house:
        yield house


@colours
@each_cache
def test_in_no_order_on_a_cache_is_anything_lost_or_revived(explorer, cache_house):
    explorer.explore([*CORE_PAIRS, *CORE_TRIPLES], cache_house)
    hold(explorer)


@colours
@pytest.mark.needs("redis")
@pytest.mark.parametrize("explorer", ["redis storage"], indirect=True)
def test_in_no_order_on_redis_is_anything_lost_or_revived(explorer, redis_place):
    explorer.explore([*CORE_PAIRS, *CORE_TRIPLES], houses.redis(redis_place))
    hold(explorer)


@colours
@pytest.mark.needs("redis")
@pytest.mark.parametrize("explorer", ["redis storage, cluster"], indirect=True)
def test_in_no_order_on_a_redis_cluster_is_anything_lost_or_revived(explorer, cluster_place):
    explorer.explore([*CORE_PAIRS, *CORE_TRIPLES], houses.redis(cluster_place))
    hold(explorer)


@pytest.mark.parametrize(
    ("colour", "meetings"),
    [
        pytest.param("sync", [*CORE_PAIRS, *CORE_TRIPLES], id="sync"),
        pytest.param("async", [*CORE_PAIRS, *CORE_TRIPLES], id="async"),
        pytest.param("sync", [*PAIRS, *TRIPLES], id="sync all", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("explorer", ["a cache before an authority"], indirect=True)
def test_in_no_order_behind_a_cache_is_anything_lost_or_revived(explorer, meetings):
    explorer.explore(meetings, houses.fronted())
    hold(explorer)


@pytest.mark.django_db
@pytest.mark.needs("redis")
@pytest.mark.usefixtures("as_if_committed")
@pytest.mark.parametrize("colour", ["sync"])
@pytest.mark.parametrize("explorer", ["the database behind redis"], indirect=True)
def test_in_no_order_behind_redis_is_anything_lost_or_revived(explorer, redis_place):
    explorer.explore([*CORE_PAIRS, *CORE_TRIPLES], houses.cached_database(redis_place))
    hold(explorer)


@pytest.mark.parametrize("colour", ["sync"])
@pytest.mark.parametrize("explorer", ["answers that travel, memory"], indirect=True)
def test_no_order_of_answers_leaves_the_browser_with_a_dead_cookie(explorer):
    meetings = [
        (names, signed_in) for names, signed_in in CORE_PAIRS if set(names) <= set(REQUESTS)
    ]
    explorer.explore(meetings, houses.reference(), answers_travel=True)
    hold(explorer)


@pytest.mark.exhaustive
@colours
@pytest.mark.parametrize("explorer", ["memory"], indirect=True)
def test_in_no_order_of_three_long_requests_is_anything_lost_or_revived(explorer):
    explorer.explore(LONG_TRIPLES, houses.reference())
    hold(explorer)


@pytest.mark.exhaustive
@colours
@services.each_database()
def test_in_no_order_of_the_rest_on_a_database_is_anything_lost_or_revived(explorer, database):
    explorer.explore(_rest(), houses.database())
    hold(explorer)


@pytest.mark.exhaustive
@colours
@each_cache
def test_in_no_order_of_the_rest_on_a_cache_is_anything_lost_or_revived(explorer, cache_house):
    explorer.explore(_rest(), cache_house)
    hold(explorer)


@pytest.mark.exhaustive
@colours
@pytest.mark.needs("redis")
@pytest.mark.parametrize("explorer", ["redis storage"], indirect=True)
def test_in_no_order_of_the_rest_on_redis_is_anything_lost_or_revived(explorer, redis_place):
    explorer.explore(_rest(), houses.redis(redis_place))
    hold(explorer)


@pytest.mark.exhaustive
@colours
@pytest.mark.needs("redis")
@pytest.mark.parametrize("explorer", ["redis storage, cluster"], indirect=True)
def test_in_no_order_of_the_rest_on_a_redis_cluster_is_anything_lost_or_revived(
    explorer, cluster_place
):
    explorer.explore(_rest(), houses.redis(cluster_place))
    hold(explorer)


@pytest.mark.exhaustive
@colours
@services.each_database()
@pytest.mark.needs("redis")
@pytest.mark.usefixtures("as_if_committed")
def test_in_no_order_of_all_on_a_database_behind_redis_is_anything_lost_or_revived(
    explorer, database, redis_place
):
    explorer.name = f"behind redis, {explorer.name}"
    explorer.explore([*PAIRS, *TRIPLES], houses.cached_database(redis_place))
    hold(explorer)


def _rest() -> list[tuple[scenes.Names, bool]]:
    done = [*CORE_PAIRS, *CORE_TRIPLES]
    return [meeting for meeting in [*PAIRS, *TRIPLES] if meeting not in done]
