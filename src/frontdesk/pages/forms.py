"""The forms of the pages, which extend Django's. The form for re-authentication is in ``signin``."""

from datetime import timedelta
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from frontdesk import api_tokens, sessions
from frontdesk.api_tokens import TokenInfo
from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.core.credentials import Credential
from frontdesk.errors import ApiTokenLimitReached
from frontdesk.http.session import SessionStore
from frontdesk.signin import passwords, throttle
from frontdesk.tokens import rows
from frontdesk.words.devices import printable


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
        # A client can hold back the end of a form, after the user was read. If the password has been changed
        # since, the one from before must not change it again.
        self.user.refresh_from_db(fields=["password"])
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


AGES: Final = tuple(days * clock.DAY for days in (7, 30, 90, 180, 365))
"""How long a new API token may last, to choose from, besides what the settings say."""


class ApiTokenForm(forms.Form):
    """Creates an API token of ``user``: a name, what it may do, and for how long."""

    name = forms.CharField(
        label=_("Name"),
        max_length=api_tokens.NAME_LENGTH,
        help_text=_("What will use it, such as a program or a server."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Permissions"),
        widget=forms.CheckboxSelectMultiple,
    )
    age = forms.TypedChoiceField(
        label=_("Lifetime"),
        coerce=int,
        help_text=_("After that, programs that use it are refused."),
    )

    error_messages = {
        "limit": _("This is the maximum number of API tokens. Revoke one to create another."),
    }

    def __init__(self, user: AbstractBaseUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        scopes: Any = self.fields["scopes"]
        scopes.choices = list(options().api_scopes.items())
        age: Any = self.fields["age"]
        usual, longest = options().api_token_age, options().api_token_max_age
        ages = {each for each in (*AGES, usual, longest) if each <= longest}
        age.choices = [(each // clock.SECOND, _age_in_words(each)) for each in sorted(ages)]
        age.initial = min(usual, longest) // clock.SECOND

    def clean_name(self) -> str:
        """Return the name without what cannot be printed. Raises ``ValidationError`` if nothing is left."""
        name: str = printable(self.cleaned_data["name"]).strip()
        if not name:
            raise forms.ValidationError(self.fields["name"].error_messages["required"], "required")
        return name

    def save(self, request: HttpRequest) -> tuple[TokenInfo, Credential] | None:
        """Create the token, and return it and its text. ``None``, with an error in the form, at the limit.

        If the session of ``request`` has ended meanwhile, the token ends at once.
        """
        fields = self.cleaned_data
        age = timedelta(seconds=fields["age"])
        try:
            created = api_tokens.create(self.user, fields["name"], fields["scopes"], age)
        except ApiTokenLimitReached:
            self.add_error(None, forms.ValidationError(self.error_messages["limit"], "limit"))
            return None
        # A client can hold back the end of a form, until its session has ended. What ends sessions and then
        # tokens, such as a new password, either finds this token or has ended the session before this look.
        transaction.on_commit(partial(_end_without_session, request, created[0]), rows.alias())
        return created


def _end_without_session(request: HttpRequest, token: TokenInfo) -> None:
    session = request.session
    if isinstance(session, SessionStore) and not sessions.is_live(session.session_id):
        api_tokens.end(token.user, token.id)


def _age_in_words(age: int) -> str:
    """Return ``age`` in one unit, in words that Django also has for ``timesince``."""
    if age < 120 * clock.MINUTE:
        minutes = max(1, age // clock.MINUTE)
        return ngettext("%(num)d minute", "%(num)d minutes", minutes) % {"num": minutes}
    if age < 2 * clock.DAY:
        hours = age // (60 * clock.MINUTE)
        return ngettext("%(num)d hour", "%(num)d hours", hours) % {"num": hours}
    days = age // clock.DAY
    return ngettext("%(num)d day", "%(num)d days", days) % {"num": days}
