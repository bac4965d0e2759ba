"""Django's own sign-in views with the front desk's templates.

Each class changes where its template lives, that no cache may keep the page, and what its
docstring says. Forms, context names (``form``, ``next``, ``site_name``), signals
and settings are Django's, so a project subclasses or configures these views exactly as it
would the originals. Source:
https://docs.djangoproject.com/en/stable/topics/auth/default/#all-authentication-views

``never_cache`` wraps the inherited ``dispatch`` instead of overriding it: a ``dispatch``
of our own would lose what Django marks on its method, and ``LoginRequiredMiddleware``
would then send the sign-in page to the sign-in page.
"""

from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic.base import ContextMixin

from frontdesk import passwords, reentry, sessions
from frontdesk.errors import SessionLimitReached
from frontdesk.forms import PasswordChangeForm
from frontdesk.signals import Reason

__all__ = [
    "LoginView",
    "LogoutView",
    "PasswordChangeDoneView",
    "PasswordChangeView",
    "PasswordResetCompleteView",
    "PasswordResetConfirmView",
    "PasswordResetDoneView",
    "PasswordResetView",
]

# OWASP ASVS 14.3.2: what a signed-in person saw is not left behind in a browser's or a
# proxy's store, so the Back button shows nothing after signing out.
never_stored = method_decorator(never_cache, name="dispatch")


class SiteNameMixin(ContextMixin):
    """Give every page the site's name; Django does so for signing in and out only."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = get_current_site(self.request)
        return {"site": site, "site_name": site.name, **super().get_context_data(**kwargs)}


@never_stored
class LoginView(auth_views.LoginView):
    """Sign in and go on to ``next`` or ``LOGIN_REDIRECT_URL``.

    A sign-in that ``MAX_SESSIONS_PER_USER`` refuses is an error of the form.
    """

    template_name = "frontdesk/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except SessionLimitReached as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)


@never_stored
class LogoutView(auth_views.LogoutView):
    """Sign out by POST; a GET changes nothing and asks first.

    Django answers a GET with an empty 405. People do arrive that way, by typing the
    address or reloading the signed-out page, and find a page here: the question for
    those who are signed in, "you are signed out" for the others.
    """

    http_method_names = ["get", "head", "post", "options"]
    template_name = "frontdesk/logged_out.html"
    confirm_template_name = "frontdesk/logout.html"

    def get_template_names(self) -> list[str]:
        if self.request.user.is_authenticated:
            return [self.confirm_template_name]
        return super().get_template_names()


@never_stored
class PasswordChangeView(SiteNameMixin, auth_views.PasswordChangeView):
    """Change the password and stay signed in here; all other sessions end, unless the form says no.

    They end at once, with :attr:`Reason.PASSWORD_CHANGE`; in Django, each at its next request. A form
    without the field ``end_others`` ends them. Who acts as another user than the session's is refused.
    """

    form_class = PasswordChangeForm
    template_name = "frontdesk/password_change_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        if not reentry.is_own(self.request, form.user):
            form.add_error(None, reentry.not_own())
            return self.form_invalid(form)
        if form.cleaned_data.get("end_others", True):
            response = super().form_valid(form)
            sessions.end_others(self.request, reason=Reason.PASSWORD_CHANGE)
            return response
        with passwords.others_stay(self.request, form.user):
            return super().form_valid(form)


@never_stored
class PasswordChangeDoneView(SiteNameMixin, auth_views.PasswordChangeDoneView):
    """Confirm that the password is changed."""

    template_name = "frontdesk/password_change_done.html"


@never_stored
class PasswordResetView(SiteNameMixin, auth_views.PasswordResetView):
    """Send a reset link, with the same answer whether or not the account exists."""

    template_name = "frontdesk/password_reset_form.html"
    email_template_name = "frontdesk/password_reset_email.txt"
    subject_template_name = "frontdesk/password_reset_subject.txt"


@never_stored
class PasswordResetDoneView(SiteNameMixin, auth_views.PasswordResetDoneView):
    """Say where to look for the reset link."""

    template_name = "frontdesk/password_reset_done.html"


@never_stored
class PasswordResetConfirmView(SiteNameMixin, auth_views.PasswordResetConfirmView):
    """Set a new password through the link, and end all sessions of the user.

    Or say that the link no longer works.
    """

    template_name = "frontdesk/password_reset_confirm.html"

    def form_valid(self, form: Any) -> HttpResponse:
        # Before Django's, which may sign in (post_reset_login). Who signs in with the old password in
        # between is nobody once the new one is saved.
        sessions.end_all(form.user, reason=Reason.PASSWORD_CHANGE)
        return super().form_valid(form)


@never_stored
class PasswordResetCompleteView(SiteNameMixin, auth_views.PasswordResetCompleteView):
    """Confirm that the new password is set."""

    template_name = "frontdesk/password_reset_complete.html"
