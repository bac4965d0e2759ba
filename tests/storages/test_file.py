"""What the file storage promises beyond the contract: its directory, and processes that die."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest

from frontdesk.core import clock
from frontdesk.core.flow import run
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.file import FileStorage
from frontdesk.testing import Clock
from tests import services
from tests.storages.test_primitives import HOUR, a_record, ids

posix = pytest.mark.skipif(os.name != "posix", reason="the modes and owners of POSIX")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "sessions"


@pytest.fixture
def storage(place):
    return FileStorage(DIRECTORY=place)


@pytest.fixture
def stored(storage):
    record = a_record()
    assert run(storage.insert(record))
    return record


def modes(paths) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in paths}


def said(storage) -> list[str]:
    return [message.id for message in storage.check()]


# The directory.


def test_making_and_checking_and_reading_change_nothing(storage, place):
    place.mkdir(mode=0o755)
    FileStorage(DIRECTORY=place).check()
    assert modes([place]) == {0o755}
    assert list(place.iterdir()) == []
    place.rmdir()
    assert said(storage) == []
    assert storage.load(["0" * 15]) == []
    assert storage.ids_of("1") == []
    assert storage.purge(clock.now(), 10) == []
    assert list(storage.scan()) == []
    assert not place.exists()


@posix
def test_the_first_write_makes_a_directory_for_its_owner_only(storage, place):
    mask = os.umask(0)
    try:
        run(storage.insert(a_record()))
    finally:
        os.umask(mask)
    every = [place, *place.rglob("*")]
    assert modes(path for path in every if path.is_dir()) == {0o700}
    assert modes(path for path in every if path.is_file()) == {0o600}
    assert said(storage) == []


def test_an_empty_directory_is_used(place):
    place.mkdir(mode=0o700)
    storage = FileStorage(DIRECTORY=str(place))
    assert run(storage.insert(a_record()))


@contextmanager
def open_to_others(place):
    place.mkdir()
    place.chmod(0o750)
    yield


@contextmanager
def of_another_user(place):
    place.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
        yield


@contextmanager
def with_other_files(place):
    place.mkdir(mode=0o700)
    (place / "notes.txt").touch()
    yield


@contextmanager
def that_is_a_file(place):
    place.touch()
    yield


@contextmanager
def without_a_parent(place):
    place.parent.rmdir()
    yield
    place.parent.mkdir()


UNUSABLE = {
    "mode": (open_to_others, "mode is 750"),
    "owner": (of_another_user, "belongs to the user"),
    "contents": (with_other_files, r"notes\.txt"),
    "file": (that_is_a_file, "not a directory"),
    "parent": (without_a_parent, "make the directory .* first"),
}


@posix
@pytest.mark.parametrize(("given", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_directory_that_may_not_be_used_is_refused(place, storage, given, why):
    with given(place):
        assert said(storage) == ["frontdesk.E021"]
        for call in (lambda: storage.load(["0" * 15]), lambda: run(storage.insert(a_record()))):
            with pytest.raises(InvalidSetting, match=why) as raised:
                call()
            assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "needs the option DIRECTORY"),
        ({"DIRECTORY": None}, "not None"),
        ({"DIRECTORY": ""}, "needs the option DIRECTORY"),
        ({"DIRECTORY": "/tmp", "DIR": "/tmp"}, "options are: DIRECTORY"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, why):
    with pytest.raises(InvalidSetting, match=why):
        FileStorage(**options)


def test_a_directory_that_disappears_is_an_outage(storage, place, stored):
    place.rename(place.with_name("unmounted"))
    for call in (
        lambda: storage.load([stored.id]),
        lambda: storage.ids_of("1"),
        lambda: run(storage.insert(a_record())),
        lambda: storage.purge(clock.now(), 10),
    ):
        with pytest.raises(StorageUnavailable):
            call()
    assert not place.exists()
    place.mkdir(mode=0o700)  # as the place where a disk was mounted
    with pytest.raises(StorageUnavailable):
        storage.load([stored.id])


def test_a_full_disk_is_an_outage_and_changes_nothing(storage, stored, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", full)
        with pytest.raises(StorageUnavailable, match="No space left"):
            run(storage.change(stored, lambda found: found))
    assert run(storage.read(stored.id)) == stored


# Files.


def test_the_time_of_a_file_is_when_it_expires(place, stored):
    (path,) = place.glob("s/*/*")
    assert path.name == stored.id
    assert path.stat().st_mtime_ns // 1000 == stored.expires


def test_a_draft_that_was_left_behind_is_overwritten(storage, place, stored):
    draft = place / "new" / stored.id[:2]
    draft.write_bytes(b"x" * 100_000)
    changed = run(storage.change(stored, lambda found: found))
    assert run(storage.read(stored.id)) == changed
    assert not draft.exists()


def test_a_purge_removes_the_index_with_the_last_session(storage, place, stored):
    with Clock() as now:
        now.advance(3 * 86_400)
        assert ids(storage.purge(clock.now(), 10)) == {stored.id}
    assert list(place.glob("[su]/*/*")) == []


class Interrupted(FileStorage):
    """Before it gets a lock, another process writes."""

    @contextmanager
    def _locked(self, shard):
        self.meanwhile()
        with super()._locked(shard):
            yield


def test_a_purge_spares_what_another_process_has_just_renewed(storage, place, stored):
    purging = Interrupted(DIRECTORY=place)
    later = clock.now() + 2 * HOUR  # by the clock of the purging process, which is ahead
    renewed = replace(stored, last_seen=later, version=2)
    purging.meanwhile = lambda: storage.swap([(stored, renewed)])
    assert purging.purge(later, 10) == []
    assert storage.load([stored.id]) == [renewed]


def test_expired_sessions_are_counted(storage, stored):
    with Clock() as now:
        run(storage.insert(a_record(user_id=None, idle=clock.MINUTE)))
        assert storage.count_expired(clock.now()) == 0
        now.advance(60)
        assert storage.count_expired(clock.now()) == 1


# Processes.

# Each value fills several pages, and says at both ends to which write it belongs.
REWRITE = """
for number in itertools.count():
    text = b"%09d" % number
    values = {"it": text + b"." * 50_000 + text}
    known = run(storage.change(known, lambda found: replace(found, values=values)))
    if number % 20 == 0:
        print("ready", flush=True)
