"""The printed stripes on a badge, drawn from the session's public id."""

from typing import NamedTuple

GAP = 2


class Stripe(NamedTuple):
    x: int
    width: int


class Barcode(NamedTuple):
    width: int
    stripes: list[Stripe]


def barcode(session_id: str) -> Barcode:
    """Return two stripes for each character, one to four units wide."""
    stripes: list[Stripe] = []
    x = 0
    for number in (int(character, 36) for character in session_id):
        for width in (1 + number // 9, 1 + number % 4):
            stripes.append(Stripe(x, width))
            x += width + GAP
    return Barcode(x - GAP, stripes)
