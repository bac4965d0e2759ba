"""Django's own authentication views, with templates of this library.

Forms, names in the context (``form``, ``next``, ``site_name``), signals and settings are Django's, so a
project subclasses and configures these views as it would the originals. Source:
https://docs.djangoproject.com/en/stable/topics/auth/default/#all-authentication-views
"""

from typing import Any, Final

from django.contrib.auth import views as auth_views
from django.http import HttpResponse, HttpResponseRedirect

from frontdesk import api_tokens
from frontdesk.errors import SessionLimitReached
from frontdesk.pages.base import SiteNameMixin, never_stored
from frontdesk.pages.forms import PasswordChangeForm, SignInForm
from frontdesk.pages.sessions import is_listed
from frontdesk.signin import passwords, reauth, throttle
from frontdesk.signin.login import sign_in

MAKE_ROOM: Final = "make_room"
"""The name of the button that ends the least recently used session in order to sign in."""


@never_stored
class LoginView(auth_views.LoginView):
    """Sign in, and redirect to ``next`` or ``LOGIN_REDIRECT_URL``.

    With ``AT_MAX_SESSIONS = "refuse"``, a user with too many sessions is shown which one would have to end,
    ``would_end`` in the context, and can end it and sign in with one button.

    After a wrong password, ``may_be_refused`` says whether the throttle counts. It never says whether it
    refused, because that would tell whether a guess was right.
    """

    form_class = SignInForm
    template_name = "frontdesk/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return sign_in(
                self.request,
                lambda: super(LoginView, self).form_valid(form),
                make_room=MAKE_ROOM in self.request.POST,
                remember=bool(form.cleaned_data.get("remember")),
            )
        except SessionLimitReached as refusal:
            form.add_error(None, str(refusal))
            context = self.get_context_data(form=form, would_end=refusal.would_end)
            return self.render_to_response(context)

    def form_invalid(self, form: Any) -> HttpResponse:
        seconds = throttle.retry_after(self.request)
        may_be_refused = seconds is None and throttle.has_counted(self.request)
        context = self.get_context_data(form=form, may_be_refused=may_be_refused)
        response = self.render_to_response(context)
        if seconds is not None:
            response.status_code = 429  # RFC 6585 section 4
            response.headers["Retry-After"] = str(seconds)
        return response


@never_stored
class LogoutView(auth_views.LogoutView):
    """Sign out by POST. A GET changes nothing.

    Django answers a GET with an empty 405. Users make one by typing the address or reloading the page, so
    it shows a page here: a question if they are signed in, and that they are signed out otherwise.
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
    """Change the password, stay signed in here, and end all other sessions and the API tokens of the user.

    They end at once, with the reason ``PASSWORD_CHANGE``. In Django, each session ends at its next request.
    They stay only if the form says so: ``other_sessions`` is "keep", ``keep_api_tokens`` is on. A user who is
    not the session's is refused.
    """

    form_class = PasswordChangeForm
    template_name = "frontdesk/password_change_form.html"

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        if not is_listed(self.request):
            form.fields.pop("other_sessions", None)  # Django's engines can only end them
        if "keep_api_tokens" in form.fields and not api_tokens.for_user(form.user):
            del form.fields["keep_api_tokens"]
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        if not reauth.is_own(self.request, form.user):
            form.add_error(None, reauth.not_own())
            return self.form_invalid(form)
        with passwords.own_change(
            self.request,
            form.user,
            keep_others=form.cleaned_data.get("other_sessions") == "keep",
            keep_api_tokens=bool(form.cleaned_data.get("keep_api_tokens")),
        ):
            return super().form_valid(form)


@never_stored
class PasswordChangeDoneView(SiteNameMixin, auth_views.PasswordChangeDoneView):
    """Say that the password has been changed."""

    template_name = "frontdesk/password_change_done.html"


@never_stored
class PasswordResetView(SiteNameMixin, auth_views.PasswordResetView):
    """Send a link to set a new password, unless too many were asked for.

    The response does not tell whether there is an account, or whether a mail was sent.
    """

    template_name = "frontdesk/password_reset_form.html"
    email_template_name = "frontdesk/password_reset_email.txt"
    subject_template_name = "frontdesk/password_reset_subject.txt"

    def form_valid(self, form: Any) -> HttpResponse:
        if throttle.may_send_reset(self.request, form.cleaned_data["email"]):
            return super().form_valid(form)
        return HttpResponseRedirect(self.get_success_url())


@never_stored
class PasswordResetDoneView(SiteNameMixin, auth_views.PasswordResetDoneView):
    """Say that the link is on its way."""

    template_name = "frontdesk/password_reset_done.html"


@never_stored
class PasswordResetConfirmView(SiteNameMixin, auth_views.PasswordResetConfirmView):
    """Set a new password by the link from the mail, and end all sessions and API tokens of the user."""

    template_name = "frontdesk/password_reset_confirm.html"

    def form_valid(self, form: Any) -> HttpResponse:
        # So the user can sign in here, even while strangers use up the attempts.
        throttle.know_device(self.request, form.user)
        with passwords.reset(form.user):
            return super().form_valid(form)


@never_stored
class PasswordResetCompleteView(SiteNameMixin, auth_views.PasswordResetCompleteView):
    """Say that the new password is set."""

    template_name = "frontdesk/password_reset_complete.html"
