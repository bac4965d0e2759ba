"""Fixtures for every test, the `needs` marker, and what a run tells at its end."""

from __future__ import annotations

import contextvars
import secrets
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from hypothesis import settings as hypothesis_settings

from tests import services

# A shared machine can stall any single example; speed is asserted nowhere in the tests.
hypothesis_settings.register_profile("frontdesk", deadline=None)
hypothesis_settings.load_profile("frontdesk")


# --- the run ------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    services.RUN_DIR.mkdir(mode=0o700)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(services.RUN_DIR, ignore_errors=True)
    if services.used & {"redis", "django-redis"}:
        services.delete_redis_keys()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail before any fixture, and so any database, is set up."""
    for marker in item.iter_markers("needs"):
        for service in marker.args:
            services.require(service)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run each test in a context of its own, and let its context variables go with it.

    Django makes a new one, and fills it, whenever a test changes CACHES or ROOT_URLCONF. A context never
    forgets one, and asgiref goes through all of them at each hop between a thread and an event loop: after
    a few thousand tests in the same context, a hop takes milliseconds.
    """
    usual = item.config.pluginmanager.get_plugin("runner").pytest_runtest_protocol
    return contextvars.copy_context().run(usual, item=item, nextitem=nextitem)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error) -> None:
    """With pytest-xdist, each worker hands over what it used."""
    used, skipped = getattr(node, "workeroutput", {}).get("frontdesk", ([], {}))
    services.used.update(used)
    services.skipped.update(skipped)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["frontdesk"] = (sorted(services.used), services.skipped)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    _tell_services(terminalreporter)
    _tell_orders(terminalreporter)


def _tell_services(terminalreporter: pytest.TerminalReporter) -> None:
    if not services.used and not services.skipped:
        return
    terminalreporter.section("services")
    for name in sorted(services.used):
        terminalreporter.line(f"used     {name}")
    for name, reason in sorted(services.skipped.items()):
        terminalreporter.line(f"skipped  {name}: {reason}")


def _tell_orders(terminalreporter: pytest.TerminalReporter) -> None:
    """How many orders tests/interleavings went through; each of its tests reports a number.

    Here, since with pytest-xdist the process that sums up collects nothing and so loads no conftest.py
    but this one.
    """
    counted: dict[str, int] = {}
    for outcome in ("passed", "failed", "xfailed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == "orders":
                    house, orders = value
                    counted[house] = counted.get(house, 0) + orders
    if counted:
        terminalreporter.section("orders explored")
        for house, orders in counted.items():
            terminalreporter.line(f"{orders:>8}  {house}")
        terminalreporter.line(f"{sum(counted.values()):>8}  in total")


# --- databases ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix() -> None:
    """Leave the names as they are: each worker's databases carry its own RUN, and its children know them."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    """pytest-django's, which alone would fail to drop a database that a thread still holds open."""
    from django.db import connections
    from django.test import TransactionTestCase

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _delete_rows)
        yield
    with django_db_blocker.unblock():
        # The thread in which async code runs Django's ORM lives as long as the process.
        SyncToAsync.single_thread_executor.submit(connections.close_all).result()
        for alias in connections:
            if connections[alias].settings_dict["NAME"] == services.RUN:
                _end_other_connections(connections[alias])


def _delete_rows(case: Any) -> None:
    """Empty the tables after a test that committed, except those that migrations have filled.

    Django's flush truncates them all and fills those again, which takes ten times as long.
    """
    from django.db import connections

    filled = {"django_migrations", "django_content_type", "auth_permission"}
    for alias in case._databases_names(include_mirrors=False):
        connection = connections[alias]
        tables = connection.introspection.django_table_names(
            only_existing=True, include_views=False
        )
        with connection.constraint_checks_disabled(), connection.cursor() as cursor:
            for table in sorted(set(tables) - filled):
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


def _end_other_connections(connection) -> None:
    if connection.connection is None:  # no test asked for this database, so there is none
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        elif connection.vendor == "mysql":
            cursor.execute(
                "SELECT id FROM information_schema.processlist"
                " WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            )
            for (process,) in cursor.fetchall():
                cursor.execute("KILL %s", [process])


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The alias that @services.each_database() chose; the ORM uses it for the whole test."""
    monkeypatch.setattr(services.RouteToCurrent, "alias", request.param)
    return str(request.param)


# --- caches -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def memcached() -> Iterator[str]:
    """The address, "127.0.0.1:port", of a memcached that belongs to this run alone."""
    services.require("memcached")
    process, address = services.start_memcached()
    yield address
    services.stop(process)


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The URL of Redis. Start every key with `services.RUN`: those are removed after the run."""
    services.require("redis")
    return services.REDIS.geturl()


@pytest.fixture
def redis_place(redis_url: str) -> dict[str, object]:
    """The options of a Redis storage over keys that nobody else has; it is patient with a busy machine."""
    prefix = f"{services.RUN}:{secrets.token_hex(4)}:"
    return {"URL": redis_url, "PREFIX": prefix, "TIMEOUT": 20}
