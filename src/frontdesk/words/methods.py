"""How a user signed in, read from the values of the session: "password and one-time code"."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend, RemoteUserBackend
from django.utils.module_loading import import_string
from django.utils.translation import pgettext, pgettext_lazy

from frontdesk.words.lists import joined

ALLAUTH_KEY = "account_authentication_methods"
"""Where django-allauth records each step of a sign-in (``allauth.account.internal.flows.login``)."""

ALLAUTH_USER_KEY = "account_authentication_methods_user"
"""Where django-allauth records the user who took these steps. Older releases do not."""

OTP_KEY = "otp_device_id"
"""Where django-otp records the verified device of the user (``django_otp.DEVICE_ID_SESSION_KEY``)."""

IMPERSONATION_KEYS = ("hijack_history", "loginas_from_user", "impersonator")
"""Where django-hijack and django-loginas record which member of staff acts as the user.

A project that signs staff in as a user by its own code sets the last one, to any true value.
"""

KEYS = (
    SESSION_KEY,
    BACKEND_SESSION_KEY,
    ALLAUTH_KEY,
    ALLAUTH_USER_KEY,
    OTP_KEY,
    *IMPERSONATION_KEYS,
)
"""The keys of a session that :func:`methods_of` reads."""

IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,79}", re.ASCII)

WORDS = {
    "password": pgettext_lazy("Signed in with", "password"),
    "otp": pgettext_lazy("Signed in with", "one-time code"),
    "mfa": pgettext_lazy("Signed in with", "second factor"),
    "passkey": pgettext_lazy("Signed in with", "passkey"),
    "code": pgettext_lazy("Signed in with", "code by email or phone"),
    "socialaccount": pgettext_lazy("Signed in with", "account of another site"),
    "password_reset": pgettext_lazy("Signed in with", "password reset"),
    "impersonation": pgettext_lazy("Signed in with", "staff acting as the user"),
    "RemoteUserBackend": pgettext_lazy("Signed in with", "web server"),
}


def methods_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return how the user of a session signed in: each method once, in the order of use.

    ``values`` are the decoded values of a session, ``dict(request.session)``. The methods are stable
    identifiers for programs:

    - the methods that django-allauth recorded: ``"password"``, ``"socialaccount"``, ``"mfa"``,
      ``"code"``, ``"password_reset"``, and ``"passkey"`` for an ``"mfa"`` without a password;
    - without such records, ``"password"`` for a backend of ``AUTHENTICATION_BACKENDS`` that is a
      ``ModelBackend``. Any other backend is the last part of its dotted path. So is a
      ``RemoteUserBackend``: it inherits from ``ModelBackend``, but checks no password;
    - ``"otp"`` after them, if django-otp has verified a device.
    - only ``"impersonation"`` if a member of staff acts as the user.

    The tuple is empty if no user is signed in. Values in an unknown form are skipped. Raises only what
    importing a backend of the project raises.
    """
    backend = values.get(BACKEND_SESSION_KEY)
    if not isinstance(backend, str):
        return ()
    if is_impersonated(values):
        return ("impersonation",)
    methods = [*_allauth_methods(values)] or [*_backend_methods(backend)]
    device = values.get(OTP_KEY)
    if device and isinstance(device, str):
        methods.append("otp")
    return tuple(dict.fromkeys(methods))


def is_impersonated(values: Mapping[str, Any]) -> bool:
    """Return whether a member of staff acts as the user of a session with these decoded values.

    django-hijack empties its list when staff stop, so only a true value counts.
    """
    return any(values.get(key) for key in IMPERSONATION_KEYS)


def methods_in_words(methods: Iterable[str]) -> str:
    """Return methods in the active language, for example "password and one-time code".

    ``methods`` are identifiers from :func:`methods_of`. An identifier that has no words is shown itself.
    """
    words = [str(WORDS.get(method, method)) for method in methods]
    if len(words) < 2:
        return "".join(words)
    *others, last = words
    # Not Django's get_text_list, which puts spaces around "and". Not every language does.
    said = pgettext("Signed in with", "%(methods)s and %(last)s")
    return said % {"methods": joined(others), "last": last}


def _allauth_methods(values: Mapping[str, Any]) -> Iterator[str]:
    records = values.get(ALLAUTH_KEY)
    user_id = values.get(SESSION_KEY)
    if not isinstance(records, list | tuple) or values.get(ALLAUTH_USER_KEY, user_id) != user_id:
        return
    for record in records:
        method = record.get("method") if isinstance(record, Mapping) else None
        if isinstance(method, str) and IDENTIFIER.fullmatch(method):
            passwordless = record.get("passwordless") is True
            yield "passkey" if method == "mfa" and passwordless else method


def _backend_methods(path: str) -> Iterator[str]:
    name = path.rpartition(".")[2]
    if _checks_passwords(path):
        yield "password"
    elif IDENTIFIER.fullmatch(name):
        yield name


def _checks_passwords(path: str) -> bool:
    # A path in a session must not have anything imported that the project has not named.
    if path not in settings.AUTHENTICATION_BACKENDS:
        return False
    backend = import_string(path)
    if not isinstance(backend, type) or issubclass(backend, RemoteUserBackend):
        return False
    return issubclass(backend, ModelBackend)
