"""What the runs of a CI share out is done by one of them, and the first case of each test by all."""

import pytest

from tests import sharing


class Item:
    def __init__(self, nodeid, *, shared=True):
        self.nodeid, self.shared = nodeid, shared

    def get_closest_marker(self, name):
        return name == "shared" and self.shared

    def __repr__(self):
        return self.nodeid


ITEMS = [
    *(Item(f"test_a[{number}]") for number in range(4)),
    *(Item(f"test_b[{number}]") for number in range(2)),
    Item("test_c"),
    *(Item(f"test_d[{number}]", shared=False) for number in range(3)),
]


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(sharing, "number", 1)
    monkeypatch.setattr(sharing, "of", 1)

    def of_share(option):
        sharing.begin(option)
        elsewhere = sharing.elsewhere(ITEMS)
        return [item for item in ITEMS if item not in elsewhere]

    return of_share


def test_without_shares_all_are_run(run):
    assert run("1/1") == ITEMS


@pytest.mark.parametrize("of", [2, 3])
def test_each_is_run_and_only_first_cases_and_those_that_are_not_shared_more_than_once(run, of):
    ran = [item for number in range(1, of + 1) for item in run(f"{number}/{of}")]
    often = {item for item in ITEMS if not item.shared or item.nodeid.endswith("[0]")}
    often.add(ITEMS[6])
    for item in ITEMS:
        assert ran.count(item) == (of if item in often else 1), item


@pytest.mark.parametrize("option", ["", "2", "0/2", "3/2", "1/0", "a/b"])
def test_what_is_no_share_is_refused(run, option):
    with pytest.raises(pytest.UsageError, match="first of two"):
        run(option)
