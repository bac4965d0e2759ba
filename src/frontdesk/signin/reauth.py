"""Re-authentication: a delicate view is for somebody who has shown only now who they are.

Sources: OWASP ASVS 7.5.1 and 7.5.2, NIST SP 800-63B-4 section 5.2.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from frontdesk import carrying, clock, policy, reports
from frontdesk.conf import options
from frontdesk.difference import user_in
from frontdesk.drive import Call, Flow, hop, run
from frontdesk.forms import ReauthenticationForm
from frontdesk.session import Session
from frontdesk.signals import user_reauthenticated
from frontdesk.user_ids import user_id_of

TEMPLATE = "frontdesk/reauthenticate.html"
URL_NAME = "reauthenticate"


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a view lets somebody in. Raises ``ValueError`` for an age that nobody can meet."""

    max_age: timedelta | None = None
    login_url: str | None = None
    redirect_field_name: str = REDIRECT_FIELD_NAME

    def __post_init__(self) -> None:
        if self.max_age is not None and self.max_age <= timedelta(0):
            raise ValueError(f"max_age should be a positive timedelta, not {self.max_age!r}.")

    @property
    def age(self) -> int:
        """How old the sign-in may be, in microseconds."""
        if self.max_age is None:
            return options().reauth_age
        return clock.from_timedelta(self.max_age)


def checked(request: HttpRequest, user: Any, terms: Terms) -> Flow[HttpResponse | None]:
    """Return what to answer in place of the view; ``None`` if the view may run.

    ``request.POST`` then is what the view's own form sent, without the password.
    """
    restore = reports.hide(request)
    if not user.is_authenticated:
        return _to_sign_in(request, terms)
    if not (yield from _is_recent(request, user, terms)):
        answer: HttpResponse | None = yield Call(_desk, "ask", (request, user, terms))
        if answer is not None:
            return answer
    carrying.drop_own_fields(request)
    restore()  # from here on the view says what is to be kept out of reports
    return None


def renew(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Note that ``user`` has just shown again who they are, and tell.

    Raises ``PermissionDenied`` if the session is not theirs: their password says nothing of its user.
    """
    if not is_own(request, user):
        raise PermissionDenied(f"The session of this request is not that of {user!r}.")
    session_of(request).renew_sign_in()
    user_reauthenticated.send(sender=user.__class__, request=request, user=user)


def is_own(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Whether it is ``user`` who is signed in with the session of ``request``.

    A middleware of the project's may have put another user in ``request.user``: one whom staff act as, or
    one who came with a token.
    """
    return run(_is_own(request, user))


def _is_own(request: HttpRequest, user: AbstractBaseUser) -> Flow[bool]:
    cache = yield from session_of(request).opened()
    return user.pk is not None and user_in(cache) == user_id_of(user)


def not_own() -> str:
    """Return what to tell those who act as another user than the one whose session it is."""
    return _(
        "Nothing has been done: you are acting as another user than the one who signed in here. "
        "Please sign in as the user whom this is about."
    )


def session_of(request: HttpRequest) -> Session:
    """Return the session. Raises ``ImproperlyConfigured`` if it is of another engine."""
    if not isinstance(request.session, Session):
        raise ImproperlyConfigured(
            "This needs sessions of frontdesk's, which know when their user signed in. "
            'Set SESSION_ENGINE = "frontdesk.engine".'
        )
    return request.session


def _is_recent(request: HttpRequest, user: AbstractBaseUser, terms: Terms) -> Flow[bool]:
    # A user who came by another way than the session has shown nothing to the session.
    if not (yield from _is_own(request, user)):
        return False
    session = session_of(request)
    if session.signing_in:
        return True
    record = session.record
    return (
        record is not None
        and record.user_id == user_id_of(user)
        and policy.is_recent(record, terms.age, clock.now())
    )


class _Desk:
    """Asks for the password: plain code, which async callers reach by one hop."""

    @sensitive_variables()
    def ask(
        self, request: HttpRequest, user: AbstractBaseUser, terms: Terms
    ) -> HttpResponse | None:
        if not is_own(request, user):
            return _to_sign_in_again(request, terms, not_own())
        if not user.has_usable_password():
            return _to_sign_in_again(request, terms)
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return never_cached(
                redirect_to_login(
                    request.get_full_path(), resolve_url(URL_NAME), REDIRECT_FIELD_NAME
                )
            )
        carried = carrying.carried(request)
        entered = carried is not None and carrying.PASSWORD_FIELD in request.POST
        form = ReauthenticationForm(request, user, request.POST if entered else None)
        if entered and form.is_valid():
            renew(request, user)
            return None
        return _in_place(request, form, carried)

    async def aask(self, *args: Any) -> HttpResponse | None:
        return await hop(self.ask, *args)


_desk = _Desk()


@sensitive_variables()
def _in_place(
    request: HttpRequest, form: ReauthenticationForm, carried: carrying.Carried | None
) -> HttpResponse:
    """Answer a request with the form, which sends on what came if it can.

    A 403, since a program must not take it for success.
    """
    site = get_current_site(request)
    context = {
        "form": form,
        "carried": carried,
        "interrupted": True,
        "next": "" if carried else _page_before(request),
        "username_field": carrying.USERNAME_FIELD,
        "site": site,
        "site_name": site.name,
    }
    return never_cached(render(request, TEMPLATE, context, status=403))


def _page_before(request: HttpRequest) -> str:
    """Return the address of the page that the request was made from, if it is one of this site."""
    referer = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(
        referer, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return referer if safe else ""


def _to_sign_in_again(request: HttpRequest, terms: Terms, reason: str = "") -> HttpResponse:
    """Send those whose password is of no use here to where they sign in otherwise."""
    is_get = request.method in {"GET", "HEAD", "OPTIONS"}
    if not is_get:
        reason = reason or _(
            "Nothing has been done yet. Please sign in again, and then send it once more."
        )
    if reason:
        messages.warning(request, reason, fail_silently=True)
    return _to_sign_in(request, terms, "" if is_get else _page_before(request))


def _to_sign_in(request: HttpRequest, terms: Terms, back_to: str = "") -> HttpResponse:
    """Answer as ``login_required`` does."""
    login_url = resolve_url(terms.login_url or settings.LOGIN_URL)
    here = request.build_absolute_uri()
    (scheme, host), (own_scheme, own_host) = urlsplit(login_url)[:2], urlsplit(here)[:2]
    if scheme in {"", own_scheme} and host in {"", own_host}:
        here = request.get_full_path()
    return never_cached(redirect_to_login(back_to or here, login_url, terms.redirect_field_name))


def never_cached(response: HttpResponse) -> HttpResponse:
    """Keep ``response`` out of every cache and return it."""
    add_never_cache_headers(response)
    return response
