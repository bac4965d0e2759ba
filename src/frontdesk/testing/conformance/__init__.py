"""The contract of a storage as a test suite that anybody can run on a storage of their own."""

try:
    import hypothesis  # noqa: F401
    import pytest
except ImportError as error:
    raise ImportError(
        f"frontdesk.testing.StorageConformance needs {error.name}, which is not installed. "
        "Install what it is written for: pip install pytest pytest-django hypothesis"
    ) from error

# Before they are imported: only then does a failing assert show both of its sides.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in (
            "examples",
            "ground",
            "crowds",
            "endings",
            "limits",
            "model",
            "rotation",
            "updates",
            "users",
            "values",
        )
    )
)

from frontdesk.testing.conformance.crowds import Crowds  # noqa: E402
from frontdesk.testing.conformance.endings import Endings  # noqa: E402
from frontdesk.testing.conformance.limits import Limits  # noqa: E402
from frontdesk.testing.conformance.model import Model  # noqa: E402
from frontdesk.testing.conformance.rotation import Rotation  # noqa: E402
from frontdesk.testing.conformance.updates import Updates  # noqa: E402
from frontdesk.testing.conformance.users import Users  # noqa: E402
from frontdesk.testing.conformance.values import Values  # noqa: E402

__all__ = ["StorageConformance"]


class StorageConformance(Updates, Values, Limits, Rotation, Endings, Users, Crowds, Model):
    """One test per fact of the contract in :mod:`frontdesk.storages.base`, each in both colours.

    Subclass it in a test module of yours, and supply two fixtures. That is all::

        import pytest
        from frontdesk.testing import StorageConformance
        from shelf import ShelfStorage


        class TestShelfStorage(StorageConformance):
            not_applicable = {
                "test_purge_takes_what_has_expired": "a shelf throws out what has expired by itself",
            }

            @pytest.fixture
            def storage(self, tmp_path):
                return ShelfStorage(PATH=tmp_path)

            @pytest.fixture
            def other(self, tmp_path):
                return ShelfStorage(PATH=tmp_path)

    ``storage``
        An instance over an empty place, fresh for each test.
    ``other``
        A second instance over the same place, as another process would have. A storage that has none
        names the tests that ask for it in ``not_applicable``.
    ``not_applicable``
        The tests that cannot hold, by name, each with the reason; they are skipped with it. A name that
        is none of a test, or no reason, is a ``TypeError`` at once.
    ``user_id(number)``
        Override it if user ids of your storage must look otherwise than ``"1"``, ``"2"``, ...

    A storage that uses the ORM also needs ``pytestmark = pytest.mark.django_db``. Nothing here needs
    pytest-asyncio. The asynchronous verbs are awaited on an event loop of their own for each call, while
    what they hand to Django's thread runs in the thread of the test, so its transaction holds for them.
    """
