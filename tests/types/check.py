"""What the users of the package get from type checkers: ``make types``, in the environment of the linter."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROJECT = Path(__file__).with_name("project.py")

UNTYPED = (
    "frontdesk.contrib.",  # extends classes of packages without types
    "frontdesk.migrations.",  # as makemigrations writes them
)


def pyright(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output_of("basedpyright", "--outputjson", *arguments))
    return found


def output_of(module: str, *arguments: str) -> str:
    # pyright looks for packages where the first "python" of the path has them.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def without_a_type() -> Iterator[str]:
    """Yield what of the package has no type, neither given nor inferred from its value."""
    found = pyright("--verifytypes", "frontdesk", "--ignoreexternal")["typeCompleteness"]["symbols"]
    exported = [each for each in found if each["isExported"]]
    if len(exported) < 1000:
        yield f"pyright has found {len(exported)} names in frontdesk, which is too few."
    for each in exported:
        # Forms, views, admins and Meta set Django's attributes as in any project, without annotations. Their
        # types are inferred, which pyright calls ambiguous.
        if each["isTypeKnown"] or each["isTypeAmbiguous"]:
            continue
        if not each["name"].startswith(UNTYPED):
            why = [item["message"] for item in each["diagnostics"] if item["severity"] == "error"]
            yield "\n  ".join([f"{each['name']} has no known type.", *why])


def by_mypy() -> dict[int, str]:
    """Return the errors of mypy in the project, by line."""
    found = re.findall(r"project\.py:(\d+): error: (.*)", output_of("mypy", str(PROJECT)))
    return {int(line): message for line, message in found}


def by_pyright() -> dict[int, str]:
    """Return the errors of pyright in the project, by line."""
    found = pyright("--project", str(PROJECT.parent))["generalDiagnostics"]
    return {each["range"]["start"]["line"] + 1: each["message"] for each in found}


def misjudged(checker: str, errors: dict[int, str]) -> Iterator[str]:
    """Yield where a type checker does not say what it should."""
    lines = PROJECT.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if ("# wrong" in line) != (number in errors):
            yield f"project.py:{number}: {checker} says {errors.get(number, 'nothing')}\n  {line}"


def main() -> None:
    problems = [
        *without_a_type(),
        *misjudged("mypy", by_mypy()),
        *misjudged("pyright", by_pyright()),
    ]
    sys.exit("\n".join(problems) or None)


if __name__ == "__main__":
    main()
