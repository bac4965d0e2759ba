"""The forms of the pages, which extend Django's. The form for re-authentication is in ``signin``."""

from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from frontdesk.conf import options
from frontdesk.signin import passwords, throttle


class SignInForm(auth_forms.AuthenticationForm):
    """Django's form, with "Remember me" if ``FRONTDESK["REMEMBER_ME"]`` is on."""

    remember = forms.BooleanField(
        label=_("Remember me"),
        help_text=_(
            "Stay signed in when the browser is closed. Leave this off on a shared device."
        ),
        required=False,
    )

    def __init__(self, request: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        if not options().remember_me:
            del self.fields["remember"]
        if self.data.get(self.add_prefix("username")):
            # Shown again after a failure, with the name still there.
            self.fields["username"].widget.attrs.pop("autofocus", None)
            self.fields["password"].widget.attrs["autofocus"] = True

    def get_invalid_login_error(self) -> ValidationError:
        """Return Django's error, or if the network was refused, one that says so."""
        if throttle.retry_after(self.request) is None:
            return super().get_invalid_login_error()
        return ValidationError(
            _(
                "Too many sign-ins from your network have failed. Try again later, or on a device where you "
                "have signed in before."
            ),
            code="throttled",
        )


class PasswordChangeForm(auth_forms.PasswordChangeForm):
    """Django's form, which also asks about the other sessions and the API tokens (OWASP ASVS 7.4.3).

    They end if the field is absent, as in a form that a project wrote for Django's view.
    """

    other_sessions = forms.ChoiceField(
        label=_("Your other sessions"),
        choices=[
            ("end", _("Sign out everywhere else")),
            ("keep", _("Stay signed in on my other devices")),
        ],
        initial="end",
        required=False,
        widget=forms.RadioSelect,
        help_text=_("Sign out if another person may know your old password."),
    )
    keep_api_tokens = forms.BooleanField(
        label=_("Keep my API tokens"),
        help_text=_("Otherwise, programs that use them are refused from now on."),
        required=False,
    )

    @sensitive_variables()
    def clean_old_password(self) -> str:
        """Check the old password, of which only so many may be wrong as at a sign-in.

        Django may upgrade its hash then. Here, no session ends by that.
        """
        name = self.user.get_username()
        admitted = throttle.admit(name)
        try:
            with passwords.sessions_stay(self.user):
                password = super().clean_old_password()
            if not admitted:
                raise ValidationError(
                    self.error_messages["password_incorrect"], code="password_incorrect"
                )
        except ValidationError:
            throttle.password_failed({"username": name})
            raise
        return password
