"""One ``request.session`` in several threads and tasks, and after a cancellation."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError

from frontdesk.core.flow import run
from frontdesk.http.session import SessionStore
from frontdesk.http.state import State
from frontdesk.storages import get_storage
from frontdesk.storages.memory import MemoryStorage

MANY = 5


class Noting(MemoryStorage):
    """Counts its calls, waits when it is told to, and cancels the call of a given number."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()
        self.cancels = None
        self.is_made = False

    def load(self, ids, latest=False):
        self.calls.append("load")
        assert self.gate.wait(30)
        return super().load(ids, latest)

    async def aload(self, ids, latest=False):
        return await self.cancelled("load", super().load, ids, latest)

    async def aswap(self, swaps):
        return await self.cancelled("swap", super().swap, swaps)

    async def cancelled(self, name, method, *args):
        """Make a call, and cancel the task before or after it has an effect."""
        self.calls.append(name)
        is_hit = len(self.calls) - 1 == self.cancels
        if is_hit and not self.is_made:
            raise asyncio.CancelledError
        await asyncio.sleep(0)
        answer = method(*args)
        if is_hit:
            raise asyncio.CancelledError
        return answer


@pytest.fixture(autouse=True)
def storage(settings):
    settings.FRONTDESK = {"STORAGE": {"BACKEND": f"{__name__}.Noting"}}
    return get_storage()


@pytest.fixture
def key(storage):
    session = SessionStore()
    session["cart"] = 1
    session.save()
    storage.calls.clear()
    return session.session_key


def stored(key):
    return dict(SessionStore(key).items())


async def test_tasks_of_one_request_read_its_session_once(storage, key):
    session = SessionStore(key)
    assert await asyncio.gather(*(session.aget("cart") for _ in range(MANY))) == [1] * MANY
    assert storage.calls == ["load"]


def test_threads_of_one_request_read_its_session_once(storage, key):
    session = SessionStore(key)
    storage.gate.clear()
    with ThreadPoolExecutor(MANY) as pool:
        got = [pool.submit(session.get, "cart") for _ in range(MANY)]
        storage.gate.set()
        assert [each.result() for each in got] == [1] * MANY
    assert storage.calls == ["load"]


def test_a_thread_and_a_task_that_both_read_lose_nothing(storage, key):
    """Each has its own lock, because neither may wait for the other. Another request writes meanwhile."""
    session, answers = SessionStore(key), []
    loads = [session.open(), session.open()]
    for load in loads:
        next(load)
        call = load.send(lambda: None)  # it has its lock
        answers.append(call.target.load(*call.args))
        other = SessionStore(key)
        other["other"] = 2
        other.save()
    for load, answer in zip(loads, answers, strict=True):
        with suppress(StopIteration):
            load.send(answer)
    session["own"] = 3
    session.save()
    assert stored(key) == {"cart": 1, "other": 2, "own": 3}


async def test_tasks_of_one_request_lose_no_step_of_modify(key):
    session = SessionStore(key)
    await asyncio.gather(*(session.amodify("n", lambda n: n + 1, 0) for _ in range(MANY)))
    assert stored(key)["n"] == MANY


async def test_a_save_beside_modify_does_not_write_its_value_again(key):
    session = SessionStore(key)
    await session.aset("own", 1)
    await asyncio.gather(session.asave(), session.amodify("n", lambda n: n + 1, 0))
    other = SessionStore(key)
    await other.amodify("n", lambda n: n + 1, 0)
    await session.asave()
    assert stored(key)["n"] == 2


async def save(session):
    await session.aset("own", 2)
    await session.asave()


async def modify(session):
    await session.amodify("n", lambda n: n + 1, 0)


async def sign_in(session):
    await session.acycle_key()
    await session.aset(SESSION_KEY, "7")
    await session.asave()


OPERATIONS = {"save": save, "modify": modify, "sign in": sign_in, "flush": SessionStore.aflush}


def cancellations():
    """Each operation, cancelled in each of its calls, before that has an effect and after it."""
    for name, calls in {"save": 2, "modify": 2, "sign in": 3, "flush": 2}.items():
        for number in range(calls):
            for is_made in (False, True):
                made = "after" if is_made else "before"
                yield pytest.param(name, number, is_made, id=f"{name}, {made} call {number}")


@pytest.mark.parametrize(("name", "number", "is_made"), list(cancellations()))
async def test_a_cancelled_session_can_be_used_again(storage, key, name, number, is_made):
    """What it then says is stored is stored, and an operation that is repeated has its effect."""
    session = SessionStore(key)
    storage.cancels, storage.is_made = number, is_made
    with pytest.raises(asyncio.CancelledError):
        await OPERATIONS[name](session)
    storage.cancels = None
    try:
        await OPERATIONS[name](session)
    except UpdateError:
        # The session has a new key that got lost with the cancellation, so this request has no session.
        assert (name, session.state) == ("sign in", State.INTERRUPTED)
        assert session.overtaken
        return
    record = run(storage.read(key[:15]))
    if name == "flush":
        assert record.ended is not None
        assert session.session_key is None
    elif name == "modify":
        assert stored(key)["n"] in {1, 2}  # it was repeated, and may have been made before
    else:
        assert stored(session.session_key).items() >= {"cart": 1}.items()
        assert session.state is State.LIVE
    assert await session.aget("anything") is None  # no lock is held
