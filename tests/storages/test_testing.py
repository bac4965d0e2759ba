"""frontdesk.testing, as a third party uses it."""

import inspect
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta

import pytest

import frontdesk.testing
from frontdesk import clock
from frontdesk.testing import Clock, StorageConformance
from tests import services

SHELF = """
from frontdesk.storages.file import FileStorage

class ShelfStorage(FileStorage):
    def __init__(self, *, PATH):
        super().__init__(DIRECTORY=PATH)
"""


# --- the clock ---------------------------------------------------------------------------------------


def test_the_clock_stands_still_until_it_is_moved():
    with Clock() as turned:
        before = clock.now()
        assert clock.now() == before
        turned.advance(1.5)
        assert clock.now() == before + 1_500_000
        turned.advance(timedelta(days=-1))
        assert clock.now() == before + 1_500_000 - clock.DAY


def test_the_clock_can_be_set_to_a_moment():
    with Clock(datetime(2026, 1, 1, tzinfo=UTC)) as turned:
        assert clock.to_datetime(clock.now()) == datetime(2026, 1, 1, tzinfo=UTC)
        turned.set(5)
        assert clock.now() == 5


def test_the_clock_holds_in_all_threads():
    seen = []
    with Clock(7):
        thread = threading.Thread(target=lambda: seen.append(clock.now()))
        thread.start()
        thread.join()
    assert seen == [7]


def test_the_real_clock_is_back_afterwards():
    real = clock.now
    with Clock(7), Clock(8):
        assert clock.now() == 8
    assert clock.now is real


# --- the suite ---------------------------------------------------------------------------------------


def test_an_opt_out_of_no_test_is_refused():
    with pytest.raises(TypeError, match="'test_typo', which is no test"):
        type("Mine", (StorageConformance,), {"not_applicable": {"test_typo": "a reason"}})


def test_an_opt_out_without_a_reason_is_refused():
    opt_out = {"test_a_removed_session_has_ended": " "}
    with pytest.raises(TypeError, match="no reason for 'test_a_removed_session_has_ended'"):
        type("Mine", (StorageConformance,), {"not_applicable": opt_out})


def example() -> str:
    # Python 3.13 takes the indentation out of docstrings, earlier ones do not.
    text = inspect.getdoc(StorageConformance)
    return textwrap.dedent(text.partition("That is all::\n\n")[2].partition("\n\n``storage``")[0])


def pytest_on(folder, test: str, *options: str) -> subprocess.CompletedProcess:
    (folder / "shelf.py").write_text(SHELF)
    (folder / "test_shelf.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(folder)]
    command += ["-p", "no:asyncio", "-p", "no:cacheprovider", "-q", "-rs", *options, str(folder)]
    environment = services.child_environment()
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_documented_example_runs_in_both_colours_without_pytest_asyncio(tmp_path):
    done = pytest_on(tmp_path, example(), "-k", "purge or TestShelfStorage and rotat")
    assert done.returncode == 0, done.stdout
    assert "a shelf throws out what has expired by itself" in done.stdout


def test_a_suite_without_a_storage_says_what_to_write(tmp_path):
    test = "from frontdesk.testing import StorageConformance\nclass TestIt(StorageConformance): ..."
    done = pytest_on(tmp_path, test, "-k", "test_removing_nothing_ends_nothing")
    assert done.returncode == 1
    assert "TestIt must define a fixture named 'storage'" in done.stdout


def test_a_broken_storage_fails_and_the_assertion_shows_both_sides(tmp_path):
    broken = example().replace(
        "return ShelfStorage(PATH=tmp_path)\n\n",
        "storage = ShelfStorage(PATH=tmp_path)\n"
        "        storage.remove = lambda digests: [9]\n"
        "        return storage\n\n",
        1,
    )
    done = pytest_on(tmp_path, broken, "-k", "test_removing_nothing_ends_nothing and sync")
    assert done.returncode == 1
    assert "assert [9] == []" in done.stdout


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_a_missing_requirement_is_named_with_what_to_install(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from frontdesk.testing import Clock\n"
        "try:\n    from frontdesk.testing import StorageConformance\n"
        "except ImportError as error:\n    print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=services.child_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"needs {missing}, which is not installed" in said
    assert "pip install pytest pytest-django hypothesis" in said


def test_there_is_nothing_else_in_the_package():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = frontdesk.testing.Nothing
