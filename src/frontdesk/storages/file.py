"""Sessions as files in a directory of one machine.

- A file is written beside its place and renamed into it, so a reader never sees half of one and needs no
  lock.
- Writers of a name hold a lock, which the kernel releases when a process dies. Names with the same first
  two characters share a lock. No writer holds two locks, so there are no deadlocks.
- Each lock has one draft. So writers that were killed leave no more drafts than there are locks, and the
  next writers overwrite them.
- The modification time of a file is when it expires, so a purge opens only what it deletes.
"""

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Final

from django.core import checks
from django.core.files import locks

from frontdesk.conf import unknown_option
from frontdesk.core import clock
from frontdesk.core.record import Record
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.documents import SESSION, DocumentStorage, Write, decoded, version_in

SESSIONS: Final = "s"
INDEXES: Final = "u"
LOCKS: Final = "locks"
DRAFTS: Final = "new"

FOLDERS: Final = (SESSIONS, INDEXES, LOCKS, DRAFTS)
"""What the directory holds, in the order in which it is made: if the last is there, all are."""

YEAR_2200: Final = 7_258_118_400 * clock.SECOND
"""File systems differ in the latest time that they can keep. All can keep this one."""


class FileStorage(DocumentStorage):
    """Sessions as files in ``DIRECTORY``, shared by the processes of one machine.

    The first write makes the directory, if its parent exists. It must be on a local file system, and only
    the user that runs the server may have access to it: one that belongs to another user, lets others in,
    or holds anything else is refused.

    A directory that disappears, for example because its disk was unmounted, is an outage and ends no
    session. A process knows this only after it has seen the directory. To one that starts while the
    directory is missing and the parent exists, there are no sessions yet. So use a directory below a
    mounted one, not beside it.
    """

    thread_sensitive = False

    def __init__(self, **options: Any) -> None:
        super().__init__()
        directory = options.pop("DIRECTORY", None)
        for name in options:
            raise unknown_option("FileStorage", name, ["DIRECTORY"])
        if not isinstance(directory, str | os.PathLike) or not str(directory):
            raise InvalidSetting(
                "FileStorage needs the option DIRECTORY, for example "
                f'{{"DIRECTORY": BASE_DIR / "sessions"}}, not {directory!r}.'
            )
        self._root = Path(directory)
        self._is_known = False

    # The primitives of a document storage.

    def get(self, names: Collection[str]) -> dict[str, bytes]:
        with _available():
            if not self._is_there():
                return {}
            found = {name: self._read(name) for name in names}
        return {name: data for name, data in found.items() if data is not None}

    def cas(self, writes: Sequence[Write]) -> list[bool]:
        with _available():
            if not self._is_there():
                self._make()
            return [self._write(write) for write in writes]

    def _read(self, name: str) -> bytes | None:
        try:
            with FileIO(self._path(name)) as file:
                # The same for reading and writing: a write never replaces what a read leaves out.
                return None if _is_over(os.fstat(file.fileno()), clock.now()) else file.read()
        except FileNotFoundError as error:
            if not (self._root / DRAFTS).is_dir():
                raise StorageUnavailable(
                    f"The directory of the sessions is gone: {error}"
                ) from error
            return None

    def _write(self, write: Write) -> bool:
        shard = write.name[2:4]
        with self._locked(shard):
            if version_in(self._read(write.name)) != write.version:
                return False
            path, draft = Path(self._path(write.name)), self._root / DRAFTS / shard
            with open(draft, "wb", opener=_private) as file:
                file.write(write.data)
            moment = min(write.expires, YEAR_2200) * 1000
            os.utime(draft, ns=(moment, moment))
            path.parent.mkdir(mode=0o700, exist_ok=True)
            draft.replace(path)
            return True

    def _path(self, name: str) -> str:
        # As text: joining and opening paths of pathlib takes a twentieth of what a request adds.
        return f"{self._root}/{name[0]}/{name[2:4]}/{name[2:]}"

    @contextmanager
    def _locked(self, shard: str) -> Iterator[None]:
        """Hold the lock of ``shard`` among the threads and processes of this machine."""
        # Each opening of a file has its own lock, also within one process. Closing it releases the lock.
        with open(self._root / LOCKS / shard, "ab", opener=_private) as file:
            locks.lock(file, locks.LOCK_EX)
            yield

    # Deleting and going through all sessions.

    def purge(self, now: int, limit: int) -> list[Record]:
        """Delete up to ``limit`` expired sessions. The last batch also takes the expired indexes."""
        gone: list[Record] = []
        with _available():
            for path in self._files(SESSIONS):
                if len(gone) >= limit:
                    return gone
                if data := self._delete(path, now):
                    gone += decoded([data])
            for path in self._files(INDEXES):
                self._delete(path, now)
        return gone

    def _delete(self, path: Path, now: int) -> bytes | None:
        """Delete a file if it has expired, and return what was in it."""
        if not _has_expired(path, now):
            return None
        with self._locked(path.name[:2]):
            if not _has_expired(path, now):  # another process has written or deleted it meanwhile
                return None
            data = path.read_bytes()
            path.unlink()
            return data

    def scan(self, after: str = "") -> Iterator[Record]:
        """See :class:`~frontdesk.storages.base.Scans`."""
        with _available():
            for path in self._files(SESSIONS, after):
                found = self.get([SESSION + path.name])
                now = clock.now()
                yield from (each for each in decoded(found.values()) if each.is_live(now))

    def count_expired(self, now: int) -> int:
        """See :class:`~frontdesk.storages.base.Scans`."""
        with _available():
            return sum(_has_expired(path, now) for path in self._files(SESSIONS))

    def _files(self, folder: str, after: str = "") -> Iterator[Path]:
        """Yield the files of a folder whose names come after ``after``, in the order of their names."""
        if not self._is_there():
            return
        for shard in sorted((self._root / folder).iterdir()):
            if shard.name >= after[:2]:
                yield from sorted(path for path in shard.iterdir() if path.name > after)

    # The directory.

    def _is_there(self) -> bool:
        """Return whether the directory has been made. Raises ``InvalidSetting`` if it may not be used."""
        if not self._is_known:
            if problem := self._problem():
                raise InvalidSetting(f"{self._root} cannot hold sessions: {problem}")
            self._is_known = (self._root / DRAFTS).is_dir()
        return self._is_known

    def _make(self) -> None:
        for path in (self._root, *(self._root / folder for folder in FOLDERS)):
            path.mkdir(mode=0o700, exist_ok=True)
        if not self._is_there():
            raise StorageUnavailable(f"The directory of the sessions, {self._root}, was removed.")

    def _problem(self) -> str | None:
        """Return why the directory may not be used, if there is a reason."""
        if not self._root.exists():
            parent = self._root.absolute().parent
            return None if parent.is_dir() else f"make the directory {parent} first."
        if not self._root.is_dir():
            return "it is not a directory."
        if os.name == "posix" and (problem := _access_problem(self._root.stat())):
            return problem
        if foreign := sorted({path.name for path in self._root.iterdir()} - {*FOLDERS}):
            return f"it holds other files, for example {foreign[0]!r}. Use a directory for sessions only."
        return None

    def check(self) -> list[checks.CheckMessage]:
        try:
            problem = self._problem()
        except OSError as error:
            problem = f"{error}."
        if problem is None:
            return []
        return [
            checks.Error(
                f"{self._root} cannot hold sessions: {problem}",
                hint="FRONTDESK['STORAGE']['OPTIONS']['DIRECTORY'] must be a directory of its own, with "
                "mode 700 and owned by the user that runs the server. If it is missing, the first "
                "session makes it.",
                id="frontdesk.E021",
            )
        ]


def _access_problem(status: os.stat_result) -> str | None:
    if status.st_uid != os.geteuid():
        return f"it belongs to the user {status.st_uid}, and this process runs as {os.geteuid()}."
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        return f"its mode is {mode:o}, which lets other users in. Change it to 700."
    return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_over(status: os.stat_result, now: int) -> bool:
    return status.st_mtime_ns // 1000 <= now


def _has_expired(path: Path, now: int) -> bool:
    try:
        return _is_over(path.stat(), now)
    except FileNotFoundError:
        return False


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"The session files cannot be used: {error}") from error
