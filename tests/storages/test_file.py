"""What the file storage promises beyond the contract: who may look, and processes that die."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from frontdesk import clock
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.file import FileStorage
from frontdesk.storages.record import Changes
from frontdesk.testing.conformance.ground import a_record
from tests import services

DIGESTS = re.compile(r"[0-9a-f]{62,64}")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "sessions"


@pytest.fixture
def storage(place):
    return FileStorage(DIRECTORY=place)


def files(place):
    return [path for path in place.rglob("*") if path.is_file()]


def worker(place, code: str, *args: str) -> subprocess.Popen:
    """Start a process that opens the same directory as ``storage`` and runs ``code``."""
    setup = (
        "import sys, itertools\n"
        "from frontdesk.storages.base import Changes\n"
        "from frontdesk.storages.file import FileStorage\n"
        "storage = FileStorage(DIRECTORY=sys.argv[1])\n"
    )
    command = [sys.executable, "-c", setup + code, str(place), *args]
    return subprocess.Popen(command, env=services.child_environment(), stdout=subprocess.PIPE)


# --- who may look --------------------------------------------------------------------------------


def test_the_directory_is_for_its_owner_only(place):
    mask = os.umask(0)
    try:
        storage = FileStorage(DIRECTORY=place)
        storage.insert(a_record(user_id="1"))
    finally:
        os.umask(mask)
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}


def test_a_directory_that_is_open_to_others_is_closed_to_them(place):
    place.mkdir(mode=0o755)
    FileStorage(DIRECTORY=place)
    assert place.stat().st_mode & 0o777 == 0o700


def test_files_are_for_their_owner_only(storage, place):
    mask = os.umask(0)
    try:
        record = a_record(user_id="1")
        storage.insert(record)
        storage.update(record.digest, Changes(values={"cart": b"[2]"}))
    finally:
        os.umask(mask)
    assert {oct(path.stat().st_mode & 0o777) for path in files(place)} == {"0o600"}


def test_names_hold_nothing_but_digests(storage, place):
    storage.insert(a_record(user_id="mary@example.org", ip="192.0.2.7"))
    names = [path.name for path in files(place) if path.parent.name != "locks"]
    assert names
    assert all(DIGESTS.fullmatch(name) for name in names)


def test_no_draft_is_left_behind(storage, place):
    storage.insert(a_record())
    assert list((place / "new").iterdir()) == []


# --- a directory that cannot be used --------------------------------------------------------------


def test_a_directory_without_a_parent_is_a_setting_to_correct(tmp_path):
    with pytest.raises(InvalidSetting, match=r"Set FRONTDESK.*DIRECTORY.*the server's user"):
        FileStorage(DIRECTORY=tmp_path / "no" / "where")


def test_a_file_in_the_place_of_the_directory_is_a_setting_to_correct(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidSetting, match=r"DIRECTORY.*"):
        FileStorage(DIRECTORY=tmp_path / "file")


def test_a_directory_of_somebody_else_is_a_setting_to_correct(place, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *args, **options: False)  # root may do anything
    with pytest.raises(InvalidSetting, match="is not writable by this process"):
        FileStorage(DIRECTORY=place)


@pytest.mark.parametrize(
    "use",
    [
        lambda storage, record: storage.insert(a_record()),
        lambda storage, record: storage.read(record.digest),
        lambda storage, record: storage.update(record.digest, Changes()),
        lambda storage, record: storage.remove([record.digest]),
        lambda storage, record: storage.of_user("1"),
        lambda storage, record: storage.purge(clock.now(), 10),
    ],
    ids=["insert", "read", "update", "remove", "of_user", "purge"],
)
def test_a_directory_that_went_away_is_an_outage_not_a_sign_out(storage, place, use):
    record = a_record(user_id="1")
    storage.insert(record)
    place.rename(place.with_name("unmounted"))
    with pytest.raises(StorageUnavailable):
        use(storage, record)


def test_a_file_that_cannot_be_read_is_an_outage(storage, place):
    record = a_record()
    path = place / "s" / record.digest[:2] / record.digest
    path.mkdir(parents=True)
    with pytest.raises(StorageUnavailable):
        storage.read(record.digest)


def test_a_full_disk_is_an_outage_and_harms_nothing(storage, monkeypatch):
    record = a_record()
    storage.insert(record)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", full)
        with pytest.raises(StorageUnavailable, match="No space left"):
            storage.update(record.digest, Changes(values={"cart": b"[2]"}))
    assert storage.read(record.digest) == record


# --- several processes -----------------------------------------------------------------------------

# Each value fills several pages, and says at both ends which write it belongs to.
REWRITE = """
for number in itertools.count():
    text = b"%09d" % number
    storage.update(sys.argv[2], Changes(values={"it": text + b"." * 50_000 + text}))
    if number == 0:
        print("ready", flush=True)
"""

COUNT = """
for number in range(40):
    storage.update(sys.argv[2], Changes(values={f"{sys.argv[3]}-{number}": b"1"}))
"""

HOLD = """
import time
with storage._locked(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def whole(record):
    value = record.values["it"]
    return len(value) == 50_018 and value[:9] == value[-9:]


def test_a_reader_never_sees_half_of_a_write(storage, place):
    record = a_record()
    storage.insert(record)
    writer = worker(place, REWRITE, record.digest)
    try:
        writer.stdout.readline()
        reads = [storage.read(record.digest) for _ in range(300)]
    finally:
        writer.kill()
        writer.communicate()
    assert all(whole(read) for read in reads)


def test_processes_that_change_one_session_lose_nothing(storage, place):
    record = a_record(values={})
    storage.insert(record)
    workers = [worker(place, COUNT, record.digest, name) for name in "abc"]
    for process in workers:
        process.communicate(timeout=60)
    assert [process.returncode for process in workers] == [0, 0, 0]
    expected = {f"{name}-{number}" for name in "abc" for number in range(40)}
    found = storage.read(record.digest)
    assert set(found.values) == expected
    assert found.version == 121


@pytest.mark.slow
def test_writers_that_are_killed_leave_whole_records_and_few_drafts(storage, place):
    record = a_record()
    storage.insert(record)
    for pause in (0.0, 0.003, 0.007, 0.013, 0.019):
        writer = worker(place, REWRITE, record.digest)
        writer.stdout.readline()
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert whole(storage.read(record.digest))
    assert len(list((place / "new").iterdir())) <= 256


def test_a_draft_that_was_left_behind_is_written_over(storage, place):
    record = a_record()
    draft = place / "new" / record.digest[:2]
    draft.write_bytes(b"x" * 100_000)
    storage.insert(record)
    assert storage.read(record.digest) == record
    assert not draft.exists()


def test_a_lock_of_a_killed_process_is_free(storage, place):
    record = a_record()
    storage.insert(record)
    holder = worker(place, HOLD, record.digest[:2])
    holder.stdout.readline()
    holder.kill()
    holder.communicate()
    assert storage.update(record.digest, Changes(values={"cart": b"[2]"})) is True


def test_the_time_of_a_file_is_when_it_expires(storage, place):
    record = a_record()
    storage.insert(record)
    path = place / "s" / record.digest[:2] / record.digest
    assert path.stat().st_mtime_ns // 1000 == record.expires


def test_a_purge_while_another_one_runs_counts_nothing_twice(storage, place):
    other = FileStorage(DIRECTORY=place)
    record = a_record()
    storage.insert(record)
    storage.insert(replace(a_record(), last_seen=1, idle=1))
    both = other.purge(clock.now(), 10), storage.purge(clock.now(), 10)
    assert [done.removed for done in both] == [1, 0]
