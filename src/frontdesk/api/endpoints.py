"""All endpoints, in one table. The URLs and the OpenAPI document are made of it."""

import json
from hashlib import sha256
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition

from frontdesk.api import inputs, views
from frontdesk.api.dispatch import Endpoint, Needs
from frontdesk.api.openapi import document


@cache_control(public=True, max_age=3600)
def describe_api(request: HttpRequest) -> HttpResponseBase:
    """Return the OpenAPI document, which is the same for everyone."""
    body = json.dumps(document(ENDPOINTS, request.path.rpartition("/")[0])).encode()

    @condition(etag_func=lambda _: f'"{sha256(body).hexdigest()}"')
    def respond(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(body, content_type="application/json")

    return respond(request)


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="session",
        view=views.show_session,
        summary="Who is signed in",
        answer="Who",
    ),
    Endpoint(
        method="POST",
        path="session",
        view=views.start_session,
        summary="Sign in",
        body=inputs.SignIn,
        sets_no_cookie=lambda data: data.get("carrier") == "header",
        answer="SignedIn",
        problems=("session_limit_reached", "too_many_attempts"),
    ),
    Endpoint(
        method="PATCH",
        path="session",
        view=views.renew_session,
        summary="Prove the password again",
        needs=Needs.OWN_SESSION,
        body=inputs.Reauthenticate,
        answer="SignedIn",
        problems=("no_password", "too_many_attempts"),
    ),
    Endpoint(
        method="DELETE",
        path="session",
        view=views.end_own_session,
        summary="Sign out",
    ),
    Endpoint(
        method="GET",
        path="sessions",
        view=views.list_sessions,
        summary="The sessions of the user, this one first",
        needs=Needs.USER,
        query=inputs.Page,
        answer="Sessions",
        problems=("not_found", "sessions_unlisted"),
    ),
    Endpoint(
        method="DELETE",
        path="sessions",
        view=views.end_sessions,
        summary="End the other sessions of the user",
        needs=Needs.RECENT_SIGN_IN,
        query=inputs.Current,
        answer="Ended",
        problems=("sessions_unlisted",),
    ),
    Endpoint(
        method="DELETE",
        path="sessions/<str:session_id>",
        view=views.end_one_session,
        summary="End one session of the user",
        needs=Needs.RECENT_SIGN_IN,
        problems=("not_found", "sessions_unlisted"),
    ),
    Endpoint(
        method="GET",
        path="history",
        view=views.list_history,
        summary="The sign-in history of the user, newest first",
        needs=Needs.USER,
        query=inputs.Limit,
        answer="History",
        problems=("not_found",),
    ),
    Endpoint(
        method="POST",
        path="password",
        view=views.change_password,
        summary="Change the password",
        needs=Needs.OWN_SESSION,
        body=inputs.ChangePassword,
        new_key=True,
        problems=("too_many_attempts",),
    ),
    Endpoint(
        method="POST",
        path="password/reset",
        view=views.send_reset_link,
        summary="Ask for a mail with a link to set a new password",
        body=inputs.ResetPassword,
    ),
    Endpoint(
        method="POST",
        path="password/reset/confirm",
        view=views.reset_password,
        summary="Set a new password by the link of that mail",
        body=inputs.SetPassword,
    ),
    Endpoint(
        method="GET",
        path="tokens",
        view=views.list_tokens,
        summary="The API tokens of the user, newest first, and the scopes to choose from",
        needs=Needs.USER,
        answer="Tokens",
    ),
    Endpoint(
        method="POST",
        path="tokens",
        view=views.create_token,
        summary="Create an API token",
        needs=Needs.RECENT_SIGN_IN,
        body=inputs.CreateToken,
        answer="NewToken",
        status=201,
        problems=("not_found", "token_limit_reached"),
    ),
    Endpoint(
        method="DELETE",
        path="tokens/<str:token_id>",
        view=views.end_token,
        summary="End an API token of the user",
        needs=Needs.RECENT_SIGN_IN,
        problems=("not_found",),
    ),
    Endpoint(
        method="GET",
        path="openapi.json",
        view=describe_api,
        summary="This document",
        answer="OpenAPI",
        is_public=True,
    ),
)
