"""Django's own sign-in views with the front desk's templates.

Each class changes two things and nothing else: where its template lives, and that no
cache may keep the page. Forms, context names (``form``, ``next``, ``site_name``), signals
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
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic.base import ContextMixin

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
    """Sign in and go on to ``next`` or ``LOGIN_REDIRECT_URL``."""

    template_name = "frontdesk/login.html"


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
    """Change the password and stay signed in here; all other sessions end."""

    template_name = "frontdesk/password_change_form.html"


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
    """Set a new password through the link, or say that the link no longer works."""

    template_name = "frontdesk/password_reset_confirm.html"


@never_stored
class PasswordResetCompleteView(SiteNameMixin, auth_views.PasswordResetCompleteView):
    """Confirm that the new password is set."""

    template_name = "frontdesk/password_reset_complete.html"
