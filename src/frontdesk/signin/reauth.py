"""Re-authentication: a sensitive view runs only shortly after its user has proved the password.

Sources: OWASP ASVS 7.5.1 and 7.5.2, NIST SP 800-63B-4 section 5.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, REDIRECT_FIELD_NAME, authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from frontdesk.conf import options
from frontdesk.core import clock, policy
from frontdesk.core.flow import Flow, blocking, run
from frontdesk.http.changes import user_in
from frontdesk.http.session import SessionStore
from frontdesk.signals import user_reauthenticated
from frontdesk.signin import interrupted_post
from frontdesk.signin.interrupted_post import InterruptedPost, interrupted_post_of
from frontdesk.signin.passwords import keep_after_upgrade
from frontdesk.storages.rows import user_id_of
from frontdesk.tokens.info import TokenInfo

TEMPLATE: Final = "frontdesk/reauthenticate.html"
URL_NAME: Final = "reauthenticate"

SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}

PROVED_KEY: Final = "_frontdesk_proved"
"""Where a session of another engine, on the way back to Django, notes when the password was proved.

Such a session does not know when its user signed in, so the password is asked for once more.
"""

POSTED: Final = "sensitive_post_parameters"
"""The attribute of a request that Django's decorator of this name sets."""

Action = str | Callable[[HttpRequest], str]
"""What the password is asked for, after "Enter your password to": "sign out Firefox on Android"."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When a view runs, and what other requests are told. Raises ``ValueError`` if no age would do."""

    max_age: timedelta | None = None
    login_url: str | None = None
    redirect_field_name: str = REDIRECT_FIELD_NAME
    action: Action = ""

    def __post_init__(self) -> None:
        if self.max_age is not None and self.max_age <= timedelta(0):
            raise ValueError(f"max_age should be a positive timedelta, not {self.max_age!r}.")

    @property
    def age(self) -> int:
        """How old the sign-in may be, in microseconds."""
        if self.max_age is None:
            return options().reauth_age
        return clock.from_timedelta(self.max_age)

    def action_of(self, request: HttpRequest) -> str:
        """Return the action in words, empty if the view has not said."""
        return str(self.action(request) if callable(self.action) else self.action)


class ReauthenticationForm(forms.Form):
    """Asks a user who is signed in for the password.

    ``django.contrib.auth.authenticate()`` checks it. So every backend, also one that slows down guessing,
    and the signal ``user_login_failed`` see it as they see a sign-in.
    """

    prefix: str = interrupted_post.PREFIX

    password: forms.CharField = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    error_messages: dict[str, Any] = {
        "refused": gettext_lazy("This password was not accepted. Please enter it again."),
    }

    def __init__(
        self, request: HttpRequest, user: AbstractBaseUser, *args: Any, **kwargs: Any
    ) -> None:
        self.request = request
        self.user = user
        super().__init__(*args, **kwargs)

    @sensitive_variables()
    def clean_password(self) -> str:
        """Return the password. Raises ``ValidationError`` unless it is that of this very user."""
        password: str = self.cleaned_data["password"]
        found = authenticate(self.request, username=self.user.get_username(), password=password)
        if found is None or found.pk != self.user.pk:
            raise forms.ValidationError(self.error_messages["refused"], code="refused")
        keep_after_upgrade(self.user, found, password)
        return password


def checked(request: HttpRequest, user: Any, terms: Terms) -> Flow[HttpResponse | None]:
    """Return the response to send instead of the view's; ``None`` if the view may run.

    In the latter case ``request.POST`` has what the view's own form sent, without the password.
    """
    # Error reports show nothing of what was posted until the view runs, which decides for itself.
    before = vars(request).get(POSTED)
    setattr(request, POSTED, "__ALL__")
    if not user.is_authenticated:
        return _to_sign_in(request, terms)
    if not (yield from _is_recent(request, user, terms)):
        response: HttpResponse | None = yield blocking(_ask_for_password, request, user, terms)
        if response is not None:
            return response
    interrupted_post.drop_own_fields(request)
    if before is None:
        delattr(request, POSTED)
    else:
        setattr(request, POSTED, before)
    return None


