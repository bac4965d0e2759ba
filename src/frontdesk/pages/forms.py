"""The forms of the front desk's pages; for signing in and for a reset, Django's own are used."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables


class ReauthenticationForm(forms.Form):
    """Asks somebody who is signed in for their password.

    It is checked by ``django.contrib.auth.authenticate()``, so that each backend, those that slow down
    guessing included, and the signal ``user_login_failed`` see it as they see a sign-in.
    """

    prefix = "reauthenticate"  # the field must not be one of the form that was interrupted

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    error_messages = {
        "refused": _("This password was not accepted. Please enter it again."),
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
        return password


class PasswordChangeForm(auth_forms.PasswordChangeForm):
    """Django's form, which also asks what is to become of the other sessions (OWASP ASVS 7.4.3)."""

    end_others = forms.BooleanField(
        label=_("Sign out everywhere else"),
        help_text=_("Leave this on if somebody may know your old password."),
        required=False,
        initial=True,
        widget=forms.CheckboxInput(attrs={"autocomplete": "off"}),
    )
