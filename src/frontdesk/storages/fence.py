"""What the database says of the cache before it: whether its copies may be trusted, and under what names."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from frontdesk.drive import hop
from frontdesk.models import Fence
from frontdesk.storages.connection import available


class Row(NamedTuple):
    """A row of the table, as far as it is about trust."""

    generation: str
    server: str
    open: bool


class DatabaseFence:
    """The row of one cache. Each statement is a commit of its own; inside a transaction there is none."""

    def __init__(self, name: str) -> None:
        self._name = name

    def look(self, server: str) -> Row | None:
        """Return the row, which is made for ``server`` if there is none.

        ``None`` inside a transaction, which may be looking at the past.
        """
        with self._row() as row:
            if row is None:
                return None
            found = _read(row)
            if found is None:
                mine = Fence(name=self._name, generation=_new(), server=server)
                # Several may do so at once; whoever was first is right.
                Fence.objects.using(row.db).bulk_create([mine], ignore_conflicts=True)
                found = _read(row)
            return found

    def close(self, generation: str) -> None:
        """Let nobody trust the copies of this generation; they know within ``TRUSTED``."""
        with self._row() as row:
            if row is not None:
                row.filter(generation=generation, open=True).update(open=False)

    def shut(self) -> str | None:
        """Close whatever is open, and return its generation; ``None`` if nobody has ever trusted a copy.

        What has been committed before is in all copies that anybody will trust later.
        """
        with available() as connection:
            row = Fence.objects.using(connection.alias).filter(pk=self._name)
            found = _read(row)
            while found is not None and found.open:
                row.filter(generation=found.generation).update(open=False)
                found = _read(row)
        return None if found is None else found.generation

    def reopen(self, generation: str, server: str) -> Row | None:
        """Begin a new generation on ``server``; ``None`` if somebody else has."""
        new = Row(_new(), server, open=True)
        with self._row() as row:
            if row is None:
                return None
            closed = row.filter(generation=generation, open=False)
            return new if closed.update(**new._asdict()) else None

    @contextmanager
    def _row(self) -> Iterator[QuerySet[Fence] | None]:
        with available() as connection:
            outside = not is_inside_transaction(connection)
            yield Fence.objects.using(connection.alias).filter(pk=self._name) if outside else None

    async def _hop(self, verb: str, *args: Any) -> Any:
        return await hop(getattr(self, verb), *args)

    async def alook(self, server: str) -> Row | None:
        """See :meth:`look`."""
        return await self._hop("look", server)  # type: ignore[no-any-return]

    async def aclose(self, generation: str) -> None:
        """See :meth:`close`."""
        await self._hop("close", generation)

    async def ashut(self) -> str | None:
        """See :meth:`shut`."""
        return await self._hop("shut")  # type: ignore[no-any-return]

    async def areopen(self, generation: str, server: str) -> Row | None:
        """See :meth:`reopen`."""
        return await self._hop("reopen", generation, server)  # type: ignore[no-any-return]


def is_inside_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether what is seen here may be the past, and what is done here be rolled back."""
    return connection.in_atomic_block


def _read(row: QuerySet[Fence]) -> Row | None:
    found = row.values_list(*Row._fields).first()
    return None if found is None else Row(*found)


def _new() -> str:
    return secrets.token_hex(8)
