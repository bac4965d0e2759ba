"""The statement by which the database storage reads session and user, for pages that do nothing else."""

from functools import cached_property
from importlib import import_module
from statistics import median
from typing import Any

from django.conf import settings
from django.http import HttpRequest


class Limits:
    """Made when a page first asks, so that other subjects load nothing of frontdesk."""

    @cached_property
    def _row(self) -> Any:
        reading = import_module("frontdesk.storages.reading")
        return reading.Reader("default", with_user=True).row

    @property
    def statement(self) -> str:
        """Return the statement, as Django's cursor takes it."""
        return str(self._row.select.for_cursor)

    def by_driver(self, request: HttpRequest) -> Any:
        """Return the row of the session that ``request`` brings, as the driver gives it."""
        direct = import_module("frontdesk.storages.direct")
        connection = import_module("django.db").connections["default"]
        return direct.one_row(connection, self._row.select, self.digest(request))

    def explained(self, key: str, *, times: int) -> dict[str, float]:
        """Return how long PostgreSQL plans and executes the statement: medians, in microseconds."""
        sql = f"EXPLAIN (ANALYZE, SUMMARY, FORMAT JSON) {self.statement}"
        found = []
        with import_module("django.db").connection.cursor() as cursor:
            for _ in range(times):
                cursor.execute(sql, {"value": self._digest_of(key)})
                found.append(cursor.fetchone()[0][0])
        words = {"planning": "Planning Time", "execution": "Execution Time"}
        return {name: 1000 * median(row[word] for row in found) for name, word in words.items()}

    @cached_property
    def name(self) -> int:
        """Return where the user's name is in a row."""
        (user,) = self._row.related
        return int(user["username"])

    @cached_property
    def _digest_of(self) -> Any:
        return import_module("frontdesk.tokens").digest_of

    def digest(self, request: HttpRequest) -> Any:
        """Return the digest of the session that ``request`` brings."""
        return self._digest_of(request.COOKIES[settings.SESSION_COOKIE_NAME])
