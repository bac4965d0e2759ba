"""A SELECT of one row that Django's compiler writes once.

Compiling a query takes several times as long as executing it, and each request needs the same one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections, router
from django.db.models import Model, QuerySet


class OneRow:
    """The statement of ``queryset``, which has exactly one parameter. Thread-safe."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self._alias = queryset.db
        compiler: Any = queryset.query.get_compiler(self._alias)
        sql, params = compiler.as_sql()
        if len(params) != 1:
            raise ValueError(f"The statement should have one parameter, not {len(params)}.")
        # By name, because on SQLite Django searches a statement for unnamed parameters each time.
        self._sql = sql.replace("%s", "%(param)s")
        klass_info = compiler.klass_info
        self.columns = _columns(compiler, klass_info)
        """The positions of the model's columns, by attribute name."""
        self.related = [
            _columns(compiler, each) for each in klass_info.get("related_klass_infos", ())
        ]
        """The same for each model that ``select_related()`` joins."""
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        self._converters = [
            (position, convert, expression)
            for position, (convert_all, expression) in converters.items()
            for convert in convert_all
        ]

    def fetch(self, param: Any) -> Sequence[Any] | None:
        """Return the row for ``param``, or ``None``. Its values are those of the ORM."""
        connection = connections[self._alias]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, {"param": param})
            found = cursor.fetchone()
        if found is None:
            return None
        row = list(found)
        for position, convert, expression in self._converters:
            row[position] = convert(row[position], expression, connection)
        return row

    def instance(self, model: type[Model], row: Sequence[Any], columns: Mapping[str, int]) -> Any:
        """Return the instance of ``model`` that ``row`` holds at these positions; ``None`` for no row."""
        if row[columns[model._meta.pk.attname]] is None:
            return None
        # The compiler selects the columns in the order in which the model takes them.
        return model.from_db(self._alias, list(columns), [row[at] for at in columns.values()])


class ByPk:
    """Finds an instance by its primary key, as the default manager does. Compiles once per database."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type[Model], str], OneRow] = {}

    def get(self, model: type[Model], pk: Any) -> Any:
        # Asked at each look-up, because a router may answer by tenant.
        alias = router.db_for_read(model)
        row = self._rows.get((model, alias))
        if row is None:
            found = model._default_manager.using(alias).filter(pk=pk).order_by()
            row = self._rows[model, alias] = OneRow(found)
        columns = row.fetch(model._meta.pk.get_db_prep_value(pk, connections[alias]))
        return None if columns is None else row.instance(model, columns, row.columns)

    async def aget(self, model: type[Model], pk: Any) -> Any:
        return await sync_to_async(self.get)(model, pk)


def _columns(compiler: Any, klass_info: Any) -> dict[str, int]:
    return {
        compiler.select[position][0].target.attname: position
        for position in klass_info["select_fields"]
    }
