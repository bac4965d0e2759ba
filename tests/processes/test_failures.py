"""Processes and servers that die or hang: nothing half-written, an answer in time, no sign-out."""

import signal
import subprocess
import sys
import time

import pytest
from asgiref.sync import async_to_sync

from frontdesk.core import clock
from frontdesk.core.flow import arun, run
from frontdesk.core.keys import Key
from frontdesk.core.record import Record
from frontdesk.errors import StorageUnavailable
from frontdesk.storages.file import FileStorage
from frontdesk.storages.redis import RedisStorage
from tests import services
from tests.processes import redis_servers, servers

pytestmark = pytest.mark.slow


def a_record(**changes):
    key, now = Key.new(), clock.now()
    given = {"user_id": "7", "idle": clock.DAY, "deadline": now + clock.DAY, "values": {}}
    times = {"created": now, "last_seen": now}
    return Record(id=key.id, secret=key.digest, **{**times, **given, **changes})


# Each write stores the same number under three keys, and begins and ends another session.
WRITE = """
import itertools, sys
from dataclasses import replace
from frontdesk.core.flow import run
from frontdesk.storages.file import FileStorage
from tests.processes.test_failures import a_record

storage = FileStorage(DIRECTORY=sys.argv[1])
record = run(storage.read(sys.argv[2]))
print("ready", flush=True)
for number in itertools.count():
    values = {key: b"%d" % number for key in "abc"}
    record = run(storage.change(record, lambda found: replace(found, values=values)))
    other = a_record()
    run(storage.insert(other))
    run(storage.end([other.id]))
"""


def test_killed_writers_leave_whole_records_and_no_growing_litter(tmp_path):
    directory = tmp_path / "sessions"
    storage = FileStorage(DIRECTORY=directory)
    record = a_record()
    run(storage.insert(record))
    for number in range(8):
        command = [sys.executable, "-c", WRITE, str(directory), record.id]
        writers = [
            subprocess.Popen(command, env=services.child_environment(), stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for writer in writers:
            writer.stdout.readline()
        time.sleep(0.01 + 0.017 * (number % 5))  # so that each dies at another point
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            writer.communicate()
        found = run(storage.read(record.id))
        assert len(set(found.values.values())) <= 1
    assert len(list((directory / "new").iterdir())) <= 2 * 8
    # The locks are free, and all that the dead have begun can be ended and purged.
    run(storage.end_of_user("7"))
    while run(storage.expire(clock.now() + 400 * clock.DAY, 1000)):
        pass
    assert [path for folder in "su" for path in (directory / folder).glob("*/*")] == []


@pytest.fixture(params=["sync", "async"])
def do(request):
    return run if request.param == "sync" else async_to_sync(arun)


@pytest.mark.needs("redis-server")
def test_a_redis_that_hangs_is_unavailable_and_then_works_again(do):
    with servers.redis() as (victim, url, _):
        storage, record = RedisStorage(URL=url, TIMEOUT=20), a_record()
        do(storage.insert(record))
        with victim.hanging(), pytest.raises(StorageUnavailable):
            do(RedisStorage(URL=url, TIMEOUT=0.3).read(record.id))
        assert do(storage.read(record.id)) == record


@pytest.mark.needs("redis-server")
def test_a_failover_by_sentinel_keeps_sessions_and_needs_no_restart(do):
    with redis_servers.with_sentinels() as watched:
        place = {"hosts": watched.sentinels, "service": watched.service}
        storage = RedisStorage(SENTINEL=place, TIMEOUT=20)
        records = [a_record() for _ in range(5)]
        for record in records:
            do(storage.insert(record))
        watched.replicated()
        watched.primary.kill()
        watched.has_failed_over()
        deadline = time.monotonic() + 60
        while True:
            try:
                found = do(storage.of_user("7"))
                break
            except StorageUnavailable:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert {each.id for each in found} == {each.id for each in records}
        assert len(do(storage.end_of_user("7"))) == 5
