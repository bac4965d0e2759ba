"""The printed stripes on a badge, drawn from the session's public id."""

from typing import NamedTuple

# Enough to look like a badge, too few to tell the id.
HOW_MANY = 40
GAP = 2


class Stripe(NamedTuple):
    x: int
    width: int


class Barcode(NamedTuple):
    width: int
    stripes: list[Stripe]


def barcode(session_id: str) -> Barcode:
    """A stripe per hexadecimal digit, one to four units wide."""
    stripes: list[Stripe] = []
    x = 0
    for digit in session_id[:HOW_MANY]:
        stripes.append(Stripe(x, width=1 + int(digit, 16) % 4))
        x += stripes[-1].width + GAP
    return Barcode(x - GAP, stripes)
