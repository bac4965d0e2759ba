"""Sessions as files in a directory of one machine.

The rules of this file:

- The directory is for its owner only (0700, files 0600), and names hold nothing but digests.
- A file is written beside its place and renamed into it, so a reader never sees half of one; readers
  take no lock.
- Writers of a name hold a lock that the kernel releases when a process dies. There are 256 locks, by the
  first two digits of the digest, and never two held at once, so that nothing can wait in a circle.
- The temporary name is fixed by the lock, so a killed writer leaves at most 256 of them, overwritten by
  the next writers.
- A file's modification time is when it expires, so that a purge need not open any.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from django.core.files import locks

from frontdesk import clock
from frontdesk.errors import InvalidSetting, StorageUnavailable
from frontdesk.storages.record import Expired, Purged, Record
from frontdesk.storages.slots import SlotStorage, expired_in
from frontdesk.tokens import Digest

_YEAR_2200 = 7_258_118_400 * clock.SECOND
"""File systems end at different years; this one is within all of them."""


class FileStorage(SlotStorage):
    """Sessions as files below ``DIRECTORY``, shared by the processes of one machine.

    The directory is made if its parent exists. It must be on a file system with locks and atomic
    rename, which every local one has.
    """

    thread_sensitive = False

    def __init__(self, *, DIRECTORY: str | os.PathLike[str]) -> None:  # noqa: N803 (an option)
        super().__init__()
        self._root = Path(DIRECTORY)
        try:
            self._root.mkdir(mode=0o700, exist_ok=True)
            for folder in ("s", "u", "locks", "new"):
                (self._root / folder).mkdir(mode=0o700, exist_ok=True)
            if os.name == "posix":
                self._root.chmod(0o700)
            if not os.access(self._root / "new", os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(f"{self._root} is not writable by this process")
        except OSError as error:
            raise InvalidSetting(
                f"The directory of the file storage cannot be used: {error}. Set FRONTDESK['STORAGE']"
                "['OPTIONS']['DIRECTORY'] to a directory that the server's user owns."
            ) from error

    def _load(self, name: str) -> tuple[bytes | None, bytes | None]:
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError as error:
            if not self._root.is_dir():  # unmounted, say: nobody is to be signed out by that
                raise StorageUnavailable(
                    f"the directory of the sessions is gone: {error}"
                ) from error
            return None, None
        except OSError as error:
            raise StorageUnavailable(f"a session file cannot be read: {error}") from error
        return data, data

    def _load_many(self, names: Collection[str]) -> dict[str, bytes]:
        found = ((name, self._load(name)[0]) for name in names)
        return {name: data for name, data in found if data is not None}

    def _store(self, name: str, token: bytes | None, data: bytes, expires: int) -> bool:
        shard = name[2:4]
        path = self._path(name)
        with self._locked(shard):
            if self._load(name)[0] != token:
                return False
            draft = self._root / "new" / shard
            with open(draft, "wb", opener=_private) as file:
                file.write(data)
            moment = min(expires, _YEAR_2200) * 1000
            os.utime(draft, ns=(moment, moment))
            path.parent.mkdir(mode=0o700, exist_ok=True)
            draft.replace(path)
        return True

    def purge(self, now: int, limit: int) -> Purged:
        removed, over = 0, list[Expired]()
        try:
            for path in self._over(now):
                if removed >= limit:
                    break
                if (data := self._unlinked(path, now)) is not None:
                    removed += 1
                    over += expired_in(f"{path.parent.parent.name}-{path.name}", data)
        except OSError as error:
            raise StorageUnavailable(f"the session files cannot be listed: {error}") from error
        return Purged(removed, over)

    def count_expired(self, now: int) -> int:
        """See :class:`~frontdesk.storages.base.CountsExpired`."""
        try:
            return sum(1 for _ in self._over(now))
        except OSError as error:
            raise StorageUnavailable(f"the session files cannot be listed: {error}") from error

    def _over(self, now: int) -> Iterator[Path]:
        every = chain(self._files("s"), self._files("u"))
        return (path for path in every if _expired(path, now))

    def _unlinked(self, path: Path, now: int) -> bytes | None:
        """Delete a file that has expired and return what was in it."""
        with self._locked(path.name[:2]):
            # Looked at again, as it may have been renewed while the lock was waited for.
            if not _expired(path, now):
                return None
            data = path.read_bytes()
            path.unlink()
            return data

    def scan(self, after: str = "") -> Iterator[Record]:
        """See :class:`~frontdesk.storages.base.Scans`."""
        try:
            for path in self._files("s", after):
                yield from self._records([Digest(path.name)])
        except OSError as error:
            raise StorageUnavailable(f"the session files cannot be listed: {error}") from error

    def _files(self, folder: str, after: str = "") -> Iterator[Path]:
        for shard in sorted((self._root / folder).iterdir()):
            if shard.name >= after[:2]:
                yield from sorted(path for path in shard.iterdir() if path.name > after)

    def _path(self, name: str) -> Path:
        return self._root / name[0] / name[2:4] / name[2:]

    @contextmanager
    def _locked(self, shard: str) -> Iterator[None]:
        """Hold the lock of ``shard``, among the threads and the processes of this machine.

        Each entry opens the file anew, and the kernel keeps such openings apart even within a process.
        """
        try:
            with open(self._root / "locks" / shard, "ab", opener=_private) as file:
                locks.lock(file, locks.LOCK_EX)
                try:
                    yield
                finally:
                    locks.unlock(file)
        except OSError as error:
            raise StorageUnavailable(f"a session file cannot be written: {error}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _expired(path: Path, now: int) -> bool:
    try:
        return path.stat().st_mtime_ns // 1000 <= now
    except FileNotFoundError:
        return False
