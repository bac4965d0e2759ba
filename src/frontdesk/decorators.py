"""Decorators and a mixin for views that need a recent sign-in, or an API token with a scope."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, overload

from asgiref.sync import iscoroutinefunction
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest
from django.views.generic.base import View

from frontdesk.core.flow import arun, run
from frontdesk.signin.reauth import Action, Terms, checked
from frontdesk.tokens.guard import check_token, finish, keep_apart, use_token
from frontdesk.tokens.info import TokenInfo

__all__ = ["RecentLoginRequiredMixin", "recent_login_required", "scope_required"]

ViewFunction = TypeVar("ViewFunction", bound=Callable[..., Any])


@overload
def recent_login_required(view: ViewFunction) -> ViewFunction: ...


@overload
def recent_login_required(
    view: None = None,
    *,
    max_age: timedelta | None = None,
    login_url: str | None = None,
    redirect_field_name: str = REDIRECT_FIELD_NAME,
    action: Action = "",
) -> Callable[[ViewFunction], ViewFunction]: ...


def recent_login_required(
    view: Callable[..., Any] | None = None,
    *,
    max_age: timedelta | None = None,
    login_url: str | None = None,
    redirect_field_name: str = REDIRECT_FIELD_NAME,
    action: Action = "",
) -> Any:
    """Run a view only if its user signed in, or entered the password again, within ``max_age``.

    Without ``max_age``, ``FRONTDESK["REAUTH_AGE"]`` (15 minutes) counts. Works for sync and async views,
    and for what ``as_view()`` returns. Raises ``ValueError`` for an age that is not positive. Otherwise:

    - An anonymous user is redirected to the sign-in page, as by Django's ``login_required``, from which
      ``login_url`` and ``redirect_field_name`` are taken.
    - A GET is redirected to the page named ``reauthenticate``, which redirects back.
    - A POST is answered at once, with the status 403 and a form that holds what was posted. When that
      comes back to the same address with the password, the view runs with what was posted at first.
      Uploaded files cannot be kept, nor can bodies that are no form or too large. The page says so.
    - A user without a usable password is redirected to the sign-in page. So is one whom a middleware has
      put in the place of the session's own user.

    ``action`` says what the password is for, as the page puts it after "Enter your password to": for
    example ``gettext_lazy("close your account")``, or a function of the request that returns such text.

    Sources: OWASP ASVS 7.5.1 and 7.5.2.
    """
    terms = Terms(max_age, login_url, redirect_field_name, action)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        guarded: Any
        if iscoroutinefunction(view):

            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                response = await arun(checked(request, await request.auser(), terms))
                return await view(request, *args, **kwargs) if response is None else response

        else:

            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                response = run(checked(request, request.user, terms))
                return view(request, *args, **kwargs) if response is None else response

        # LoginRequiredMiddleware reads these, as it does with Django's own decorators.
        guarded.login_url = login_url
        guarded.redirect_field_name = redirect_field_name
        return wraps(view)(guarded)

    return decorate if view is None else decorate(view)


class RecentLoginRequiredMixin(View):
    """:func:`recent_login_required` for a class-based view, whose handlers may be async.

    It is a ``View`` itself, so that its check also runs if it is listed after the view.
    """

    max_age: timedelta | None = None
    """How old the sign-in may be. ``None`` for ``FRONTDESK["REAUTH_AGE"]``."""
    login_url: str | None = None
    redirect_field_name = REDIRECT_FIELD_NAME
    action = ""
    """What the password is for, see :func:`recent_login_required`."""

    def get_action(self) -> str:
        """Return what the password is for. Override it if that depends on the request."""
        return self.action

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask for the password first if the sign-in is not recent."""
        guarded = recent_login_required(
            max_age=self.max_age,
            login_url=self.login_url,
            redirect_field_name=self.redirect_field_name,
            action=lambda _: self.get_action(),
        )
        return guarded(self._own_dispatch())(request, *args, **kwargs)

    def _own_dispatch(self) -> Any:
        dispatch = super().dispatch
        if not self.view_is_async:
            return dispatch

        async def awaited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return await dispatch(request, *args, **kwargs)  # type: ignore[misc]

        return awaited


def scope_required(*scopes: str) -> Callable[[ViewFunction], ViewFunction]:
    """Run a view only for an API token that has all of these scopes. The view may be async.

    Inside the view, ``request.auth`` is the :class:`frontdesk.api_tokens.TokenInfo`, ``request.user`` is its
    user, and ``request.session`` is empty. Cookies are not looked at: a user who is signed in, and sends no
    token, gets the same 401 as others. So there is no CSRF to protect the view from, and it is exempt, and
    Django's ``LoginRequiredMiddleware`` lets requests pass to here.

    - No token: 401.
    - One that is malformed, unknown, expired or ended: 401 with ``error="invalid_token"``.
    - One without the scopes: 403 with ``error="insufficient_scope"``.

    A class-based view is decorated as ``scope_required("...")(MyView.as_view())``.

    Source: RFC 6750 section 3.
    """
    if any(callable(each) for each in scopes):
        raise TypeError(
            'Write @scope_required("orders:read"), with the scopes that the view needs.'
        )

    def decorate(view: ViewFunction) -> ViewFunction:
        guarded: Any
        if iscoroutinefunction(view):

            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                found = await arun(check_token(request, scopes))
                if not isinstance(found, TokenInfo):
                    return keep_apart(found)
                with use_token(request, found):
                    return await arun(finish(await view(request, *args, **kwargs)))

        else:

            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                found = run(check_token(request, scopes))
                if not isinstance(found, TokenInfo):
                    return keep_apart(found)
                with use_token(request, found):
                    return run(finish(view(request, *args, **kwargs)))

        guarded = wraps(view)(guarded)
        guarded.csrf_exempt = True
        guarded.login_required = False
        return guarded  # type: ignore[no-any-return]

    return decorate
