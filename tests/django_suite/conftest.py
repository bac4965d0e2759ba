"""The fixtures that the places of Django's tests need."""

from tests.storages.conftest import cache_table

__all__ = ["cache_table"]
