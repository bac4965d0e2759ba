"""The pages on which users see where they are signed in, and sign out there.

OWASP ASVS 7.5.2: users see all their sessions, and end any or all of them after entering the password.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from frontdesk import api_tokens, sessions
from frontdesk.conf import options
from frontdesk.http.session import SessionStore
from frontdesk.pages.base import SESSIONS_PAGE, EndView, OwnPage, names_apart, never_stored
from frontdesk.pages.tokens import token_rows
from frontdesk.sessions import SessionInfo
from frontdesk.signin.logout import end_everywhere, end_session
from frontdesk.words.addresses import address_in_words
from frontdesk.words.devices import kind_of_device
from frontdesk.words.lists import joined
from frontdesk.words.methods import methods_in_words
from frontdesk.words.times import ago_in_words

PER_PAGE: Final = 10


class Row(NamedTuple):
    """A session as the page shows it."""

    session: SessionInfo
    current: bool
    kind: str
    """The kind of the device, which has an icon of this name."""
    methods: str
    """How the user signed in, in words; empty if unknown."""
    name: str
    """The session in words, different from those of all other rows of the page."""


@never_stored
class SessionsView(OwnPage):
    """List where the user is signed in.

    One query reads all sessions, and one all API tokens. The context has ``page``, a page of Django's
    paginator, ``rows``, its sessions as ``Row``, ``tokens``, each a ``TokenRow``, ``has_scopes`` and
    ``has_history``.
    """

    template_name = "frontdesk/sessions.html"
    unlisted_template_name = "frontdesk/sessions_unlisted.html"

    def get_template_names(self) -> list[str]:
        return [self.template_name if is_listed(self.request) else self.unlisted_template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = Paginator(own_sessions(self.request), PER_PAGE).get_page(
            self.request.GET.get("page")
        )
        return {
            "page": page,
            "rows": rows_of(page, self.request),
            "tokens": token_rows(api_tokens.for_user(self.request.user)),  # type: ignore[arg-type]
            "has_scopes": bool(options().api_scopes),
            "has_history": options().history_retention is not None,
            **super().get_context_data(**kwargs),
        }


def own_sessions(request: HttpRequest) -> list[SessionInfo]:
    """Return the live sessions of the user, this one first and then the most recently used."""
    found = sessions.for_user(request.user)  # type: ignore[arg-type]
    return sorted(found, key=lambda session: not session.is_current(request))


def is_listed(request: HttpRequest) -> bool:
    """Return whether sessions can be listed and ended: not on the way back to Django's engines."""
    return isinstance(request.session, SessionStore)


def rows_of(found: Iterable[SessionInfo], request: HttpRequest) -> list[Row]:
    """Return what the page shows of these sessions."""
    found = list(found)
    names = (
        _("%(session)s, active %(ago)s")
        % {"session": short_name(session), "ago": ago_in_words(session.last_seen)}
        for session in found
    )
    return [
        Row(
            session,
            session.is_current(request),
            kind_of_device(session.user_agent),
            methods_in_words(session.methods),
            name,
        )
        for session, name in zip(found, names_apart(names), strict=True)
    ]


def short_name(session: SessionInfo) -> str:
    """Return the device and the address of a session: "Firefox on Android, 203.0.113.24"."""
    return joined(part for part in (session.device, address_in_words(session.ip)) if part)


class EndSessionsView(EndView):
    """What the views that end sessions have in common."""

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not is_listed(request):
            return redirect(SESSIONS_PAGE)  # which says so
        return super().post(request, **kwargs)


class EndSessionView(EndSessionsView):
    """End the session whose id is posted as ``session``, if it is one of the user's.

    Any text may come as an id (OWASP ASVS 8.2.2).
    """

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Go back to the list, which has the button."""
        return redirect(SESSIONS_PAGE)

    def action(self) -> str:
        found = self._found()
        if found is None:
            return ""
        said = pgettext("Enter your password to", "sign out %(session)s")
        return said % {"session": short_name(found)}

    def end(self) -> str:
        found = self._found()
        if found is None or not end_session(self.request, found.id):
            return _("That session has already ended.")
        return _("Signed out: %(session)s.") % {"session": short_name(found)}

    def _found(self) -> SessionInfo | None:
        session_id = self.request.POST.get("session", "")
        return next((each for each in own_sessions(self.request) if each.id == session_id), None)


class EndOthersView(EndSessionsView):
    """End all sessions of the user but this one. A GET asks first, with ``count`` in the context."""

    template_name = "frontdesk/end_others.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        others = [each for each in own_sessions(self.request) if not each.is_current(self.request)]
        return {"count": len(others), **super().get_context_data(**kwargs)}

    def action(self) -> str:
        return pgettext("Enter your password to", "sign out everywhere else")

    def end(self) -> str:
        count = sessions.end_others(self.request)
        if not count:
            return _("You are not signed in anywhere else.")
        return ngettext(
            "Signed out of %(count)d other session.",
            "Signed out of %(count)d other sessions.",
            count,
        ) % {"count": count}


class EndAllView(EndSessionsView):
    """End all sessions of the user, this one too. A GET asks first."""

    template_name = "frontdesk/end_all.html"

    def action(self) -> str:
        return pgettext("Enter your password to", "sign out everywhere")

    def end(self) -> str:
        end_everywhere(self.request)
        return _("You are signed out everywhere.")
