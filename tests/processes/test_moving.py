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
    # More than a fast machine's traffic moves meanwhile, so that something is left to the commands.
    report = moved(engine, database, sessions=2000, seconds=1)
    assert faults(report) == 0, report
    imported, exported = (said["moved"] for _, _, said in report if said)
    assert imported > 100
    assert exported > 100
    assert all(seen["requests"] for _, seen, _ in report)
