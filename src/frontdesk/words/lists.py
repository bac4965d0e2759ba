"""A list in words."""

from collections.abc import Iterable

from django.utils.translation import gettext

SEPARATOR = ", "
"""Stands between the elements of a list. Django translates it, so it is not in these catalogues."""


def joined(words: Iterable[str]) -> str:
    """Return ``words`` as a list in the active language, without "and"."""
    return gettext(SEPARATOR).join(words)
