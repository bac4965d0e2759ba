"""A mixin for class-based views that want a recent sign-in."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest
from django.views.generic.base import View

from frontdesk.decorators import recent_login_required


class RecentLoginRequiredMixin(View):
    """:func:`~frontdesk.decorators.recent_login_required` for a class, whose handlers may be async.

    A ``View`` itself, so that its check is not lost when it is listed after the view that it guards.
    """

    max_age: timedelta | None = None
    """How old the sign-in may be; ``None`` for ``FRONTDESK["REAUTH_AGE"]``."""
    login_url: str | None = None
    redirect_field_name = REDIRECT_FIELD_NAME

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask for the password first, if need be."""
        guarded = recent_login_required(
            max_age=self.max_age,
            login_url=self.login_url,
            redirect_field_name=self.redirect_field_name,
        )
        return guarded(self._own_dispatch())(request, *args, **kwargs)

    def _own_dispatch(self) -> Any:
        dispatch = super().dispatch
        if not self.view_is_async:
            return dispatch

        async def awaited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return await dispatch(request, *args, **kwargs)  # type: ignore[misc]

        return awaited
