"""The way of a request to an endpoint: method, content type, CSRF, sign-in, input."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_variables

from frontdesk.api import inputs
from frontdesk.api.answers import is_program
from frontdesk.api.problems import CHALLENGES, Problem, outage_response
from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.signin import reauth


class Needs(IntEnum):
    """Who may call an endpoint. Each includes those before it."""

    NOTHING = 0
    USER = 1
    """A user who is signed in."""
    OWN_SESSION = 2
    """The user with whom the session signed in: no one as whom staff act."""
    RECENT_SIGN_IN = 3
    """The same, shortly after proving the password (OWASP ASVS 7.5.2)."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A method of a path: what it does, what it takes and what it answers."""

    method: str
    path: str
    """Below the API, as in Django's ``path()``."""
    view: Callable[..., Any]
    summary: str
    needs: Needs = Needs.NOTHING
    body: type[forms.Form] | None = None
    query: type[forms.Form] | None = None
    answer: str = ""
    """The name of the schema of the answer; empty for a 204."""
    problems: tuple[str, ...] = ()
    """Codes of problems beside those that follow from the rest."""
    status: int = 200
    new_key: bool = False
    """Whether a program gets a new key, and others a 204."""
    sets_no_cookie: Callable[[Any], bool] | None = None
    """Whether the answer to this input sets no cookie, so that another site gains nothing by a request."""
    is_public: bool = False
    """Whether the answer is the same for everyone, and may be cached."""


def view_of(endpoints: Iterable[Endpoint]) -> Callable[..., HttpResponseBase]:
    """Return the view of a path, which has one endpoint for each method.

    It is exempt from the middleware's CSRF check because it makes its own, also if the project has none.
    """
    methods = {each.method: each for each in endpoints}
    allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])

    def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": allowed})
        endpoint = methods.get("GET" if request.method == "HEAD" else str(request.method))
        if endpoint is not None and endpoint.is_public:
            return endpoint.view(request)  # type: ignore[no-any-return]
        response = _respond(request, endpoint, allowed, kwargs)
        add_never_cache_headers(response)
        return response

    view.outage_response = outage_response  # type: ignore[attr-defined]
    return csrf_exempt(login_not_required(view))


@sensitive_variables()
def _respond(
    request: HttpRequest, endpoint: Endpoint | None, allowed: str, kwargs: dict[str, Any]
) -> HttpResponse:
    try:
        if endpoint is None:
            raise Problem("method_not_allowed", headers={"Allow": allowed})
        data = None
        if endpoint.body is not None:
            inputs.require_json(request)
            data = inputs.body_of(request)
        if endpoint.sets_no_cookie is not None and endpoint.sets_no_cookie(data):
            return _perform(request, endpoint, data, kwargs)
        reached: list[bool] = []
        response = _protected(request, endpoint, data, reached, kwargs)
        # Otherwise it is Django's page about the failure, which has been logged.
        if reached:
            return response
        raise Problem("csrf_failed")
    except Problem as problem:
        return problem.response()


@csrf_protect
@sensitive_variables()
def _protected(
    request: HttpRequest, endpoint: Endpoint, data: Any, reached: list[bool], kwargs: dict[str, Any]
) -> HttpResponse:
    reached.append(True)
    return _perform(request, endpoint, data, kwargs)


@sensitive_variables()
def _perform(
    request: HttpRequest, endpoint: Endpoint, data: Any, kwargs: dict[str, Any]
) -> HttpResponse:
    try:
        _require(endpoint.needs, request)
        if endpoint.query is not None:
            kwargs = {**kwargs, **inputs.query_of(request, endpoint.query)}
        if endpoint.body is not None:
            kwargs = {**kwargs, "form": inputs.form_of(request, endpoint.body, data)}
        answer = endpoint.view(request, **kwargs)
    except Problem as problem:
        return problem.response()
    if answer is None:
        return HttpResponse(status=204)
    return JsonResponse(answer, status=endpoint.status)


def _require(needs: Needs, request: HttpRequest) -> None:
    user: Any = request.user if needs else None
    if needs >= Needs.USER and not user.is_authenticated:
        raise _challenge("invalid_key" if is_program(request) else "not_signed_in")
    if needs >= Needs.OWN_SESSION and not reauth.is_own(request, user):
        raise Problem("acting_as_another_user", reauth.not_own())
    if needs >= Needs.RECENT_SIGN_IN and not reauth.is_recent(request, user):
        raise _challenge("recent_sign_in_required")


def _challenge(code: str) -> Problem:
    challenge = CHALLENGES[code].format(max_age=options().reauth_age // clock.SECOND)
    return Problem(code, headers={"WWW-Authenticate": challenge})
