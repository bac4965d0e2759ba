"""Errors as problem details (RFC 9457), each with a code that does not change."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import JsonResponse

from frontdesk.http.problems import problem
from frontdesk.http.unavailable import in_words

MISSING_CSRF: Final = (
    "The CSRF token is missing or wrong, or the request comes from another site. GET session, and send "
    'its "csrf" as the header X-CSRFToken.'
)

DETAILS: Final = {
    "invalid_json": (400, "The body should be a JSON object in UTF-8."),
    "invalid_input": (400, "Some fields are missing or wrong. See errors."),
    "not_signed_in": (401, "Sign in first: POST session."),
    "invalid_key": (401, "The key in the Authorization header is wrong, or its session has ended."),
    "recent_sign_in_required": (
        401,
        "This needs a recent sign-in. Send the password by PATCH session, and repeat the request.",
    ),
    "csrf_failed": (403, MISSING_CSRF),
    "carrier_refused": (
        403,
        "The setting HEADER_CARRIER allows this client no session key in a header.",
    ),
    "acting_as_another_user": (403, "The session is that of another user than the one who asks."),
    "no_password": (403, "This account has no password. Sign in again instead."),
    "not_found": (404, "There is nothing here, or it is not yours."),
    "method_not_allowed": (405, "See the header Allow."),
    "session_limit_reached": (409, "The user has as many sessions as are allowed."),
    "token_limit_reached": (409, "The user has as many API tokens as are allowed."),
    "sessions_unlisted": (409, "Sessions cannot be listed with the session engine of this site."),
    "body_too_large": (413, "The body is too large."),
    "unsupported_media_type": (415, "Send the body as application/json."),
    "too_many_attempts": (
        429,
        "Too many passwords from this network were wrong. Try again after Retry-After, in seconds.",
    ),
    "unavailable": (503, "The storage of sessions cannot answer. No user has been signed out."),
}
"""The status of each code, and what happened in English, for developers."""

CHALLENGES: Final = {
    "not_signed_in": "Bearer",
    "invalid_key": 'Bearer error="invalid_token"',
    "recent_sign_in_required": 'Bearer error="insufficient_user_authentication", max_age="{max_age}"',
}
"""What a 401 asks for (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9470 section 3)."""


class Problem(Exception):
    """Answers the request with an error. ``members`` are further members of the document."""

    def __init__(
        self, code: str, detail: str = "", headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(code)
        status, usual = DETAILS[code]
        self.status = status
        self.code = code
        self.detail = detail or usual
        self.headers = headers or {}
        self.members = members

    def response(self) -> JsonResponse:
        """Return the problem document."""
        return problem(self.status, self.code, self.detail, self.headers, **self.members)


def outage_response(_error: Exception) -> JsonResponse:
    """Return the answer while the storage cannot answer, see :mod:`frontdesk.http.unavailable`."""
    return Problem("unavailable", in_words()).response()
