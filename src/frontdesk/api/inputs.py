"""Input from JSON, checked by the forms of the pages."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from django import forms
from django.conf import settings
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.views import PasswordResetConfirmView
from django.core import validators
from django.http import HttpRequest, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from frontdesk.api.problems import Problem
from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.http.transport import may_use_header
from frontdesk.pages.forms import ApiTokenForm, PasswordChangeForm, SignInForm
from frontdesk.pages.sessions import is_listed
from frontdesk.signin import throttle
from frontdesk.signin.reauth import ReauthenticationForm

if TYPE_CHECKING:
    SetPasswordForm = auth_forms.SetPasswordForm[Any]
else:
    SetPasswordForm = auth_forms.SetPasswordForm  # it cannot be subscripted

MAX_BODY: Final = 64 * 1024
"""Bytes. Less with a smaller ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""

MAX_FAULTS: Final = 20
"""How many fields an error names that no form knows, or that have a wrong type."""

FAULTS: Final = {
    "unknown_field": "There is no such field.",
    "wrong_type": "The value has the wrong type.",
    "empty": "Give a value, or leave the field out.",
    "invalid_text": "The text has half of a surrogate pair.",
}

# The fields of these forms are the fields of the JSON objects.


class SignIn(SignInForm):
    """Signs in."""

    make_room = forms.BooleanField(
        required=False,
        help_text="End the least recently used session if the user has as many as are allowed.",
    )
    carrier = forms.ChoiceField(
        choices=[("cookie", "cookie"), ("header", "header")],
        required=False,
        help_text='How the key of the session travels. With "header", the answer has the key, once.',
    )

    def __init__(self, request: HttpRequest, data: Any) -> None:
        super().__init__(request, data)
        self.is_for_program = data.get("carrier") == "header"
        if self.is_for_program and not may_use_header(request):
            raise Problem("carrier_refused")


class Reauthenticate(ReauthenticationForm):
    """Proves the password again."""

    def __init__(self, request: HttpRequest, data: Any) -> None:
        user: Any = request.user
        if not user.has_usable_password():
            raise Problem("no_password")
        super().__init__(request, user, data, prefix="")


class ChangePassword(PasswordChangeForm):
    """Changes the password."""

    def __init__(self, request: HttpRequest, data: Any) -> None:
        super().__init__(request.user, data)  # type: ignore[arg-type]
        if not is_listed(request):
            del self.fields["other_sessions"]  # as on the page: Django's engines can only end them


class ResetPassword(auth_forms.PasswordResetForm):
    """Asks for a link by mail."""

    def __init__(self, request: HttpRequest, data: Any) -> None:
        super().__init__(data)


