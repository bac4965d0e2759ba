"""Bar charts as SVG, which follow the reader's light or dark mode and need nothing else."""

from collections.abc import Iterator, Sequence
from html import escape
from math import floor, log10
from typing import NamedTuple

WIDTH = 520
"""Units of the drawing. On a phone it shrinks to 350 pixels, where its text can still be read."""
LEFT, TOP, EACH, THICK, BELOW = 16, 44, 42, 12, 50
RIGHT = 124
"""Room for the text after the longest bar."""

STYLE = """
    .page { fill: #ffffff; stroke: #d0d7de; }
    .ours { fill: #2f5fb3; }
    .theirs { fill: #8c959f; }
    .grid { stroke: #d8dee4; }
    .spread { stroke: #1f2328; stroke-width: 1.5; }
    text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; \
font-size: 14px; fill: #1f2328; }
    .name { font-weight: 600; font-size: 15px; }
    .note { font-size: 13px; fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d; }
      .ours { fill: #79a8f2; }
      .theirs { fill: #6e7681; }
      .grid { stroke: #30363d; }
      .spread { stroke: #e6edf3; }
      text { fill: #e6edf3; }
      .note { fill: #9ea7b3; }
    }
"""


class Bar(NamedTuple):
    """A bar from 0 to ``value``, the text after it, and the spread of what was measured, if that is known."""

    label: str
    value: float
    text: str
    ours: bool = True
    """Whether it is frontdesk's, which has a color of its own."""
    spread: tuple[float, float] | None = None


class Chart(NamedTuple):
    """What is drawn. The description says in words what is seen."""

    title: str
    description: str
    axis: str
    """What the axis shows, with its unit."""
    bars: Sequence[Bar]
    reach: float = 0
    """What the axis reaches at least: the whole of which the bars are parts."""


def svg(chart: Chart) -> str:
    """Return the drawing of a chart."""
    height = TOP + EACH * len(chart.bars) + BELOW
    title, description = escape(chart.title), escape(chart.description)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">',
        f'  <title id="title">{title}</title>',
        f'  <desc id="desc">{description}</desc>',
        f"  <style>{STYLE}  </style>",
        f'  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
        f'  <text class="name" x="{LEFT}" y="28">{title}</text>',
        *_drawn(chart),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _drawn(chart: Chart) -> Iterator[str]:
    most = max(chart.reach, *(max(bar.value, *(bar.spread or (0,))) for bar in chart.bars))
    step = _step(most)
    end = max(1, -int(-most // step)) * step
    scale = (WIDTH - LEFT - RIGHT) / end
    bottom = TOP + EACH * len(chart.bars)

    for number in range(round(end / step) + 1):
        x = LEFT + number * step * scale
        yield f'  <path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>'
        yield (
            f'  <text class="note" x="{x:.1f}" y="{bottom + 18}" '
            f'text-anchor="{"middle" if number else "start"}">{number * step:,g}</text>'
        )
    yield f'  <text class="note" x="{LEFT}" y="{bottom + 38}">{escape(chart.axis)}</text>'

    for number, bar in enumerate(chart.bars):
        y = TOP + EACH * number + 20
        x = LEFT + bar.value * scale
        yield f'  <text x="{LEFT}" y="{y - 5}">{escape(bar.label)}</text>'
        kind = "ours" if bar.ours else "theirs"
        # A bar of nothing is a line, so that it is seen to be there.
        width = max(1.5, bar.value * scale)
        yield f'  <rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{THICK}"/>'
        if bar.spread:
            low, high = (LEFT + each * scale for each in bar.spread)
            yield f'  <path class="spread" d="M{low:.1f} {y + THICK / 2:g}H{high:.1f}"/>'
            x = max(x, high)
        yield f'  <text x="{x + 7:.1f}" y="{y + THICK - 1}">{escape(bar.text)}</text>'


def _step(most: float) -> float:
    """Return 1, 2 or 5 times a power of ten, so that an axis to ``most`` has three to six steps."""
    if most <= 0:
        return 1
    power = 10.0 ** floor(log10(most))
    return float(next(part * power for part in (0.2, 0.5, 1, 2) if most / (part * power) <= 6))
