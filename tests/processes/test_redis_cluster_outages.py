"""A Redis Cluster of which a server hangs, dies, or fails over: an answer in time, and no sign-out."""

import asyncio
import time
from contextlib import ExitStack

import pytest
from asgiref.sync import async_to_sync
from frontdesk.asking import asked
from frontdesk.drive import arun, run
from frontdesk.outage import SLOW
from frontdesk.storages.record import Changes, Ended, Record
from frontdesk.testing.conformance.ground import Caller, a_record, fresh_digest

from frontdesk import clock
from frontdesk.errors import StorageUnavailable
from frontdesk.storages.redis import RedisStorage
from tests.processes import redis_cluster
from tests.processes.cancelling import cancelled
from tests.processes.site import places
from tests.processes.site.browser import Browser
from tests.processes.site.server import serve

pytestmark = [pytest.mark.needs("redis"), pytest.mark.slow, pytest.mark.shared]

TIMEOUT = 0.4
PATIENCE = 8 * TIMEOUT
"""Seconds that a verb may take: a timeout for each of its rounds, and a shared machine's delays."""

RECOVERY = 60
"""Seconds within which a replica has to take over, on a machine that does much else."""


@pytest.fixture(params=["sync", "async"])
def do(request, cluster_place):
    return Caller(RedisStorage(**{**cluster_place, "TIMEOUT": TIMEOUT}), request.param)


def at(do, house, node, **more):
    """Return a record whose key is on that server."""
    while True:
        record = a_record(**more)
        if house.owner(key_of(do, record)) is node:
            return record


def key_of(do, record):
    return do.storage._commands.steps.session(bytes.fromhex(record.digest))


def somebody(do, house, node):
    """Return a user whose index is on that server."""
    steps, users = do.storage._commands.steps, iter(range(10_000))
    return next(
        str(user) for user in users if house.owner(steps.place(str(user).encode()).part) is node
    )


def answered(do, *call):
    """Call a verb; return its answer, or the error, and make sure that it did not take long."""
    began = time.monotonic()
    try:
        answer = do(*call)
    except StorageUnavailable as error:
        answer = error
    assert time.monotonic() - began < PATIENCE
    return answer


