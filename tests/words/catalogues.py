"""What there is to translate, and the translations, without the tools of gettext."""

import ast
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize

CALL = re.compile(
    r"""\b(_|gettext|pgettext|ngettext|npgettext)\(
        (\s*u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")\s*(?:,\s*(?:u?'(?:\\.|[^'\\])*'|count)\s*)*)\)""",
    re.VERBOSE,
)
TEXT = re.compile(r"""u?('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""")


class Message(NamedTuple):
    """A text of the source. ``plural`` is empty if it has none."""

    id: str
    plural: str = ""
    context: str = ""


def messages_of(root: Path) -> set[Message]:
    """Return all messages of the modules and templates of an app."""
    found = set()
    for path in root.rglob("*.py"):
        found |= set(_of_module(path.read_text(encoding="utf-8")))
    for path in (root / "templates").rglob("*.*"):
        found |= set(_of_template(path.read_text(encoding="utf-8")))
    return found


def _of_module(source: str) -> Iterator[Message]:
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
            yield from _message(call.func.id.removesuffix("_lazy"), texts)


def _of_template(source: str) -> Iterator[Message]:
    for name, arguments in CALL.findall(templatize(source)):
        yield from _message(name, [ast.literal_eval(each) for each in TEXT.findall(arguments)])


def _message(function: str, texts: list[str]) -> Iterator[Message]:
    if not texts:  # a variable
        return
    if function in {"_", "gettext"}:
        yield Message(texts[0])
    elif function == "pgettext":
        yield Message(texts[1], context=texts[0])
    elif function == "ngettext":
        yield Message(texts[0], texts[1])
    elif function == "npgettext":
        yield Message(texts[1], texts[2], context=texts[0])


class Catalogue(NamedTuple):
    """A ``.po`` file."""

    header: dict[str, str]
    messages: dict[Message, list[str]]
    """Each with its translation, or with one for each plural form."""
    flags: set[str]
    obsolete: bool

    @property
    def plurals(self) -> tuple[int, str]:
        """The number of plural forms, and the expression in C that chooses one."""
        number, expression = re.fullmatch(
            r"nplurals=(\d+); plural=(.+?);?", self.header["Plural-Forms"]
        ).groups()
        return int(number), expression


def read_po(path: Path) -> Catalogue:
    """Read a ``.po`` file."""
    messages, flags, header, obsolete = {}, set(), {}, False
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        entry, name = {}, ""
        for line in block.splitlines():
            if line.startswith("#~"):
                obsolete = True
            elif line.startswith("#,"):
                flags |= set(line[2:].replace(" ", "").split(","))
            elif not line.startswith("#"):
                found, text = re.fullmatch(r'(\S+ )?(".*")', line).groups(default=name)
                name = found.strip()
                entry[name] = entry.get(name, "") + ast.literal_eval(text)
        texts = [text for name, text in sorted(entry.items()) if name.startswith("msgstr")]
        if entry.get("msgid"):
            key = Message(entry["msgid"], entry.get("msgid_plural", ""), entry.get("msgctxt", ""))
            assert key not in messages, key
            messages[key] = texts
        elif entry:
            header = dict(line.split(": ", 1) for line in texts[0].splitlines() if line)
    return Catalogue(header, messages, flags, obsolete)


def read_mo(path: Path) -> dict[Message, list[str]]:
    """Read a ``.mo`` file (https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html)."""
    data = path.read_bytes()
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, ids, texts = struct.unpack_from(f"{order}3I", data, 8)

    def text(table: int, number: int) -> str:
        length, start = struct.unpack_from(f"{order}2I", data, table + 8 * number)
        return data[start : start + length].decode()

    found = {}
    for number in range(count):
        whole, _, plural = text(ids, number).partition("\0")
        context, _, id = whole.rpartition("\4")
        if id:
            found[Message(id, plural, context)] = text(texts, number).split("\0")
    return found
