"""Rows of models: the keys of users as text, a SELECT that is compiled once, and faults told apart.

The database storage uses all of this. So does what keeps rows of its own beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    router,
    transaction,
)
from django.db.models import Model, QuerySet

from frontdesk.errors import Contention, StorageUnavailable

Result = TypeVar("Result")

FAULTS: Final = (OperationalError, InterfaceError, InternalError)

CONFLICTS: Final[set[str | int]] = {"40001", "40P01", 1020, 1213}
"""What PostgreSQL (SQLSTATE) and MySQL (error number) call a serialization failure or a deadlock."""

DELAYS: Final[set[str | int]] = {"55P03", "57014", 1205, 1969, 3024}
"""What they call a lock or a statement that took too long."""

PROJECTS: Final[set[str | int]] = {"25P02", 1153}
"""What is the project's: a transaction that it has broken, and a value that is too large to send."""

RETRIES: Final = 20


# Users, and the ids by which sessions name them: the primary key as text, as ``login()`` writes it.


def user_id_of(user: AbstractBaseUser) -> str:
    """Return the id by which sessions name ``user``. Raises ``ValueError`` for an unsaved user."""
    if user.pk is None:
        raise ValueError(f"{user!r} is not saved, so it has no sessions.")
    return usual_id(str(user._meta.pk.value_to_string(user)), user._meta.pk)


def usual_id(user_id: str, field: Any = None) -> str:
    """Return ``user_id`` as it would be written for a user from the database.

    A user who was just created may have a primary key as the project wrote it, such as a UUID without its
    hyphens. ``field`` is as in :func:`id_of_pk`.
    """
    field = field or get_user_model()._meta.pk
    try:
        return id_of_pk(field.to_python(user_id), field)
    except (ValueError, TypeError, ValidationError, OverflowError):
        return user_id


def id_of_pk(pk: Any, field: Any = None) -> str:
    """Return the id by which sessions name the user with this primary key.

    ``field`` is the primary key's field, by default that of the user model.
    """
    field = field or get_user_model()._meta.pk
    # A field takes its value from any object that has it, so this needs no instance of the model.
    return str(field.value_to_string(SimpleNamespace(**{field.attname: pk})))


def pk_of_id(user_id: str | None, field: Any = None) -> Any:
    """Return the primary key that ``user_id`` names, or ``None`` if it names none.

    ``field`` is as in :func:`id_of_pk`. Its validators are for forms, and a project may have users who do not
    pass them.
    """
    if user_id is None:
        return None
    field = field or get_user_model()._meta.pk
    try:
        pk = field.to_python(user_id)
        if isinstance(pk, int):
            field.run_validators(pk)  # the range of its column
        # Python reads "0_1" and " 1" as numbers, but sessions never name a user so.
        return pk if id_of_pk(pk, field) == user_id else None
    except (ValueError, TypeError, ValidationError, OverflowError):
        return None


# One row. Compiling a query takes several times as long as executing it, and each request needs the same one.


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
        self.columns: dict[str, int] = _columns(compiler, klass_info)
        """The positions of the model's columns, by attribute name."""
        self.related: list[dict[str, int]] = [
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


def _columns(compiler: Any, klass_info: Any) -> dict[str, int]:
    return {
        compiler.select[position][0].target.attname: position
        for position in klass_info["select_fields"]
    }


def create_row(rows: QuerySet[Any], **columns: Any) -> bool:
    """Create a row with these values, and return whether its key was free."""
    inside = connections[rows.db].in_atomic_block
    try:
        # The savepoint keeps the project's transaction usable if the key is taken.
        with transaction.atomic(using=rows.db) if inside else nullcontext():
            rows.create(**columns)
    except IntegrityError:
        return False
    return True


def delete_some(rows: QuerySet[Any], limit: int) -> int:
    """Delete the first ``limit`` of ``rows``, if they are still there, and return how many went."""
    # First the keys, because MariaDB cannot limit a subquery, and other databases cannot limit a DELETE.
    pks = list(rows.values_list("pk", flat=True)[:limit])
    return rows.filter(pk__in=pks).delete()[0] if pks else 0


# Faults of a database: a conflict, a delay, an outage, and what is the project's own.


def execute(statement: Callable[[str], Result], alias: str, name: str) -> Result:
    """Call ``statement`` with ``alias`` and turn the faults of the database into ours.

    ``name`` says which database that is, for the message. A statement that lost against a concurrent one had
    no effect, so it is tried again. Inside the project's transaction only the project can do that, because
    the whole transaction is lost.
    """
    for attempt in range(1, RETRIES + 1):
        try:
            return statement(alias)
        except FAULTS as error:
            code = _code(error)
            if code in PROJECTS:
                # MySQL has closed the connection after 1153, and the next request must not meet that.
                connections[alias].close_if_unusable_or_obsolete()
                raise
            last = attempt == RETRIES or connections[alias].in_atomic_block
            if last or code not in CONFLICTS:
                raise _translated(error, code, name) from error
    raise AssertionError("The loop returns or raises.")


def _code(error: Exception) -> str | int | None:
    """Return the number of a MySQL error or the SQLSTATE of a PostgreSQL one."""
    if error.args and isinstance(error.args[0], int):
        return error.args[0]
    return getattr(error.__cause__, "sqlstate", None)


def is_table_missing(error: Exception) -> bool:
    """Return whether a database error says that it has no such table."""
    return _code(error) in {"42P01", 1146} or "no such table" in str(error)


def _translated(error: Exception, code: str | int | None, name: str) -> StorageUnavailable:
    said = f"{name}: {error}"
    if code in CONFLICTS or code in DELAYS or "is locked" in str(error):
        return Contention(said)
    hint = " (has manage.py migrate been run?)" if is_table_missing(error) else ""
    return StorageUnavailable(said + hint)
