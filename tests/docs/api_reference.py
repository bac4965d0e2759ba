"""Writes docs/reference/json-api.md from the OpenAPI document: python -m tests.docs.api_reference"""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from frontdesk.api.problems import DETAILS
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "json-api.md"

HEAD = """# JSON API

All endpoints of the [JSON API](../howto/json-api.md), written from its OpenAPI document with default
settings by `python -m tests.docs.api_reference`. A site serves its own at `openapi.json`.

- [Endpoints](#endpoints): what each does, takes and answers
- [Problem codes](#problem-codes): what an answer of 400 or more means
- [Objects](#objects): what an answer holds

Paths are below the one where a project includes `frontdesk.api.urls`. Times are in UTC, such as
`2026-11-28T10:32:01.317Z`.

## Endpoints

Only browsers, which send the cookie, need the [CSRF token](../howto/json-api.md#csrf).
"""

PROBLEMS = """## Problem codes

An answer of 400 or more is a problem document (RFC 9457) with `status`, `code` and `detail`. The code does
not change. See [errors](../howto/json-api.md#errors).

| code | status | detail |
|---|---|---|"""

OBJECTS = "## Objects\n"

LET_IN = {
    frozenset(): "anyone",
    frozenset({"csrf"}): "anyone, with the CSRF token in a browser",
    frozenset({"cookie"}): "a user who is signed in",
    frozenset({"cookie", "csrf"}): "a user who is signed in, with the CSRF token in a browser",
}


def written(document: dict[str, Any]) -> str:
    """Return the page."""
    operations = {
        f"{method.upper()} {path.strip('/')}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    parts = [HEAD, *summary(operations)]
    for title, operation in operations.items():
        parts += endpoint(title, operation)
    parts += [PROBLEMS, *problems(), OBJECTS]
    for name, schema in document["components"]["schemas"].items():
        parts += [f"### {name}\n", *described(schema), *fields(schema)]
    return "\n".join(parts)


def summary(operations: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "| endpoint | | signed in | CSRF token |\n|---|---|---|---|"
    for title, operation in operations.items():
        needed = needs(operation)
        marks = " | ".join("yes" if each in needed else "no" for each in ("cookie", "csrf"))
        yield f"| [`{title}`](#{anchor(title)}) | {operation['summary']} | {marks} |"
    yield ""


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def needs(operation: dict[str, Any]) -> frozenset[str]:
    return frozenset(operation["security"][0] if operation["security"] else ())


def problems() -> Iterator[str]:
    for code, (status, detail) in DETAILS.items():
        yield f"| `{code}` | {status} | {detail} |"
    yield ""


def endpoint(title: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {title}\n\n{operation['summary']}. For {LET_IN[needs(operation)]}.\n"
    if operation["parameters"]:
        yield from table(
            "| parameter | type | |",
            [(each["name"], each["schema"]) for each in operation["parameters"]],
        )
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        yield from table("| field | type | |", body["properties"].items(), body.get("required", []))
    yield "| status | answer |\n|---|---|"
    for status, answer in operation["responses"].items():
        yield f"| {status} | {content_of(status, answer)} |"
    yield ""


def content_of(status: str, answer: dict[str, Any]) -> str:
    (schema,) = [each["schema"] for each in answer.get("content", {}).values()] or [None]
    if schema is None:
        return answer["description"]
    if int(status) >= 400:
        return ", ".join(f"`{code}`" for code in answer["description"].split(", "))
    program = " for a program" if "program" in answer["description"] else ""
    return f"{type_of(schema)}{program}"


def described(schema: dict[str, Any]) -> Iterator[str]:
    if "description" in schema:
        yield f"{schema['description']}\n"


def fields(schema: dict[str, Any]) -> Iterator[str]:
    if "properties" in schema:
        yield from table("| member | type | |", schema["properties"].items())
    elif "items" in schema.get("additionalProperties", {}):
        members = schema["additionalProperties"]["items"]["properties"].items()
        yield from table("| member of each | type | |", members)


def table(
    head: str, rows: Iterable[tuple[str, dict[str, Any]]], required: Iterable[str] = ()
) -> Iterator[str]:
    yield f"{head}\n|---|---|---|"
    for name, schema in rows:
        words = schema.get("description") or schema.get("title", "")
        kind = f"{type_of(schema)}, required" if name in required else type_of(schema)
        yield f"| `{name}` | {kind} | {words} |"
    yield ""


def type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(each) for each in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{value}`" for value in values)
    if schema["type"] == "array":
        return f"list of {type_of(schema['items'])}"
    if "maximum" in schema:
        return f"integer, {schema['minimum']} to {schema['maximum']}"
    return {"date-time": "time", "email": "e-mail address"}.get(
        schema.get("format", ""), schema["type"]
    )


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from frontdesk.api.endpoints import ENDPOINTS
    from frontdesk.api.openapi import document

    PAGE.write_text(written(document(ENDPOINTS, "/")), encoding="utf-8")


if __name__ == "__main__":
    main()