def renew(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Note that ``user`` has just proved the password, and send the signal.

    The session becomes one with the hash that ``user`` has now, as at a sign-in. Raises
    ``PermissionDenied`` if it is another user's.
    """
    if not is_own(request, user):
        raise PermissionDenied(f"The session of this request is not that of {user!r}.")
    session, current = request.session, user.get_session_auth_hash()
    if session.get(HASH_SESSION_KEY) != current:
        session[HASH_SESSION_KEY] = current
    if isinstance(session, SessionStore):
        session.renew_sign_in()
    else:
        session[PROVED_KEY] = clock.now()
        session.cycle_key()
    user_reauthenticated.send(sender=user.__class__, request=request, user=user)


def is_recent(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether ``user`` has signed in, or proved the password, within ``FRONTDESK["REAUTH_AGE"]``.

    Never for a user who is not the session's own, see :func:`is_own`.
    """
    return run(_is_recent(request, user, Terms()))


def is_own(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Return whether ``user`` is the one who is signed in with the session of ``request``.

    A middleware of the project may have put another user into ``request.user``: one as whom staff act, or
    one who came with a token. A user who came with an API token is never the one who signed in, even if the
    client sends the cookie of the same user as well.
    """
    return run(_is_own(request, user))


def _is_own(request: HttpRequest, user: AbstractBaseUser) -> Flow[bool]:
    if isinstance(getattr(request, "auth", None), TokenInfo):
        return False
    session: Any = request.session
    dictionary = (yield from session.open()) if isinstance(session, SessionStore) else session
    return user.pk is not None and user_in(dictionary) == user_id_of(user)


def not_own() -> str:
    """Return what to tell staff who act as a different user from the one whose session it is."""
    return _(
        "Nothing has been done: you are acting as a different user from the one who signed in here. "
        "Sign in as that user first."
    )


def _is_recent(request: HttpRequest, user: AbstractBaseUser, terms: Terms) -> Flow[bool]:
    # The sign-in of the session says nothing about a user who came in another way.
    if not (yield from _is_own(request, user)):
        return False
    session = request.session
    if not isinstance(session, SessionStore):
        return bool(abs(clock.now() - session.get(PROVED_KEY, 0)) < terms.age)
    if session.signing_in:
        return True
    record = session.record
    return (
        record is not None
        and record.user_id == user_id_of(user)
        and policy.is_recent(record, terms.age, clock.now())
    )


@sensitive_variables()
def _ask_for_password(
    request: HttpRequest, user: AbstractBaseUser, terms: Terms
) -> HttpResponse | None:
    if not is_own(request, user):
        return _to_sign_in_again(request, terms, not_own())
    if not user.has_usable_password():
        return _to_sign_in_again(request, terms)
    if request.method in SAFE_METHODS:
        here, page = request.get_full_path(), resolve_url(URL_NAME)
        return _never_cached(redirect_to_login(here, page, REDIRECT_FIELD_NAME))
    post = interrupted_post_of(request)
    entered = post is not None and interrupted_post.PASSWORD_FIELD in request.POST
    form = ReauthenticationForm(request, user, request.POST if entered else None)
    if entered and form.is_valid():
        renew(request, user)
        return None
    return _form_in_place(request, form, post, terms)


@sensitive_variables()
def _form_in_place(
    request: HttpRequest,
    form: ReauthenticationForm,
    post: InterruptedPost | None,
    terms: Terms,
) -> HttpResponse:
    """Answer a request with the form, which also sends what came if it can.

    With the status 403, so that no program takes it for success.
    """
    site = get_current_site(request)
    page_before = _page_before(request)
    context = {
        "form": form,
        "action": terms.action_of(request),
        "cancel_url": page_before or resolve_url(settings.LOGIN_REDIRECT_URL),
        "carried": post,
        "interrupted": True,
        "next": "" if post else page_before,
        "page_before": page_before if post else "",
        "page_before_field": interrupted_post.PAGE_BEFORE_FIELD,
        "username_field": interrupted_post.USERNAME_FIELD,
        "site": site,
        "site_name": site.name,
    }
    return _never_cached(render(request, TEMPLATE, context, status=403))


def _page_before(request: HttpRequest) -> str:
    """Return the address of the page from which the request was made, if it is one of this site.

    The password form has it in a field.
    """
    if request.method == "POST" and interrupted_post.PASSWORD_FIELD in request.POST:
        address = request.POST.get(interrupted_post.PAGE_BEFORE_FIELD, "")
    else:
        address = request.headers.get("Referer", "")
    safe = len(address) <= interrupted_post.MAX_ADDRESS and url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if safe else ""


def _to_sign_in_again(request: HttpRequest, terms: Terms, reason: str = "") -> HttpResponse:
    """Redirect a user whose password would prove nothing here to the sign-in page."""
    is_safe = request.method in SAFE_METHODS
    if not is_safe and not reason:
        reason = _("Nothing has been done yet. Please sign in again, and then send it once more.")
    if reason:
        messages.warning(request, reason, fail_silently=True)
    return _to_sign_in(request, terms, "" if is_safe else _page_before(request))


def _to_sign_in(request: HttpRequest, terms: Terms, back_to: str = "") -> HttpResponse:
    """Answer as ``login_required`` does."""
    login_url = resolve_url(terms.login_url or settings.LOGIN_URL)
    here = request.build_absolute_uri()
    (scheme, host), (own_scheme, own_host) = urlsplit(login_url)[:2], urlsplit(here)[:2]
    if scheme in {"", own_scheme} and host in {"", own_host}:
        here = request.get_full_path()
    return _never_cached(redirect_to_login(back_to or here, login_url, terms.redirect_field_name))


def _never_cached(response: HttpResponse) -> HttpResponse:
    """Keep ``response`` out of every cache and return it."""
    add_never_cache_headers(response)
    return response
