"""How somebody signed in, as far as the session tells."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend, RemoteUserBackend
from django.utils.module_loading import import_string
from django.utils.text import get_text_list
from django.utils.translation import gettext, gettext_lazy

ALLAUTH_KEY = "account_authentication_methods"
"""Where django-allauth keeps a record of each step (``allauth.account.internal.flows.login``)."""

ALLAUTH_USER_KEY = "account_authentication_methods_user"
"""Whose steps these are, in the same place; older releases did not say."""

OTP_KEY = "otp_device_id"
"""Where django-otp keeps the device of a verified person (``django_otp.DEVICE_ID_SESSION_KEY``)."""

KEYS = (SESSION_KEY, BACKEND_SESSION_KEY, ALLAUTH_KEY, ALLAUTH_USER_KEY, OTP_KEY)
"""The keys of a session that :func:`methods_of` looks at."""

NAME = re.compile(r"[A-Za-z_]\w{0,79}", re.ASCII)

WORDS = {
    "password": gettext_lazy("password"),
    "otp": gettext_lazy("one-time code"),
    "mfa": gettext_lazy("second factor"),
    "passkey": gettext_lazy("passkey"),
    "code": gettext_lazy("code by e-mail or phone"),
    "socialaccount": gettext_lazy("account of another site"),
    "password_reset": gettext_lazy("password reset"),
    "RemoteUserBackend": gettext_lazy("web server"),
}


def methods_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return how the person of a session signed in, each method once, in the order of use.

    ``values`` are the decoded values of a session, ``dict(request.session)``. The methods are stable
    identifiers, for programs:

    - those that django-allauth recorded: ``"password"``, ``"socialaccount"``, ``"mfa"``, ``"code"``,
      ``"password_reset"``; ``"passkey"`` for its ``"mfa"`` that no password came before;
    - without such records, ``"password"`` for a backend of ``AUTHENTICATION_BACKENDS`` that is a
      ``ModelBackend``, and for others the last part of the backend's dotted path. A
      ``RemoteUserBackend`` is one of the others: it inherits from ``ModelBackend``, but believes the
      web server and sees no password;
    - ``"otp"`` after them, if django-otp has verified a device.

    Empty if nobody is signed in. What is not as these packages write it is passed over. Never raises,
    unless importing a backend of the project does.
    """
    backend = values.get(BACKEND_SESSION_KEY)
    if not isinstance(backend, str):
        return ()
    methods = [*_recorded(values)] or [*_of_backend(backend)]
    if _is_text(values.get(OTP_KEY)):
        methods.append("otp")
    return tuple(dict.fromkeys(methods))


def methods_in_words(methods: Iterable[str]) -> str:
    """Return methods in the active language, for example "password and one-time code".

    ``methods`` are identifiers as :func:`methods_of` returns them; one that has no words is shown as it
    is. Empty for none.
    """
    return get_text_list([str(WORDS.get(method, method)) for method in methods], gettext("and"))


def _recorded(values: Mapping[str, Any]) -> Iterator[str]:
    """Return what django-allauth recorded, for the person who is signed in."""
    records = values.get(ALLAUTH_KEY)
    if not isinstance(records, list | tuple):
        return
    if ALLAUTH_USER_KEY in values and values[ALLAUTH_USER_KEY] != values.get(SESSION_KEY):
        return
    for record in records:
        method = record.get("method") if isinstance(record, Mapping) else None
        if isinstance(method, str) and NAME.fullmatch(method):
            yield "passkey" if method == "mfa" and record.get("passwordless") is True else method


def _of_backend(path: str) -> Iterator[str]:
    name = path.rpartition(".")[2]
    if _checks_passwords(path):
        yield "password"
    elif NAME.fullmatch(name):
        yield name


def _checks_passwords(path: str) -> bool:
    """Return whether a backend is Django's. Only the project decides what is imported, not a session."""
    if path not in settings.AUTHENTICATION_BACKENDS:
        return False
    backend = import_string(path)
    return (
        isinstance(backend, type)
        and issubclass(backend, ModelBackend)
        and not issubclass(backend, RemoteUserBackend)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
