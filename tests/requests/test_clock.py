"""``frontdesk.testing.Clock``, for the tests of projects."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from frontdesk.core import clock as core_clock
from frontdesk.testing import Clock

MIDNIGHT = datetime(2030, 1, 1, tzinfo=UTC)


def test_it_stands_still_and_moves_when_told():
    with Clock() as clock:
        start = core_clock.now()
        assert core_clock.now() == clock.now() == start
        clock.advance(timedelta(days=1))
        clock.advance(-0.5)
        assert core_clock.now() == start + core_clock.DAY - core_clock.SECOND // 2


@pytest.mark.parametrize("time", [MIDNIGHT, core_clock.from_datetime(MIDNIGHT)])
def test_it_begins_at_or_jumps_to_a_time(time):
    with Clock(time) as clock:
        assert core_clock.to_datetime(core_clock.now()) == MIDNIGHT
        clock.advance(60)
        clock.set(time)
        assert core_clock.to_datetime(core_clock.now()) == MIDNIGHT


def test_it_holds_in_all_threads_and_ends_with_its_block():
    with Clock(MIDNIGHT), ThreadPoolExecutor(1) as threads:
        assert threads.submit(core_clock.now).result() == core_clock.from_datetime(MIDNIGHT)
    assert core_clock.now() < core_clock.from_datetime(datetime(2200, 1, 1, tzinfo=UTC))
    assert core_clock.now() != core_clock.from_datetime(MIDNIGHT)


@pytest.mark.django_db
def test_a_project_ends_a_session_with_it(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("ada"))
    with Clock() as clock:
        assert client.get("/members/").status_code == 200
        clock.advance(timedelta(days=15))
        assert client.get("/members/").status_code == 302
