"""The short form of ``make moving``: a site of stock Django's moves here and back while people use it."""

import pytest

from benchmarks.moving.__main__ import faults, moved
from tests import services


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("engine", "database"), [("db", "postgresql"), ("file", "sqlite")])
def test_nobody_is_signed_out_on_the_way_here_and_back_under_traffic(engine, database):
    if database != "sqlite":
        services.require(database)
    report = moved(engine, database, sessions=1000, seconds=1)
    assert faults(report) == 0, report
    imported, exported = (said["moved"] for _, _, said in report if said)
    # How many the traffic leaves to the commands depends on the speed of the machine.
    assert imported
    assert exported
    assert all(seen["requests"] for _, seen, _ in report)
