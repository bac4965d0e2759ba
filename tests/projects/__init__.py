"""Projects that differ from tests.settings in what one process can only have once: the user model."""
