"""What dies in the middle: writers of the file storage, and the servers behind the other storages."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from frontdesk.storages.record import Changes, Record
from frontdesk.testing.conformance.ground import a_record

from frontdesk import clock
from frontdesk.storages.file import FileStorage
from tests import services
from tests.processes import servers
from tests.processes.site import places
from tests.processes.site.browser import Browser, ask
from tests.processes.site.server import serve

pytestmark = [pytest.mark.slow, pytest.mark.shared]

PATIENCE = 10
"""Seconds that a visitor may wait for a 503. Refused connections are told at once; redis-py tries again."""


# --- writers that are killed ----------------------------------------------------------------------

# tests/storages/test_file.py kills writers of one value. Here a write has several values, which must be
# those of one write, and there are many sessions, rotations and removals on the way.
WRITE = """
import itertools, secrets, sys
from frontdesk.storages.record import Changes
from frontdesk.storages.file import FileStorage
from frontdesk.testing.conformance.ground import a_record

storage = FileStorage(DIRECTORY=sys.argv[1])
print("ready", flush=True)
for number in itertools.count():
    text = b"%012d" % number
    values = {name: text * size for name, size in (("a", 1), ("b", 3000), ("c", 20))}
    storage.update(sys.argv[2], Changes(values=values))
    one, two = secrets.token_hex(32), secrets.token_hex(32)
    storage.insert(a_record(digest=one, user_id="7", values=values))
    storage.rotate(one, two, Changes())
    storage.remove([two])
"""


def is_of_one_write(record: Record) -> bool:
    if not record.values:
        return record.version == 1
    stamp = record.values["a"]
    return record.values == {"a": stamp, "b": stamp * 3000, "c": stamp * 20} and len(stamp) == 12


def test_writers_that_are_killed_leave_records_of_one_write_and_no_growing_litter(tmp_path):
    place = tmp_path / "sessions"
    storage = FileStorage(DIRECTORY=place)
    record = a_record(values={})
    storage.insert(record)
    drafts = []
    for number in range(8):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITE, str(place), record.digest],
                env=services.child_environment(),
                stdout=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        for writer in writers:
            writer.stdout.readline()
        time.sleep(0.01 + 0.017 * (number % 5))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            writer.communicate()
        found = storage.read(record.digest)
        assert isinstance(found, Record)
        assert is_of_one_write(found)
        assert all(is_of_one_write(left) for left in storage.of_user("7"))
        drafts.append(len(list((place / "new").iterdir())))
    assert max(drafts) <= 256
    # Two writers at a time: each death leaves one draft at most.
    assert drafts[-1] <= 2 * len(drafts)
    # The locks are free, and everything that a dead writer began can be ended and swept up.
    assert storage.update(record.digest, Changes(values={"a": b"1"})) is True
    storage.remove_of_user("7")
    assert storage.of_user("7") == []
    far = clock.now() + 400 * clock.DAY
    while storage.purge(far, 1000).removed:
        pass
    assert [path for folder in "su" for path in (place / folder).glob("*/*")] == []


# --- servers that are killed ------------------------------------------------------------------------


def with_postgresql(stack: ExitStack):
    victim, database, ready = stack.enter_context(servers.postgresql())
    return victim, ready, places.settings(database, places.IN_DATABASE)


def with_redis(stack: ExitStack):
    victim, url, ready = stack.enter_context(servers.redis())
    users = stack.enter_context(places.sqlite())
    return victim, ready, places.settings(users, places.in_redis(url))


def with_redis_cache(stack: ExitStack):
    victim, url, ready = stack.enter_context(servers.redis())
    users = stack.enter_context(places.sqlite())
    return victim, ready, places.settings(users, places.IN_CACHE, places.redis_at(url))


def with_memcached(stack: ExitStack):
    victim, address, ready = stack.enter_context(servers.memcached())
    users = stack.enter_context(places.sqlite())
    return victim, ready, places.settings(users, places.IN_CACHE, places.memcached_at(address))


@pytest.mark.parametrize(
    ("kind", "keeps"),
    [
        pytest.param(with_postgresql, True, id="postgresql"),
        pytest.param(with_redis, True, id="redis with its data on disk"),
        pytest.param(with_redis_cache, True, id="redis cache with its data on disk"),
        pytest.param(with_memcached, False, id="memcached"),
    ],
)
def test_a_server_that_is_killed_signs_nobody_out_and_needs_no_restart(kind, keeps):
    with ExitStack() as stack:
        victim, ready, settings = kind(stack)
        served = stack.enter_context(serve(settings, workers=1))
        browser = Browser(served.port)
        assert browser.get("/login/?user=1").status == 200
        assert browser.get("/put/?key=cart&value=tea").status == 200
        key = browser.key
        for _ in range(2):  # two incidents
            victim.kill()
            answers = [
                browser.get(path) for path in ("/look/", "/put/?key=cart&value=x", "/logout/")
            ]
            assert [answer.status for answer in answers] == [503] * 3
            assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
            assert all("set-cookie" not in answer.headers for answer in answers)
            assert max(answer.ms for answer in answers) < PATIENCE * 1000
            assert browser.key == key
            victim.start(ready)
            after = browser.get("/look/")
            assert after.status == 200
            if keeps:
                assert after.page == {"user": 1, "values": {"cart": "tea"}}
            else:  # it has forgotten everything, which nobody can help: then people sign in again
                assert not after.known
                assert browser.get("/login/?user=1").status == 200
                key = browser.key
        log = Counter(re.findall(r"^(\w+) frontdesk ", served.log.read_text(), re.MULTILINE))
        assert log == {"ERROR": 2, "WARNING": 2}


def test_a_database_that_dies_under_load_answers_nothing_but_200_and_503():
    """Requests are cut off in the middle; whatever was acknowledged is there when it is back."""
    with ExitStack() as stack:
        victim, ready, settings = with_postgresql(stack)
        served = stack.enter_context(serve(settings, workers=3))
        browser = Browser(served.port)
        browser.get("/login/?user=1")
        pool = stack.enter_context(ThreadPoolExecutor(1))
        kept = pool.submit(count_through_the_outage, served.port, browser.key)
        time.sleep(0.7)
        victim.kill()
        time.sleep(0.7)
        victim.start(ready)
        seen, acknowledged = kept.result(timeout=60)
        assert set(seen) == {200, 503}
        page = ask(served.port, "/look/", browser.key).page
        assert page["user"] == 1
        # A step may be kept although its answer was lost, never the other way round.
        assert acknowledged <= page["values"]["n"] <= acknowledged + seen[503]


def count_through_the_outage(port: int, key: str) -> tuple[Counter, int]:
    seen, deadline = Counter(), time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = ask(port, "/add/", key)
        seen[answer.status] += 1
        if seen[503] and answer.status == 200 and seen[200] > 50:
            break
    return seen, seen[200]
