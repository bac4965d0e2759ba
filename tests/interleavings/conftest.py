"""The clock and the people of the worlds, and the number of orders at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interleavings import houses


@pytest.fixture(autouse=True)
def _our_clock() -> Iterator[None]:
    with houses.standing():
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Travels with the reports, and so also from the workers of pytest-xdist.
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
