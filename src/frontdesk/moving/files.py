"""Django's ``file`` engine: a file for each session."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from frontdesk import clock
from frontdesk.errors import StorageUnavailable, UndecodableRecord
from frontdesk.moving.stock import Entry, StockPlace, StockSession, expiry_of


class Files(StockPlace):
    """Sessions in the directory of an engine that descends from Django's ``file``."""

    def read(self, key: str) -> StockSession | None:
        path = self._path(key)
        with _available():
            if not path.parent.is_dir():  # unmounted, say: nobody is to be signed out by that
                raise StorageUnavailable(
                    f"the directory of Django's sessions is gone: {path.parent}"
                )
            try:
                text, changed = path.read_text("ascii"), path.stat().st_mtime_ns // 1000
            except FileNotFoundError:
                return None
            except UnicodeDecodeError as error:
                raise UndecodableRecord(f"A session file is damaged: {error}") from error
        if not text:  # Django has just made the file, and is about to write the session
            return None
        values = self._decoded(key, text)
        expires = expiry_of(self.engine(key), values, changed)
        return StockSession(values, expires) if expires > clock.now() else None

    def insert(self, key: str, session: StockSession) -> bool:
        store, path = self.engine(key), self._path(key)
        # The engine counts from the file's time, unless the session itself says when it ends.
        lifetime = expiry_of(store, session.values, 0)
        changed = min(clock.now(), session.expires - lifetime)
        with _available():
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}_out_")
            try:
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    file.write(store.encode(session.values))
                os.utime(draft, ns=(changed * 1000, changed * 1000))
                os.link(draft, path)  # unlike a rename, it never overwrites
            except FileExistsError:
                return False
            finally:
                with suppress(FileNotFoundError):
                    Path(draft).unlink()
        return True

    def remove(self, key: str) -> bool:
        with _available():
            try:
                self._path(key).unlink()
            except FileNotFoundError:
                return False
        return True

    def entries(self) -> Iterator[Entry]:
        for key in self._keys():
            try:
                yield key, self.read(key)
            except UndecodableRecord as error:
                yield key, error

    def total(self) -> int:
        return len(self._keys())

    def _keys(self) -> list[str]:
        prefix = settings.SESSION_COOKIE_NAME
        with _available():
            names = os.listdir(self._directory)  # noqa: PTH208 (names, of which there are many)
        keys = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
        return sorted(key for key in keys if key.isalnum())

    def _path(self, key: str) -> Path:
        try:
            return Path(self.engine(key)._key_to_file())
        except ImproperlyConfigured as error:  # the directory is not there
            raise StorageUnavailable(str(error)) from error

    @property
    def _directory(self) -> str:
        return self.engine._get_storage_path()  # type: ignore[no-any-return]


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"the files of Django's sessions: {error}") from error
