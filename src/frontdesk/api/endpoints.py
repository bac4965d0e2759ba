"""All endpoints, in one table. The URLs and the OpenAPI document are made of it."""

from typing import Final

from frontdesk.api import inputs, views
from frontdesk.api.dispatch import Endpoint, Needs

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
        answer="Who",
        problems=("session_limit_reached", "too_many_attempts"),
    ),
    Endpoint(
        method="PATCH",
        path="session",
        view=views.renew_session,
        summary="Prove the password again",
        needs=Needs.OWN_SESSION,
        body=inputs.Reauthenticate,
        answer="Who",
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
)
