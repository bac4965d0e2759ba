"""Session-based authentication for Django, finished."""

__version__ = "0.1.0"
