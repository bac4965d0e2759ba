"""``manage.py frontdesk purge``, on every storage."""

import pytest

from frontdesk.desk import interruption
from frontdesk.signals import Reason
from frontdesk.storages import get_storage
from frontdesk.storages.base import CountsExpired
from tests.staff.conftest import enter, frontdesk, is_live

pytestmark = pytest.mark.django_db


@pytest.fixture
def expired(storage_setting, clock, user):
    """Seven sessions whose time is over, and one that is alive."""
    for _ in range(7):
        enter(user)
    clock.move(days=60)
    return enter(user)


drops_by_itself = pytest.mark.parametrize("storage_setting", ["cache"], indirect=True)
keeps_what_expired = pytest.mark.parametrize(
    "storage_setting", ["memory", "database", "file"], indirect=True
)


@keeps_what_expired
@pytest.mark.parametrize("batch", ["1", "3", "7", "1000"])
def test_all_that_has_expired_goes_and_nothing_else(expired, batch):
    said = frontdesk("purge", "--batch", batch, "--json")
    assert said.json == {"removed": 7, "interrupted": False}
    assert is_live(expired)


@keeps_what_expired
def test_a_second_purge_finds_nothing_and_is_exit_code_0(expired):
    frontdesk("purge")
    said = frontdesk("purge")
    assert (said.code, said.out) == (0, "Deleted 0 of what had expired.\n")


@keeps_what_expired
def test_a_limit_is_kept(expired):
    assert frontdesk("purge", "--batch", "2", "--limit", "5", "--json").json["removed"] == 5
    assert frontdesk("purge", "--json").json["removed"] == 2


@keeps_what_expired
def test_a_dry_run_counts_and_deletes_nothing(expired):
    assert isinstance(get_storage(), CountsExpired)
    assert frontdesk("purge", "--dry-run", "--json").json == {"would_remove": 7}
    assert (
        frontdesk("purge", "--dry-run", "--limit", "3").out
        == "Would delete 3 of what has expired.\n"
    )
    assert frontdesk("purge", "--json").json["removed"] == 7


@drops_by_itself
def test_what_drops_by_itself_has_nothing_to_purge_and_cannot_say_so_beforehand(expired):
    assert frontdesk("purge", "--json").json["removed"] == 0
    said = frontdesk("purge", "--dry-run")
    assert (said.code, said.out) == (1, "")
    assert is_live(expired)


@keeps_what_expired
def test_what_goes_is_told_with_its_reason(expired, told, user):
    with told() as endings:
        frontdesk("purge", "--batch", "2")
    assert [ending[1:] for ending in endings] == [(str(user.pk), Reason.IDLE)] * 7


@keeps_what_expired
def test_it_rests_between_two_batches_and_not_after_the_last_of_a_limit(expired, monkeypatch):
    rests = []
    monkeypatch.setattr(interruption.Wish, "pause", lambda self, seconds: rests.append(seconds))
    frontdesk("purge", "--batch", "3", "--limit", "6", "--pause", "0.5")
    assert rests == [0.5]


@keeps_what_expired
def test_a_wish_to_stop_is_heard_after_the_batch(expired, monkeypatch):
    def wished(self, seconds):
        self.to_stop = True

    monkeypatch.setattr(interruption.Wish, "pause", wished)
    said = frontdesk("purge", "--batch", "3", "--json")
    assert (said.code, said.json) == (130, {"removed": 3, "interrupted": True})
    assert "Interrupted" in said.err


def test_an_outage_is_exit_code_75(flaky, db):
    flaky.down.add("purge")
    assert frontdesk("purge").code == 75


@pytest.mark.parametrize(
    "arguments",
    [
        ["--pause", "-1"],
        ["--pause", "nan"],
        ["--pause", "x"],
        ["--batch", "0"],
        ["--batch", "10001"],
    ],
)
def test_senseless_arguments_are_refused(db, arguments):
    assert frontdesk("purge", *arguments).code == 1
