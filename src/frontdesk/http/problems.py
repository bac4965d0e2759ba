"""Errors for programs: problem details (RFC 9457), each with a code that does not change."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.http import JsonResponse

CONTENT_TYPE: Final = "application/problem+json"


def problem(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> JsonResponse:
    """Return a problem document, which no cache stores. ``members`` are added to it.

    Its type is "about:blank", so the title is the phrase of the status (RFC 9457 section 4.2.1).
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **members,
    }
    return JsonResponse(
        document,
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type=CONTENT_TYPE,
    )
