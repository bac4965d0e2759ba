"""The storages on which Django's tests run: a fixture each, for ``unittest`` classes."""
