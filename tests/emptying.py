"""Emptying the databases after a test that committed, without Django's flush.

The flush also empties what migrations have filled, and so makes all content types and permissions anew: ten
times the work of removing what a test wrote. What a test wrote into those two tables is a reason for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connections, transaction
from django.test import TransactionTestCase

KEPT = (ContentType, Permission)


class Made(NamedTuple):
    """What the migrations have made in a database."""

    tables: list[str]
    rows: list[set[Any]]


_flush = TransactionTestCase._fixture_teardown
_made: dict[str, Made] = {}


def instead_of_the_flush(patch: pytest.MonkeyPatch) -> None:
    """Empty databases that are as the migrations have made them, from now on in this way."""
    patch.setattr(TransactionTestCase, "_fixture_teardown", _emptied)
    for alias in connections:
        try:
            names = connections[alias].introspection.django_table_names(
                only_existing=True, include_views=False
            )
        except OperationalError:
            names = []
        if not names:  # no test asked for this database, so it was not made
            continue
        emptied = sorted(set(names) - {kind._meta.db_table for kind in KEPT})
        _made[alias] = Made(emptied, _rows(alias))


def _rows(alias: str) -> list[set[Any]]:
    return [set(kind._base_manager.using(alias).values_list()) for kind in KEPT]


def _emptied(case: Any) -> None:
    aliases = case._databases_names(include_mirrors=False)
    if all(_rows(alias) == _made[alias].rows for alias in aliases):
        for alias in aliases:
            _empty(connections[alias], _made[alias].tables)
        return
    _flush(case)
    for alias in aliases:
        _made[alias] = Made(_made[alias].tables, _rows(alias))


def _empty(connection: Any, tables: list[str]) -> None:
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
    ):
        for table in tables:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
