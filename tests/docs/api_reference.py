"""Writes docs/reference/json-api.md from the OpenAPI document: python -m tests.docs.api_reference"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "json-api.md"

HEAD = """# JSON API endpoints

All endpoints of the [JSON API](../howto/json-api.md), written from its OpenAPI document with default
settings by `python -m tests.docs.api_reference`. A site serves its own at `openapi.json`.

Paths are below the one where a project includes `frontdesk.api.urls`. Codes are explained under
[errors](../howto/json-api.md#errors). Times are in UTC, such as `2026-11-28T10:32:01.317Z`.
"""

LET_IN = {
    frozenset(): "anyone",
    frozenset({"csrf"}): "anyone, with the CSRF token in a browser",
    frozenset({"cookie"}): "a user who is signed in",
    frozenset({"cookie", "csrf"}): "a user who is signed in, with the CSRF token in a browser",
}


def written(document: dict[str, Any]) -> str:
    """Return the page."""
    parts = [HEAD]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += endpoint(f"{method.upper()} {path.strip('/')}", operation)
    for name, schema in document["components"]["schemas"].items():
        parts += [f"## {name}\n", *described(schema), *fields(schema)]
    return "\n".join(parts)


def endpoint(title: str, operation: dict[str, Any]) -> Iterator[str]:
    needed = frozenset(operation["security"][0] if operation["security"] else ())
    yield f"## {title}\n\n{operation['summary']}. For {LET_IN[needed]}.\n"
    if operation["parameters"]:
        yield from table(
            "| parameter | type | |",
            [(each["name"], each["schema"]) for each in operation["parameters"]],
        )
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        yield from table(
            "| field | type | |", body["properties"].items(), required=body.get("required", [])
        )
    yield "| answer | |\n|---|---|"
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
        if name in required:
            words = f"{words} (required)".strip()
        yield f"| `{name}` | {type_of(schema)} | {words} |"
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
