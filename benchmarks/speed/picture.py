"""Pictures of numbers as SVG: bars, and lines in panels. Self-contained, legible in light and in dark."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH = 860

STYLE = """
    .page { fill: #ffffff; stroke: #d0d7de; }
    .axis { fill: none; stroke: #afb8c1; stroke-width: 1; }
    .frontdesk { fill: #2f5fb3; stroke: #2f5fb3; }
    .django { fill: #c2640a; stroke: #c2640a; }
    .peer { fill: #7d8894; stroke: #7d8894; }
    .none { fill: #3b7a3f; stroke: #3b7a3f; }
    .curve { fill: none; stroke-width: 2; }
    .second { stroke-dasharray: 6 4; }
    .dot, .bar { stroke: none; }
    text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
           font-size: 13px; fill: #1f2328; }
    .name { font-size: 15px; font-weight: 600; }
    .group { font-weight: 600; }
    .note { font-size: 12px; fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #30363d; }
      .axis { stroke: #484f58; }
      .frontdesk { fill: #79a8f2; stroke: #79a8f2; }
      .django { fill: #f0a35e; stroke: #f0a35e; }
      .peer { fill: #8b949e; stroke: #8b949e; }
      .none { fill: #6cc077; stroke: #6cc077; }
      text { fill: #e6edf3; }
      .note { fill: #9ea7b3; }
      .curve { fill: none; }
    }"""


class Bar(NamedTuple):
    """A line of a bar chart. The kind is a class of ``STYLE``."""

    label: str
    value: float
    kind: str
    group: str


class Series(NamedTuple):
    """A line in each panel; the ``second`` one of its kind is dashed."""

    label: str
    kind: str
    second: bool
    values: Sequence[Sequence[float | None]]
    """For each panel, a value for each of its places on the x-axis."""


class Panel(NamedTuple):
    """A small chart of its own."""

    title: str
    places: Sequence[str]


def bars(title: str, description: str, unit: str, given: Sequence[Bar]) -> str:
    """Return a chart of horizontal bars, each group under its heading."""
    left, right, row = 250, 90, 22
    scale = (WIDTH - left - right) / max(bar.value for bar in given)
    parts, y, group = [], 60, ""
    for bar in given:
        if bar.group != group:
            group = bar.group
            y += 14
            parts.append(_text(24, y + 10, group, "group"))
            y += row
        length = max(bar.value, 0) * scale
        parts += [
            _text(left - 10, y + 11, bar.label, anchor="end"),
            f'<rect class="bar {bar.kind}" x="{left}" y="{y}" width="{length:.1f}" height="14" rx="2"/>',
            _text(left + length + 6, y + 11, f"{_number(bar.value)} {unit}", "note"),
        ]
        y += row
    parts.append(_line("axis", f"M{left} 62V{y}"))
    return _drawing(title, description, y + 20, parts)


def lines(
    title: str, description: str, unit: str, panels: Sequence[Panel], given: Sequence[Series]
) -> str:
    """Return a chart with a panel beside the other, and what the lines mean above them."""
    top, height, gap, left = 100 + 20 * ((len(given) + 2) // 3), 210, 34, 64
    width = (WIDTH - left - 24 - gap * (len(panels) - 1)) / len(panels)
    known = [v for series in given for row in series.values for v in row if v is not None]
    most = max(known) * 1.08
    parts = [*_legend(given), _text(24, top - 14, unit, "note")]
    for number, panel in enumerate(panels):
        x = left + number * (width + gap)
        step = width / len(panel.places)
        xs = [x + step * (place + 0.5) for place in range(len(panel.places))]
        parts += [
            _text(x, top - 14, panel.title, "group"),
            _line("axis", f"M{x:.1f} {top}V{top + height}H{x + width:.1f}"),
            *_scale(x, top, height, most, numbers=number == 0),
        ]
        for at, place in zip(xs, panel.places, strict=True):
            parts.append(_text(at, top + height + 18, place, "note", "middle"))
        for series in given:
            places = zip(xs, series.values[number], strict=True)
            points = [(a, top + height * (1 - v / most)) for a, v in places if v is not None]
            parts += _curve(series, points)
    return _drawing(title, description, top + height + 40, parts)


def _scale(x: float, top: float, height: float, most: float, *, numbers: bool) -> Iterator[str]:
    step = next(step for step in _round_steps() if most / step < 6)
    for number in range(int(most / step) + 1):
        y = top + height * (1 - number * step / most)
        yield _line("axis", f"M{x - 4:.1f} {y:.1f}H{x:.1f}")
        if numbers:
            yield _text(x - 8, y + 4, f"{number * step:,.10g}", "note", "end")


def _round_steps() -> Iterator[float]:
    """Go through 0.001, 0.002, 0.005, 0.01 and so on."""
    return (first * 10.0**power for power in range(-3, 12) for first in (1, 2, 5))


def _curve(series: Series, points: Sequence[tuple[float, float]]) -> Iterator[str]:
    if not points:
        return
    yield _line(_style(series), "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points))
    for x, y in points:
        yield f'<circle class="dot {series.kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def _legend(given: Sequence[Series]) -> Iterator[str]:
    for number, series in enumerate(given):
        x, y = 24 + 275 * (number % 3), 60 + 20 * (number // 3)
        yield from _curve(series, [(x, y - 4), (x + 28, y - 4)])
        yield _text(x + 38, y, series.label)


def _style(series: Series) -> str:
    return f"{series.kind} curve second" if series.second else f"{series.kind} curve"


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "") -> str:
    more = f' class="{style}"' if style else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{more} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _line(style: str, path: str) -> str:
    return f'<path class="{style}" d="{path}"/>'


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _drawing(title: str, description: str, height: float, parts: Sequence[str]) -> str:
    inside = "\n  ".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" \
width="{WIDTH}" height="{height:.0f}" role="img" aria-labelledby="title desc">
  <title id="title">{escape(title)}</title>
  <desc id="desc">{escape(description)}</desc>
  <style>{STYLE}
  </style>
  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="10"/>
  <text class="name" x="24" y="34">{escape(title)}</text>
  {inside}
</svg>
"""
