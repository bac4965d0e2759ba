"""The forms of the pages, which extend Django's. The form for re-authentication is in ``signin``."""

from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.utils.translation import gettext_lazy as _

from frontdesk.conf import options


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


class PasswordChangeForm(auth_forms.PasswordChangeForm):
    """Django's form, which also asks about the other sessions (OWASP ASVS 7.4.3).

    A form that leaves the field out, such as one that a project wrote for Django's view, ends them.
    """

    keep_others = forms.BooleanField(
        label=_("Keep my other sessions signed in"),
        help_text=_(
            "Otherwise you are signed out everywhere else. Leave this off if another person may know your "
            "old password."
        ),
        required=False,
    )
