"""The races of ``make comparison`` find what they look for, and not where it is not.

The table itself takes minutes and a package index; here are one storage of ours and one of Django's.
"""

import pytest

from benchmarks.comparison.__main__ import COUNTED, is_broken, raced
from benchmarks.comparison.contestants import CONTESTANTS

NUMBERS = {contestant.name: number for number, contestant in enumerate(CONTESTANTS)}


def found_by(name, folder):
    return raced(NUMBERS[name], CONTESTANTS[NUMBERS[name]], folder)


@pytest.mark.slow
def test_the_races_find_the_known_faults_of_the_cache_engine(tmp_path):
    found = found_by("Django, cache", tmp_path)
    assert found["lost modify()"] is None
    assert all(found[name][0] for name in COUNTED if name != "lost modify()")
    assert found["answered"] == [200, 400]
    assert found["key in clear"] is True
    assert is_broken({**found, "lost modify()": [0, 1]})


IN_REDIS = ["frontdesk, Redis", "frontdesk, cached database"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "frontdesk, cache (memory)",
        "frontdesk, memory",
        *(pytest.param(name, marks=pytest.mark.needs("redis")) for name in IN_REDIS),
    ],
)
def test_the_races_find_none_of_them_here(name, tmp_path):
    found = found_by(name, tmp_path)
    assert not is_broken(found)
    assert all(orders > 1 for _, orders in (found[name] for name in COUNTED))
