"""The page on which people see where they are signed in, and end what they do not want.

OWASP ASVS 7.5.2: it shows each session, and ends any or all after the password was entered again.
"""

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_protect
from django.views.generic.base import TemplateView, View

from frontdesk import sessions
from frontdesk.conf import options
from frontdesk.decorators import recent_login_required
from frontdesk.history import recent
from frontdesk.methods import methods_in_words
from frontdesk.sessions import SessionInfo
from frontdesk.views import SiteNameMixin, never_stored

PAGE = "frontdesk_sessions"


class Row(NamedTuple):
    """A session as the page shows it."""

    session: SessionInfo
    current: bool
    methods: str
    """How its user signed in, in words; empty if that is not known."""


@never_stored
class SessionsView(LoginRequiredMixin, SiteNameMixin, TemplateView):
    """List the live sessions of the person who asks, newest activity first, and what happened lately.

    One query for all sessions and one for the history. In the context: ``sessions``, a list of
    :class:`Row`, the current one first; ``history``, what :func:`frontdesk.history.recent` returns, or
    ``None`` where none is kept.
    """

    template_name = "frontdesk/sessions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kept = options().history_retention is not None
        return {
            "sessions": self._rows(),
            "history": recent(self.request.user) if kept else None,  # type: ignore[arg-type]
            **super().get_context_data(**kwargs),
        }

    def _rows(self) -> list[Row]:
        rows = [
            Row(session, session.is_current(self.request), methods_in_words(session.methods))
            for session in sessions.for_user(self.request.user)  # type: ignore[arg-type]
        ]
        # It is in use right now, which need not be recorded yet.
        return sorted(rows, key=lambda row: not row.current)


@method_decorator(csrf_protect, name="dispatch")
@never_stored
class EndingView(View):
    """What the views that end sessions have in common: a POST ends, a GET only goes to the page."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Change nothing."""
        return redirect(PAGE)

    @method_decorator(recent_login_required)
    def post(self, request: HttpRequest) -> HttpResponse:
        """End, say so on the page, and go back to it; or to where a sign-out goes."""
        messages.success(request, self.end(request), fail_silently=True)
        signed_in = request.user.is_authenticated
        return redirect(PAGE if signed_in else settings.LOGOUT_REDIRECT_URL or "logout")

    def end(self, request: HttpRequest) -> str:
        """End what is to be ended, and return what to say about it."""
        raise NotImplementedError


class EndSessionView(EndingView):
    """End the one session whose id was posted as ``session``, if it is the person's own.

    The current one is signed out of. Any text may come as an id (OWASP ASVS 8.2.2).
    """

    def end(self, request: HttpRequest) -> str:
        """See :class:`EndingView`."""
        session_id = request.POST.get("session", "")
        current = sessions.current(request)
        if current is not None and current.id == session_id:
            logout(request)
            return _("This session has ended.")
        if sessions.end(request.user, session_id):  # type: ignore[arg-type]
            return _("That session has ended.")
        return _("That session is not there any more.")


class EndOthersView(EndingView):
    """End all sessions of the person but the current one."""

    def end(self, request: HttpRequest) -> str:
        """See :class:`EndingView`."""
        count = sessions.end_others(request)
        return ngettext(
            "%(count)d other session has ended.", "%(count)d other sessions have ended.", count
        ) % {"count": count}


class EndAllView(EndingView):
    """End all sessions of the person, and sign out of this one."""

    def end(self, request: HttpRequest) -> str:
        """See :class:`EndingView`."""
        sessions.end_others(request)
        logout(request)
        return _("All your sessions have ended.")
