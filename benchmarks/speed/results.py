"""The numbers of a part as JSON: summaries in the repository, every round in a directory that is not."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).with_name("results")
"""What docs/benchmarks.md is written from."""
RAW = ROOT / ".cache" / "bench"

Part = dict[str, Any]


def summary(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the median and the quartiles of the rounds, in microseconds, and the median CPU time."""
    walls = [each["wall"] for each in rounds]
    low, _, high = quantiles(walls, n=4, method="inclusive") if len(walls) > 1 else walls * 3
    return {
        "wall": round(median(walls), 2),
        "quartiles": [round(low, 2), round(high, 2)],
        "cpu": round(median(each["cpu"] for each in rounds), 2),
        "rounds": len(rounds),
        "requests": int(sum(each["requests"] for each in rounds)),
    }


def keep(name: str, part: Part, kept: Path = KEPT, raw: Path = RAW) -> None:
    """Write one part; ``rounds`` go to the directory of raw results."""
    rounds = part.pop("rounds", None)
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"{name}.json").write_text(_text(part), encoding="utf-8")
    if rounds:
        raw.mkdir(parents=True, exist_ok=True)
        (raw / f"{name}.json").write_text(json.dumps({**part, "rounds": rounds}), encoding="utf-8")


def kept_parts(kept: Path = KEPT) -> dict[str, Part]:
    """Return the parts that have been measured, by name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(kept.glob("*.json"))
    }


def _text(part: Part) -> str:
    """Return ``part`` with a row a line, so that a diff of two runs can be read."""
    lines = []
    for name, value in part.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            lines.append(f"{json.dumps(name)}: [\n{rows}\n]")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
