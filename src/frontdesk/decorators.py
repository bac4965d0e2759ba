"""A decorator for views that want a recent sign-in."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, overload

from asgiref.sync import iscoroutinefunction
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest

from frontdesk.drive import arun, run
from frontdesk.reentry import Terms, checked

View = TypeVar("View", bound=Callable[..., Any])


@overload
def recent_login_required(view: View) -> View: ...


@overload
def recent_login_required(
    view: None = None,
    *,
    max_age: timedelta | None = None,
    login_url: str | None = None,
    redirect_field_name: str = REDIRECT_FIELD_NAME,
) -> Callable[[View], View]: ...


def recent_login_required(
    view: Callable[..., Any] | None = None,
    *,
    max_age: timedelta | None = None,
    login_url: str | None = None,
    redirect_field_name: str = REDIRECT_FIELD_NAME,
) -> Any:
    """Let a view run only if its user signed in, or entered the password again, within ``max_age``.

    ``FRONTDESK["REAUTH_AGE"]`` (15 minutes) when ``max_age`` is not given. For sync and async views, and
    for what ``as_view()`` returns; ``ValueError`` for an age that is not positive. Others are answered:

    - An anonymous visitor is sent to sign in, as by Django's ``login_required``, which
      ``login_url`` and ``redirect_field_name`` are taken from.
    - A GET goes to the page named ``reauthenticate``, and comes back.
    - A POST is answered on the spot with a form that has what was posted in it. When the password comes
      with it, to the same address, the view runs with what was posted at first. The status is 403
      until then. Uploaded files cannot be kept, and bodies that are no form, or too large, neither:
      then the page says so.
    - Somebody without a usable password is sent to sign in again.

    Sources: OWASP ASVS 7.5.1 and 7.5.2.
    """
    terms = Terms(max_age, login_url, redirect_field_name)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        guarded: Any
        if iscoroutinefunction(view):

            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                answer = await arun(checked(request, await request.auser(), terms))
                return await view(request, *args, **kwargs) if answer is None else answer

        else:

            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                answer = run(checked(request, request.user, terms))
                return view(request, *args, **kwargs) if answer is None else answer

        # As Django's decorators: LoginRequiredMiddleware sends to the same place.
        guarded.login_url = login_url
        guarded.redirect_field_name = redirect_field_name
        return wraps(view)(guarded)

    return decorate if view is None else decorate(view)