def test_a_server_that_hangs_takes_only_its_own_sessions_with_it(do, cluster_house):
    bad, good = cluster_house.primaries[:2]
    there, here = at(do, cluster_house, bad), at(do, cluster_house, good)
    listed = somebody(do, cluster_house, good)
    for record in (there, here):
        do("insert", record)
    verbs = [
        ("read", there.digest),
        ("update", there.digest, Changes(last_seen=clock.now())),
        ("rotate", there.digest, fresh_digest(), Changes()),
        ("remove", [there.digest]),
        ("insert", at(do, cluster_house, bad)),
        ("of_user", somebody(do, cluster_house, bad)),
        ("remove_of_user", somebody(do, cluster_house, bad)),
        ("remove_beyond", somebody(do, cluster_house, bad), 1),
    ]
    for verb in verbs:
        with bad.hanging():
            assert isinstance(answered(do, *verb), StorageUnavailable)
            assert answered(do, "read", here.digest) == here
        time.sleep(0.1)
    with bad.hanging():
        record = at(do, cluster_house, good, user_id=listed)
        assert answered(do, "insert", record) is True
        assert answered(do, "of_user", listed) == [record]
    # Whether a change whose answer was lost was made, nobody knows; but it was not made twice.
    assert isinstance(do("read", there.digest), (Ended, Record))
    assert do("read", here.digest) == here


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_server_that_hangs_is_not_waited_for_by_every_request(cluster_house, cluster_place, mode):
    do = Caller(RedisStorage(**{**cluster_place, "TIMEOUT": 2 * SLOW}), mode)
    bad, good = cluster_house.primaries[:2]
    there, here = at(do, cluster_house, bad), at(do, cluster_house, good)
    for record in (there, here):
        do("insert", record)
    with bad.hanging():
        assert isinstance(answered(do, "read", there.digest), StorageUnavailable)
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(StorageUnavailable) as caught:
                do("read", there.digest)
            assert caught.value.partial
            assert do("read", here.digest) == here
        assert time.monotonic() - began < 2 * SLOW + 2  # one of them may have looked again
    deadline = time.monotonic() + RECOVERY
    while answered(do, "read", there.digest) != there:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_server_that_has_forgotten_its_scripts_while_it_hung_takes_changes_again(
    cluster_house, cluster_place, mode
):
    """It was let try, said that it knows no such script, and was then spared as one that hangs."""
    do = Caller(RedisStorage(**{**cluster_place, "TIMEOUT": 2 * SLOW}), mode)
    bad = cluster_house.primaries[0]
    there = at(do, cluster_house, bad)
    do("insert", there)
    with bad.hanging():
        assert isinstance(answered(do, "read", there.digest), StorageUnavailable)
    bad.ask("SCRIPT", "FLUSH")
    deadline = time.monotonic() + RECOVERY
    while (
        done := answered(do, "update", there.digest, Changes(last_seen=clock.now()))
    ) is not True:
        assert isinstance(done, StorageUnavailable)
        assert time.monotonic() < deadline
        bad.ask("SCRIPT", "FLUSH")  # nobody else is to teach it the script meanwhile
        time.sleep(0.05)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_those_whose_server_answers_are_served_while_another_one_hangs(
    cluster_house, cluster_place, mode, caplog
):
    """The storage as a whole is not left alone for one server of it."""
    do = Caller(RedisStorage(**{**cluster_place, "TIMEOUT": 2 * SLOW}), "sync")
    bad, good = cluster_house.primaries[:2]
    there, here = at(do, cluster_house, bad), at(do, cluster_house, good)
    for record in (there, here):
        do("insert", record)
    drive = run if mode == "sync" else async_to_sync(arun)
    with bad.hanging():
        with pytest.raises(StorageUnavailable):
            drive(asked(do.storage, "read", there.digest))
        for _ in range(5):
            assert drive(asked(do.storage, "read", here.digest)) == here
            with pytest.raises(StorageUnavailable):
                drive(asked(do.storage, "read", there.digest))
    deadline = time.monotonic() + RECOVERY
    while answered(do, "read", there.digest) != there:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    told = [record.getMessage() for record in caplog.records if record.name == "frontdesk"]
    assert len(told) == 2, "one incident, however many requests it hits"
    assert f":{bad.port} of the session storage cannot answer" in told[0]
    assert f":{bad.port} of the session storage answers again" in told[1]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_change_whose_answer_is_lost_is_not_made_twice(cluster_house, cluster_place, mode):
    do = Caller(RedisStorage(**{**cluster_place, "TIMEOUT": TIMEOUT}), mode)
    bad = cluster_house.primaries[1]
    record = at(do, cluster_house, bad)
    do("insert", record)
    with bad.hanging():
        change = Changes(values={"a": b"1"})
        assert isinstance(answered(do, "update", record.digest, change), StorageUnavailable)
    assert do("read", record.digest).version in {1, 2}


def test_a_request_that_is_cancelled_leaves_its_answer_to_nobody(cluster_house, cluster_place):
    """The next one on the same connection would get another person's session."""
    place = {**cluster_place, "POOL_SIZE": 1}
    storage = RedisStorage(**place)
    do = Caller(storage, "async")
    bad = cluster_house.primaries[0]
    ours = [at(do, cluster_house, bad, user_id="7") for _ in range(3)]
    two = at(do, cluster_house, bad)

    async def work():
        for record in [*ours, two]:
            await storage.ainsert(record)
        await cancelled(bad, lambda: storage.aof_user("7"), somebody_else)
        await cancelled(bad, lambda: storage.aread(ours[0].digest), somebody_else)

    async def somebody_else():
        assert await storage.aread(two.digest) == two

    asyncio.run(work())


# --- failing over ---------------------------------------------------------------------------------------


