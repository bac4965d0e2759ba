"""An address inside a text."""

from django.utils.translation import get_language_bidi

LEFT_TO_RIGHT_ISOLATE, POP_DIRECTIONAL_ISOLATE = "\u2066", "\u2069"


def address_in_words(ip: str) -> str:
    """Return an address as it stands inside a text in the active language. It may be empty.

    Without these marks (Unicode UAX #9), the parts of an IPv6 address change places in a text that is
    written from right to left. Where HTML is possible, a ``<bdi>`` element does the same.
    """
    if not ip or not get_language_bidi():
        return ip
    return f"{LEFT_TO_RIGHT_ISOLATE}{ip}{POP_DIRECTIONAL_ISOLATE}"
