"""What an interrupted POST sent, and whether a form can send it again. No I/O."""

from typing import Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

PREFIX: Final = "reauthenticate"
"""The prefix of the fields of the password form, which must differ from those of the interrupted form."""

PASSWORD_FIELD: Final = f"{PREFIX}-password"

USERNAME_FIELD: Final = f"{PREFIX}-username"
"""Only for password managers. The server does not read it."""

PAGE_BEFORE_FIELD: Final = f"{PREFIX}-page-before"
"""Where the user came from. After a wrong password, the browser names the password form itself."""

OWN_FIELDS: Final = {PASSWORD_FIELD, USERNAME_FIELD, PAGE_BEFORE_FIELD}

MAX_BYTES: Final = 1_000_000
"""Of names and values, which go to the browser in a page and come back."""

FORM_TYPES: Final = {"application/x-www-form-urlencoded", "multipart/form-data"}

MAX_ADDRESS: Final = 2000
"""Characters of the address of the page before. A longer one is left out."""

MARGIN: Final = 4096
"""Bytes that the password, the token and that address may take beside what is carried."""


class InterruptedPost(NamedTuple):
    """What a form can send again."""

    fields: list[tuple[str, str]]
    """Names and values in the order in which they came."""
    files: list[str]
    """The names of the files that were sent. They are lost, because only the user can choose a file."""


@sensitive_variables()
def interrupted_post_of(request: HttpRequest) -> InterruptedPost | None:
    """Return what ``request`` sent, or ``None`` if a form cannot send it again."""
    if request.method != "POST":
        return None
    if request.content_type not in FORM_TYPES:
        return InterruptedPost([], []) if request.META.get("CONTENT_LENGTH") == "0" else None
    left_out = {*OWN_FIELDS, "csrfmiddlewaretoken"}
    lists = ((name, values) for name, values in request.POST.lists() if name not in left_out)
    fields = [(name, value) for name, values in lists for value in values]
    files = [file.name or "" for _, files in request.FILES.lists() for file in files]
    return InterruptedPost(fields, files) if _can_be_sent(fields, len(left_out)) else None


@sensitive_variables()
def _can_be_sent(fields: list[tuple[str, str]], more: int) -> bool:
    size = sum(len(name.encode()) + len(value.encode()) + 2 for name, value in fields)
    return (
        size <= MAX_BYTES
        and _is_within(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, size + MARGIN)
        and _is_within(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS, len(fields) + more)
        # HTML has no way to write it: a parser replaces it by U+FFFD.
        and not any("\0" in name + value for name, value in fields)
    )


def _is_within(limit: int | None, size: int) -> bool:
    return limit is None or size <= limit


@sensitive_variables()
def drop_own_fields(request: HttpRequest) -> None:
    """Leave in ``request.POST`` only what the view's own form sent."""
    if request.method == "POST" and not OWN_FIELDS.isdisjoint(request.POST):
        post = request.POST.copy()
        for name in OWN_FIELDS:
            post.pop(name, None)
        post._mutable = False
        request.POST = post  # type: ignore[assignment]
