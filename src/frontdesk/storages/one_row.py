"""A SELECT of one row by one value, which the ORM writes once and which is executed as it is from then on.

The ORM compiles a statement anew each time, which takes several times as long as executing it. What it
would do to the row is kept: its converters, so that custom fields and keys arrive as from any query.
"""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from frontdesk.storages.direct import Row, one_row
from frontdesk.storages.select import Select


class OneRow:
    """The statement of ``queryset``, which filters by one value. One instance serves all threads.

    ``plain`` names the attributes of the model itself that need no converter.
    """

    def __init__(self, queryset: QuerySet[Any], *, plain: Sequence[str] = ()) -> None:
        compiler: Any = queryset.query.get_compiler(queryset.db)
        sql, params = compiler.as_sql()
        if len(params) != 1:
            raise ValueError(f"One value is to be filtered by, not {len(params)}.")
        self.places = _places(compiler, compiler.klass_info)
        """Where the model's columns are in a row, by the names of its attributes."""
        selected = [(column.target, text) for column, (text, _), _ in compiler.select]
        self.select = Select(
            sql, [text for field, text in selected if _is_converted_by_django(field)]
        )
        self.related = [
            _places(compiler, info) for info in compiler.klass_info.get("related_klass_infos", ())
        ]
        """The same for each model that came with ``select_related``."""
        skipped = {self.places[name] for name in plain}
        found = compiler.get_converters([expression for expression, _, _ in compiler.select])
        self._converters = [
            (index, convert, expression)
            for index, (converters, expression) in found.items()
            if index not in skipped
            for convert in converters
        ]

    def fetch(self, connection: BaseDatabaseWrapper, value: Any) -> Row | None:
        """Return the row for ``value``, which is as the driver takes it; ``None`` if there is none."""
        found = one_row(connection, self.select, value)
        if found is None:
            return None
        row = list(found)
        for index, convert, expression in self._converters:
            row[index] = convert(row[index], expression, connection)
        return row


def _is_converted_by_django(field: Any) -> bool:
    """Whether ``field`` is one of Django's. Their converters take what SQLite has, as they have to where a
    value is worked out in a query; a project's may wait for what a converter of the driver's makes of it."""
    while field.remote_field:  # a foreign key has the type of what it leads to
        field = field.target_field
    return type(getattr(field, "output_field", field)).__module__.startswith(
        "django.db.models.fields"
    )


def _places(compiler: Any, info: Any) -> dict[str, int]:
    return {compiler.select[index][0].target.attname: index for index in info["select_fields"]}