@pytest.fixture
def house():
    """Three primaries, each with a replica that takes over soon."""
    with redis_cluster.cluster(replicated=True, patience=1000) as house:
        yield house


def test_a_failover_signs_nobody_out_and_needs_no_restart(house):
    """What the replica had is there; whoever asks meanwhile is told so in time, and then goes on."""
    storage = RedisStorage(URL=house.urls, CLUSTER=True, TIMEOUT=TIMEOUT)
    do, ado = Caller(storage, "sync"), Caller(storage, "async")
    bad = house.primaries[0]
    records = [a_record(user_id=str(user)) for user in range(30)]
    records += [at(do, house, bad, user_id="0") for _ in range(3)]
    for number, record in enumerate(records):
        (do, ado)[number % 2]("insert", record)
    house.replicated()
    theirs = [record for record in records if house.owner(key_of(do, record)) is bad]
    others = [record for record in records if record not in theirs]
    bad.kill()
    began, outages = time.monotonic(), 0
    while True:
        found = answered((do, ado)[outages % 2], "read", theirs[0].digest)
        assert answered(do, "read", others[outages % len(others)].digest) in others
        if found == theirs[0]:
            break
        assert isinstance(found, StorageUnavailable)
        assert time.monotonic() - began < RECOVERY
        outages += 1
        time.sleep(0.05)
    assert outages
    for caller in (do, ado):
        assert [caller("read", record.digest) for record in records] == records
        assert {found.user_id for found in caller("of_user", "0")} == {"0"}
        assert len(caller("of_user", "0")) == 4
    assert ado("rotate", theirs[0].digest, fresh_digest(), Changes()) is True
    assert len(do("remove_of_user", "0")) == 4
    assert ado("of_user", "0") == []


def test_visitors_keep_their_cookies_while_a_server_of_the_cluster_fails_over(house):
    """Steady requests over HTTP to two workers: 200 for whom it is, or a 503 that leaves the cookie alone."""
    with ExitStack() as stack:
        users = stack.enter_context(places.sqlite())
        option = places.in_redis(house.urls, CLUSTER=True, TIMEOUT=TIMEOUT)
        served = stack.enter_context(serve(places.settings(users, option), workers=2))
        browsers = [(user, Browser(served.port)) for user in range(1, 7) for _ in range(2)]
        for user, browser in browsers:
            assert browser.get(f"/login/?user={user}").status == 200
        keys = [browser.key for _, browser in browsers]
        house.replicated()
        house.primaries[1].kill()
        began, failed, well = time.monotonic(), 0, 0
        while well < 3 * len(browsers):
            for user, browser in browsers:
                answer = browser.get("/look/")
                assert answer.status in {200, 503}
                assert answer.ms < 1000 * 2 * PATIENCE
                assert "set-cookie" not in answer.headers
                if answer.status == 200:
                    assert answer.page["user"] == user
                    well += 1
                else:
                    failed, well = failed + 1, 0
            assert time.monotonic() - began < RECOVERY
        assert failed
        assert [browser.key for _, browser in browsers] == keys
        for _, browser in browsers:
            assert browser.get("/put/?key=cart&value=x").status == 200
            assert browser.get("/logout/").status == 200
            assert browser.get("/look/").page["user"] is None


def test_a_server_that_comes_back_without_its_data_signs_out_only_its_own():
    with redis_cluster.cluster(primaries=3) as house:
        storage = RedisStorage(URL=house.urls, CLUSTER=True, TIMEOUT=TIMEOUT)
        do = Caller(storage, "sync")
        bad = house.primaries[2]
        records = [a_record() for _ in range(30)]
        for record in records:
            do("insert", record)
        theirs = {record.digest for record in records if house.owner(key_of(do, record)) is bad}
        assert 0 < len(theirs) < len(records)
        bad.kill()
        bad.start(bad.is_up)
        deadline = time.monotonic() + RECOVERY
        while isinstance(answered(do, "read", next(iter(theirs))), StorageUnavailable):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for record in records:
            expected = None if record.digest in theirs else record
            assert do("read", record.digest) == expected
