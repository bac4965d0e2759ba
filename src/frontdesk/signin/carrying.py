"""What a POST that was interrupted sent, and whether a form can send it again. No I/O."""

from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from frontdesk.forms import ReauthenticationForm

PASSWORD_FIELD = f"{ReauthenticationForm.prefix}-password"
USERNAME_FIELD = f"{ReauthenticationForm.prefix}-username"
"""Is there for password managers, and read by nobody."""

OWN_FIELDS = {PASSWORD_FIELD, USERNAME_FIELD}
NOT_CARRIED = {*OWN_FIELDS, "csrfmiddlewaretoken"}

MOST_BYTES = 1_000_000
"""Of names and values. They go to the browser in a page and come back, so this is not without end."""

FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}

ROOM = 4096
"""Bytes that the password and the token may take, beside what is carried."""


class Carried(NamedTuple):
    """What can be sent again: fields in their order, one entry for each value; and what cannot."""

    fields: list[tuple[str, str]]
    files: list[str]
    """The names of the files that were sent. Only the browser's user can choose a file."""


@sensitive_variables()
def carried(request: HttpRequest) -> Carried | None:
    """Return what ``request`` sent; ``None`` if a form cannot send it again, or it is too much."""
    if request.method != "POST":
        return None
    if request.content_type not in FORM_TYPES:
        return Carried([], []) if request.META.get("CONTENT_LENGTH") == "0" else None
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in NOT_CARRIED
        for value in values
    ]
    files = [file.name or "" for _, files in request.FILES.lists() for file in files]
    return Carried(fields, files) if _can_be_sent(fields) else None


@sensitive_variables()
def _can_be_sent(fields: list[tuple[str, str]]) -> bool:
    size = sum(len(name.encode()) + len(value.encode()) + 2 for name, value in fields)
    return (
        size <= MOST_BYTES
        and _within(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, size + ROOM)
        and _within(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS, len(fields) + len(NOT_CARRIED))
        # HTML cannot say it: a parser puts U+FFFD in its place.
        and not any("\0" in name + value for name, value in fields)
    )


def _within(limit: int | None, size: int) -> bool:
    return limit is None or size <= limit


@sensitive_variables()
def drop_own_fields(request: HttpRequest) -> None:
    """Leave in ``request.POST`` what the view's own form sent."""
    if request.method == "POST" and not OWN_FIELDS.isdisjoint(request.POST):
        post = request.POST.copy()
        for name in OWN_FIELDS:
            post.pop(name, None)
        post._mutable = False
        request.POST = post  # type: ignore[assignment]
