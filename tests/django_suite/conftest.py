"""The fixtures that the places of Django's tests need."""

from tests.storages.conftest import as_if_committed, cache_table

__all__ = ["as_if_committed", "cache_table"]
