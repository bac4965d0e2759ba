"""What the endpoints do: the same as the pages, by the same functions.

Each function gets the request, its valid form if it has input, and what the path and the query say. It
returns the answer, or ``None`` for an empty one.
"""

from typing import Any, Final

from django.contrib.auth import login, logout, update_session_auth_hash
from django.core.paginator import EmptyPage, Paginator
from django.http import HttpRequest

from frontdesk import api_tokens, sessions
from frontdesk.api.answers import (
    csrf_token,
    entry_as_json,
    new_key,
    sessions_as_json,
    token_as_json,
    who,
)
from frontdesk.api.problems import Problem
from frontdesk.conf import options
from frontdesk.errors import SessionLimitReached
from frontdesk.history import recent
from frontdesk.pages.auth import PasswordResetView
from frontdesk.pages.history import ENTRIES, with_failures_joined
from frontdesk.pages.sessions import is_listed, own_sessions
from frontdesk.signin import passwords, reauth, throttle
from frontdesk.signin.login import sign_in
from frontdesk.signin.logout import end_everywhere, end_session

PER_PAGE: Final = 50

Answer = dict[str, Any]


def show_session(request: HttpRequest) -> Answer:
    return who(request)


def start_session(request: HttpRequest, form: Any) -> Answer:
    """Sign in, unless the user has too many sessions."""
    if form.is_for_program:
        sessions.use_header(request)
    try:
        sign_in(
            request,
            lambda: login(request, form.get_user()),
            make_room=form.cleaned_data["make_room"],
            remember=form.cleaned_data.get("remember", False),
        )
    except SessionLimitReached as refusal:
        raise Problem(
            "session_limit_reached",
            str(refusal),
            would_end=sessions_as_json(refusal.would_end, request),
            csrf=csrf_token(request),  # a new one, as login() has replaced it before it was refused
        ) from None
    return {**new_key(request), **who(request)}


def renew_session(request: HttpRequest, form: Any) -> Answer:
    """Note that the user has proved the password again."""
    reauth.renew(request, form.user)
    return {**new_key(request), **who(request)}


def end_own_session(request: HttpRequest) -> None:
    logout(request)


def list_sessions(request: HttpRequest, page: int | None) -> Answer:
    """Return a page of the user's sessions, that of the request first."""
    _require_list(request)
    paginator = Paginator(own_sessions(request), PER_PAGE)
    try:
        found = paginator.page(page or 1)
    except EmptyPage:
        raise Problem("not_found") from None
    return {
        "sessions": sessions_as_json(found, request),
        "count": paginator.count,
        "pages": paginator.num_pages,
    }


def end_one_session(request: HttpRequest, session_id: str) -> None:
    _require_list(request)
    if not end_session(request, session_id):
        raise Problem("not_found")


def end_sessions(request: HttpRequest, current: str) -> Answer:
    """End all other sessions of the user, and with ``current`` that of the request."""
    _require_list(request)
    ended = end_everywhere(request) if current == "1" else sessions.end_others(request)
    return {"ended": ended}


def list_history(request: HttpRequest, limit: int | None) -> Answer:
    """Return the newest entries of the history."""
    if options().history_retention is None:
        raise Problem("not_found")
    entries = recent(request.user, limit or ENTRIES)  # type: ignore[arg-type]
    return {"history": [entry_as_json(entry) for entry in with_failures_joined(entries)]}


def change_password(request: HttpRequest, form: Any) -> Answer | None:
    """Change the password, and end the other sessions and the API tokens unless the user keeps them."""
    with passwords.own_change(
        request,
        form.user,
        keep_others=form.cleaned_data.get("other_sessions") == "keep",
        keep_api_tokens=form.cleaned_data["keep_api_tokens"],
    ):
        form.save()
        update_session_auth_hash(request, form.user)
    return new_key(request) or None


def send_reset_link(request: HttpRequest, form: Any) -> None:
    """Send the mail of the page, unless too many were asked for.

    The answer tells neither whether there is an account, nor whether a mail was sent.
    """
    if not throttle.may_send_reset(request, form.cleaned_data["email"]):
        return
    form.save(
        request=request,
        use_https=request.is_secure(),
        subject_template_name=PasswordResetView.subject_template_name,
        email_template_name=PasswordResetView.email_template_name,
    )


def reset_password(request: HttpRequest, form: Any) -> None:
    """Set a new password, and end all sessions and API tokens of the user."""
    throttle.know_device(request, form.user)
    with passwords.reset(form.user):
        form.save()


def list_tokens(request: HttpRequest) -> Answer:
    """Return the user's API tokens, and the scopes that one may have."""
    found = api_tokens.for_user(request.user)  # type: ignore[arg-type]
    scopes = {scope: str(words) for scope, words in options().api_scopes.items()}
    return {"tokens": [token_as_json(each) for each in found], "scopes": scopes}


def create_token(request: HttpRequest, form: Any) -> Answer:
    """Create an API token, and return its text this once."""
    created = form.save(request)
    if created is None:
        raise Problem("token_limit_reached", errors=form.errors.get_json_data())
    info, text = created
    return {**token_as_json(info), "token": text}


def end_token(request: HttpRequest, token_id: str) -> None:
    if not api_tokens.end(request.user, token_id):  # type: ignore[arg-type]
        raise Problem("not_found")


def _require_list(request: HttpRequest) -> None:
    if not is_listed(request):
        raise Problem("sessions_unlisted")