class SetPassword(SetPasswordForm):
    """Sets a new password by the link of such a mail."""

    uid = forms.CharField(help_text="The first part of the link: who it is for.")
    token = forms.CharField(help_text="The second part of the link.")

    error_messages = {
        **auth_forms.SetPasswordForm.error_messages,
        "invalid_link": _("This link no longer works"),
    }

    def __init__(self, request: HttpRequest, data: Any) -> None:
        super().__init__(None, data)

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Find the user of the link, and check the password. Raises ``ValidationError``."""
        page = PasswordResetConfirmView()
        self.user = page.get_user(self.cleaned_data.get("uid", ""))
        token = self.cleaned_data.get("token")
        if self.user is None or not page.token_generator.check_token(self.user, token):
            raise forms.ValidationError(self.error_messages["invalid_link"], code="invalid_link")
        return super().clean() or {}


class CreateToken(ApiTokenForm):
    """Creates an API token, which may last for any number of seconds up to the longest."""

    age = forms.IntegerField(  # type: ignore[assignment]
        min_value=1,
        required=False,
        help_text="Seconds, up to API_TOKEN_MAX_AGE; API_TOKEN_AGE if not given.",
    )

    def __init__(self, request: HttpRequest, data: Any) -> None:
        if not options().api_scopes:
            raise Problem("not_found", "The setting API_SCOPES declares no scopes.")
        super().__init__(request.user, data)  # type: ignore[arg-type]

    def clean_age(self) -> int:
        """Return the age in seconds. Raises ``ValidationError`` if it is longer than is allowed."""
        longest = options().api_token_max_age // clock.SECOND
        age: int = self.cleaned_data["age"] or min(options().api_token_age // clock.SECOND, longest)
        validators.MaxValueValidator(longest)(age)
        return age


class Page(forms.Form):
    """Chooses a page of a list."""

    page = forms.IntegerField(min_value=1, max_value=10_000, required=False, help_text="From 1.")


class Limit(forms.Form):
    """Limits a list."""

    limit = forms.IntegerField(
        min_value=1, max_value=200, required=False, help_text="How many entries; 50 if not given."
    )


class Current(forms.Form):
    """Asks whether the session of the request ends, too."""

    current = forms.ChoiceField(
        choices=[("0", "no"), ("1", "yes")],
        required=False,
        help_text="1 to end the session of this request, too.",
    )


@sensitive_variables()
def form_of(request: HttpRequest, form_class: Any, data: Mapping[str, Any]) -> Any:
    """Return a valid form with ``data``, the JSON that ``request`` sent. Raises :exc:`Problem`."""
    form = form_class(request, data)
    _refuse_faults({name: _fault(value, form.fields.get(name)) for name, value in data.items()})
    if form.is_valid():
        return form
    errors, seconds = form.errors.get_json_data(), throttle.retry_after(request)
    if seconds is None:
        raise Problem("invalid_input", errors=errors)
    raise Problem("too_many_attempts", headers={"Retry-After": str(seconds)}, errors=errors)


def query_of(request: HttpRequest, form_class: type[forms.Form]) -> dict[str, Any]:
    """Return the parameters of the query string. Raises :exc:`Problem`."""
    form = form_class(request.GET)
    _refuse_faults({name: "empty" for name in form.fields if request.GET.get(name) == ""})
    if not form.is_valid():
        raise Problem("invalid_input", errors=form.errors.get_json_data())
    return dict(form.cleaned_data)


def require_json(request: HttpRequest) -> None:
    """Raise :exc:`Problem` unless the body is said to be JSON."""
    if request.content_type != "application/json":
        raise Problem("unsupported_media_type", headers={"Accept": "application/json"})


@sensitive_variables()
def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the object in the body, of which no more is read than is allowed. Raises :exc:`Problem`.

    It is not kept on the request, where error reports would find it.
    """
    limit = MAX_BODY
    if settings.DATA_UPLOAD_MAX_MEMORY_SIZE is not None:
        limit = min(limit, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    try:
        body = request.read(limit + 1)
        if len(body) > limit:
            raise Problem("body_too_large")
        data = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError, UnreadablePostError):
        raise Problem("invalid_json") from None
    if not isinstance(data, dict):
        raise Problem("invalid_json")
    return data


def _refuse_faults(codes: dict[str, str]) -> None:
    found = [(name, code) for name, code in codes.items() if code][:MAX_FAULTS]
    if found:
        errors = {name: [{"message": FAULTS[code], "code": code}] for name, code in found}
        raise Problem("invalid_input", errors=errors)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON.")


def _fault(value: Any, field: forms.Field | None) -> str:
    """Return the code of what is wrong with a value, before its form looks at it; empty for nothing."""
    if field is None:
        return "unknown_field"
    parts = value if isinstance(field, forms.MultipleChoiceField) else [value]
    wanted = _type_for(field)
    # True is an int for Python, and not for JSON.
    if not isinstance(parts, list) or any(type(part) is not wanted for part in parts):
        return "wrong_type"
    if value == "" and not field.required:
        return "empty"  # which forms take for absent
    try:
        "".join(map(str, parts)).encode()
    except UnicodeEncodeError:
        return "invalid_text"
    return ""


def _type_for(field: forms.Field) -> type[Any]:
    """Return the type of a value; of a field with several choices, that of each."""
    if isinstance(field, forms.BooleanField):
        return bool
    return int if isinstance(field, forms.IntegerField) else str
