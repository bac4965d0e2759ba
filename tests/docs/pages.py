"""The README and the pages below docs/: their code blocks, headings and links."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALL = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]

_FENCE = re.compile(r"^( *)(```+|~~~+)(.*)$")
_MARKER = re.compile(r"^<!-- test: (.+?) -->$")
_HEADING = re.compile(r"^(#{1,6}) (.+?) *#*$")
_LINK = re.compile(r"(!?)\[(?:[^\]]*)\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'(?:src|srcset)="([^"]+)"')


class Block(NamedTuple):
    """A fenced block, the language after its fence and what the comment above it says."""

    page: str
    line: int
    language: str
    marker: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in order: without directives of the site, such as ``{toctree}``."""
    return [block for block in fences(page) if not block.language.startswith("{")]


def fences(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order. An indented fence is a block too."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            number += 1
            continue
        marker = _MARKER.match(lines[number - 1]) if number else None
        start = number + 1
        end = next(
            (at for at in range(start, len(lines)) if lines[at].strip() == fence[2]), len(lines)
        )
        assert end < len(lines), f"{name_of(page)}:{start}: a fence that is never closed"
        found.append(
            Block(
                name_of(page),
                start,
                fence[3].strip(),
                marker[1] if marker else "",
                "\n".join(lines[start:end]) + "\n",
            )
        )
        number = end + 1
    return found


def prose(page: Path) -> str:
    """The page without its code blocks."""
    inside, kept = "", []
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = _FENCE.match(line)
        if fence and not inside:
            inside = fence[2]
        elif inside and line.strip() == inside:
            inside = ""
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def headings(page: Path) -> list[str]:
    return [found[2] for line in prose(page).splitlines() if (found := _HEADING.match(line))]


def anchors(page: Path) -> set[str]:
    """The anchors that code hosts make of headings: lower case, hyphens, no punctuation."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)
    }


def links(page: Path) -> list[str]:
    return [target for _, target in _LINK.findall(prose(page))] + _PICTURE.findall(prose(page))


def pictures(page: Path) -> list[Path]:
    """The files of the ``<picture>`` elements on a page: one for a light screen, one for a dark screen."""
    return [(page.parent / source).resolve() for source in _PICTURE.findall(prose(page))]


def below(page: Path) -> list[Path]:
    """The pages in the page's tables of contents (``{toctree}``), in order."""
    return [
        (page.parent / f"{line}.md").resolve()
        for block in fences(page)
        if block.language == "{toctree}"
        for line in block.text.splitlines()
        if line and not line.startswith(":")
    ]


def section(page: Path, heading: str) -> str:
    """The text under a heading, up to the next one of any level."""
    text = prose(page)
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"{name_of(page)} has no heading {heading!r}"
    return " ".join(match[1].split())