"""

COUNT = """
for number in range(40):
    own = {sys.argv[3] + str(number): b""}
    run(storage.change(known, lambda found: replace(found, values={**found.values, **own})))
"""

HOLD = """
with storage._locked(sys.argv[2][:2]):
    print("ready", flush=True)
    time.sleep(60)
"""


def worker(place, stored, code, *args) -> subprocess.Popen[bytes]:
    """Start a process that runs ``code`` with a storage on the same directory."""
    setup = (
        "import itertools, sys, time\n"
        "from dataclasses import replace\n"
        "from frontdesk.core.flow import run\n"
        "from frontdesk.storages.file import FileStorage\n"
        "storage = FileStorage(DIRECTORY=sys.argv[1])\n"
        "known = run(storage.read(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", setup + code, str(place), stored.id, *args]
    return subprocess.Popen(command, env=services.child_environment(), stdout=subprocess.PIPE)


def is_whole(record) -> bool:
    value = record.values["it"]
    return len(value) == 50_018 and value[:9] == value[-9:]


def test_neither_readers_nor_a_kill_leave_half_of_a_write(storage, place, stored):
    for reads in (300, 3):
        writer = worker(place, stored, REWRITE)
        writer.stdout.readline()
        found = [run(storage.read(stored.id)) for _ in range(reads)]
        writer.kill()
        writer.communicate()
        assert all(is_whole(each) for each in [*found, run(storage.read(stored.id))])
    assert len(list((place / "new").iterdir())) <= 1


def test_processes_that_change_one_session_lose_nothing(storage, place, stored):
    workers = [worker(place, stored, COUNT, name) for name in "abc"]
    for process in workers:
        process.communicate(timeout=60)
    assert [process.returncode for process in workers] == [0, 0, 0]
    found = run(storage.read(stored.id))
    assert set(found.values) == {f"{name}{number}" for name in "abc" for number in range(40)}


def test_the_lock_of_a_killed_process_is_free(storage, place, stored):
    holder = worker(place, stored, HOLD)
    holder.stdout.readline()
    holder.kill()
    holder.communicate()
    assert run(storage.change(stored, lambda found: found)) is not None
