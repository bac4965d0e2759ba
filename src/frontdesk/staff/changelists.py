"""The list of sessions, from a table or from any other storage, with the same columns and filters."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from frontdesk import clock
from frontdesk.accounts import ids_of_users_like
from frontdesk.conf import options
from frontdesk.everyone import alive, all_records, records_of, sees_everybody
from frontdesk.models import Session
from frontdesk.staff.filters import OfUser, SessionFilter
from frontdesk.staff.rows import rows_of, without_values
from frontdesk.storages import get_storage
from frontdesk.storages.base import HasTable
from frontdesk.storages.record import Record

LIKE = 50
"""Users that a search finds, at most, by what is in their names."""

LOOKED_AT = 1000
"""Sessions that are gone through for one page where there is no table."""


def live_rows() -> QuerySet[Session]:
    """Return the rows of those that are alive, without their values; none where there is no table."""
    storage = get_storage()
    if not isinstance(storage, HasTable):
        return Session.objects.none()
    with storage.live_rows() as live:
        rows: QuerySet[Session] = live.defer("data")
    limit = options().absolute_timeout
    if limit is None:
        return rows
    # As policy.is_alive, so that one that nobody can use any more is not shown.
    began = Coalesce(F("authenticated"), F("created"))
    return rows.alias(began=began).filter(began__gt=clock.now() - limit)


class TableChangeList(ChangeList):
    """Filtered, sorted and paged by the database."""

    partial = False
    """Whether there may be more than what is shown."""

    def get_results(self, request: HttpRequest) -> None:
        """Take a page of rows, and the names of their users: three queries with the count."""
        storage = cast(HasTable, get_storage())
        with storage.live_rows():
            super().get_results(request)
            records = [without_values(row) for row in self.result_list]
        self.result_list = cast(
            Any, rows_of(records, request, cast(Any, self.model_admin).user_urls(request))
        )


class RecordChangeList(ChangeList):
    """The sessions of the user who was asked for; of everybody, if the storage can list them."""

    partial = False

    def get_results(self, request: HttpRequest) -> None:
        """Go through a bounded number of records, and show a page of them."""
        looked_at = list(islice(alive(self._candidates()), LOOKED_AT + 1))
        chosen = cast(list[SessionFilter], self.filter_specs)
        filters = [one for one in chosen if one.chosen() is not None]
        found = [
            record
            for record in looked_at[:LOOKED_AT]
            if all(one.matches(record) for one in filters)
        ]
        self.partial = len(looked_at) > LOOKED_AT or len(found) > self.list_per_page
        found = sorted(found, key=lambda record: record.last_seen, reverse=True)
        rows = rows_of(
            found[: self.list_per_page], request, cast(Any, self.model_admin).user_urls(request)
        )
        self.result_list = cast(Any, rows)
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(rows)
        self.paginator = Paginator(rows, self.list_per_page)
        self.page_num = 1

    def _candidates(self) -> Iterator[Record]:
        """Go through what may be shown; with a user in the question, only that user's."""
        user_id = next((one.value() for one in self.filter_specs if isinstance(one, OfUser)), None)
        if user_id is not None:
            return iter(records_of(user_id))
        if self.query:
            users = ids_of_users_like(self.query, LIKE)
            return (record for user_id in users for record in records_of(user_id))
        return all_records() if sees_everybody() else iter(())
