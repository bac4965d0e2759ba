"""The OpenAPI 3.1 document, made of the table of endpoints. Source: https://spec.openapis.org/oas/v3.1.1"""

import re
from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.conf import settings
from django.http.request import HttpHeaders
from django.utils.text import capfirst
from django.utils.translation import override

import frontdesk
from frontdesk.api.dispatch import Endpoint, Needs
from frontdesk.api.problems import DETAILS
from frontdesk.api.schemas import SCHEMAS
from frontdesk.conf import options
from frontdesk.http.problems import CONTENT_TYPE

Schema = dict[str, Any]

HEADERS: Final = {
    401: {"WWW-Authenticate": "What to do (RFC 6750, RFC 9470)."},
    429: {"Retry-After": "Seconds."},
    503: {"Retry-After": "Seconds."},
}


def document(endpoints: Iterable[Endpoint], prefix: str) -> Schema:
    """Return the document of an API at ``prefix``, in English. Reads no session."""
    paths: dict[str, Any] = {}
    with override("en"):
        for endpoint in endpoints:
            path = re.sub(r"<str:(\w+)>", r"{\1}", f"/{endpoint.path}")
            paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Sign-in and sessions",
            "version": frontdesk.__version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": prefix}],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": _security_schemes()},
    }


def codes_of(endpoint: Endpoint) -> list[str]:
    """Return the codes of all problems that an endpoint may answer."""
    if endpoint.is_public:
        return []
    found = {"carrier_refused", *endpoint.problems}
    if endpoint.body:
        found |= {"invalid_json", "invalid_input", "body_too_large", "unsupported_media_type"}
    if endpoint.query:
        found.add("invalid_input")
    if endpoint.method != "GET":
        found.add("csrf_failed")
    if endpoint.needs >= Needs.USER:
        found |= {"not_signed_in", "invalid_key"}
    if endpoint.needs >= Needs.OWN_SESSION:
        found.add("acting_as_another_user")
    if endpoint.needs >= Needs.RECENT_SIGN_IN:
        found.add("recent_sign_in_required")
    return [code for code in DETAILS if code in found] + ["unavailable"]


def _operation(endpoint: Endpoint) -> Schema:
    names = re.findall(r"<str:(\w+)>", endpoint.path)
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    in_query = [
        {"name": name, "in": "query", "schema": _schema_of(field)}
        for name, field in _fields(endpoint.query)
    ]
    operation: Schema = {
        "operationId": endpoint.view.__name__,
        "summary": endpoint.summary,
        "security": _security(endpoint),
        "parameters": in_path + in_query,
        "responses": _responses(endpoint),
    }
    if endpoint.body:
        content = {"application/json": {"schema": _body(endpoint.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(endpoint: Endpoint) -> Schema:
    responses: Schema = {"204": {"description": "Done."}}
    if endpoint.answer:
        schema = {"$ref": f"#/components/schemas/{endpoint.answer}"}
        if endpoint.is_public:
            schema = {"type": "object"}
        content = {"application/json": {"schema": schema}}
        responses = {str(endpoint.status): {"description": "Done.", "content": content}}
    if endpoint.new_key:
        schema = {"$ref": "#/components/schemas/Key"}
        content = {"application/json": {"schema": schema}}
        responses["200"] = {"description": "Done, for a program.", "content": content}
    codes = codes_of(endpoint)
    for status in sorted({DETAILS[code][0] for code in codes}):
        here = [code for code in codes if DETAILS[code][0] == status]
        responses[str(status)] = {
            "description": ", ".join(here),
            "content": {CONTENT_TYPE: {"schema": _problem(here)}},
            "headers": {
                name: {"description": words, "required": True, "schema": {"type": "string"}}
                for name, words in HEADERS.get(status, {}).items()
            },
        }
    return responses


def _problem(codes: list[str]) -> Schema:
    return {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"code": {"enum": codes}}},
        ]
    }


def _body(form: type[forms.Form]) -> Schema:
    fields = _fields(form)
    return {
        "type": "object",
        "properties": {name: _schema_of(field) for name, field in fields},
        "required": [name for name, field in fields if field.required],
        "additionalProperties": False,
    }


def _fields(form: type[forms.Form] | None) -> list[tuple[str, forms.Field]]:
    absent = set() if options().remember_me else {"remember"}
    fields = {} if form is None else form.base_fields
    return [(name, field) for name, field in fields.items() if name not in absent]


def _schema_of(field: forms.Field) -> Schema:
    schema: Schema = {"type": "string"}
    if isinstance(field, forms.BooleanField):
        schema = {"type": "boolean"}
    elif isinstance(field, forms.IntegerField):
        schema = {"type": "integer", "minimum": field.min_value}
        if field.max_value is not None:
            schema["maximum"] = field.max_value
    elif isinstance(field, forms.MultipleChoiceField):
        schema = {"type": "array", "items": schema, "minItems": 1}
    elif isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        schema["enum"] = [value for value, _ in choices]
    elif isinstance(field, forms.EmailField):
        schema["format"] = "email"
    if field.label:
        schema["title"] = capfirst(str(field.label))
    if field.help_text and isinstance(field.help_text, str):  # those of pages are lazy, and HTML
        schema["description"] = field.help_text
    return schema


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    """Return the ways to be let in: the cookie with the CSRF token, or the key in a header."""
    needed = {"cookie": bool(endpoint.needs), "csrf": endpoint.method != "GET"}
    for_browsers: dict[str, list[str]] = {
        name: [] for name, is_needed in needed.items() if is_needed
    }
    if not for_browsers:
        return []
    return [for_browsers, {"header": []} if endpoint.needs else {}]


def _security_schemes() -> Schema:
    header = HttpHeaders.parse_header_name(settings.CSRF_HEADER_NAME)
    return {
        "cookie": {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
        "csrf": {
            "type": "apiKey",
            "in": "header",
            "name": header,
            "description": 'The "csrf" of GET session. Needs the cookie of the same answer.',
        },
        "header": {
            "type": "http",
            "scheme": "bearer",
            "description": 'The "key" of a sign-in with "carrier": "header", if the site allows it.',
        },
    }
