"""How a user signed in: what the packages recorded, and no more."""

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.words.methods import KEYS, methods_in_words, methods_of

DJANGO = "django.contrib.auth.backends.ModelBackend"
REMOTE = "django.contrib.auth.backends.RemoteUserBackend"
PASSWORD, SOCIAL = {"method": "password", "at": 1.5}, {"method": "socialaccount", "provider": "x"}
TOTP, CODE = {"method": "mfa", "type": "totp"}, {"method": "code", "email": "a@example.com"}
PASSKEY = {"method": "mfa", "type": "webauthn", "passwordless": True}


class OwnBackend(ModelBackend):
    """A backend of the project that checks passwords."""


class CardBackend(BaseBackend):
    """A backend of the project that does not."""


OWN, CARD = f"{__name__}.OwnBackend", f"{__name__}.CardBackend"


def session(backend=DJANGO, **values):
    return {SESSION_KEY: "7", BACKEND_SESSION_KEY: backend, **values}


def allauth(*records, user="7"):
    return session(
        account_authentication_methods=[*records], account_authentication_methods_user=user
    )


@pytest.mark.parametrize(
    ("backend", "methods"),
    [
        (DJANGO, ("password",)),
        (OWN, ("password",)),
        (CARD, ("CardBackend",)),
        (REMOTE, ("RemoteUserBackend",)),
        ("no.such.module.Backend", ("Backend",)),
        *[(bad, ()) for bad in ("", ".", "a.<b>", "a.b c", "x" * 81, None, 5, ["a"])],
    ],
    ids=repr,
)
def test_only_a_backend_that_checks_passwords_is_password(settings, backend, methods):
    settings.AUTHENTICATION_BACKENDS = [DJANGO, OWN, CARD, REMOTE]
    assert methods_of(session(backend)) == methods


def test_a_session_cannot_import_a_backend():
    assert methods_of(session(OWN)) == ("OwnBackend",)


@pytest.mark.parametrize("values", [{}, {"account_authentication_methods": [PASSWORD]}], ids=repr)
def test_an_anonymous_session_has_no_methods(values):
    """django-allauth records the password before it asks for the code."""
    assert methods_of(values) == ()


@pytest.mark.parametrize(
    ("device", "methods"),
    [
        ("otp_totp.totpdevice/3", ("password", "otp")),
        *[(bad, ("password",)) for bad in (None, "", 3, [], {})],
    ],
)
def test_a_verified_device_is_a_one_time_code(device, methods):
    assert methods_of(session(otp_device_id=device)) == methods


@pytest.mark.parametrize(
    ("records", "methods"),
    [
        ([PASSWORD], ("password",)),
        ([SOCIAL], ("socialaccount",)),
        ([CODE], ("code",)),
        ([PASSWORD, TOTP], ("password", "mfa")),
        ([PASSKEY], ("passkey",)),
        ([SOCIAL, PASSWORD], ("socialaccount", "password")),
        ([PASSWORD, TOTP, {**PASSWORD, "reauthenticated": True}, TOTP], ("password", "mfa")),
    ],
)
def test_steps_of_allauth_keep_their_order_and_count_once(records, methods):
    assert methods_of(allauth(*records)) == methods


def test_steps_of_another_user_do_not_count():
    assert methods_of(allauth(SOCIAL, user="8")) == ("password",)


def test_steps_of_an_older_allauth_count():
    assert methods_of(session(account_authentication_methods=[SOCIAL])) == ("socialaccount",)


def test_steps_of_allauth_and_otp_add_up():
    assert methods_of({**allauth(SOCIAL), "otp_device_id": "x/1"}) == ("socialaccount", "otp")


GARBAGE = [None, "password", 5, {}, [None], [[]], ["mfa"], [{"method": 5}], [{"method": "<b>"}]]


@pytest.mark.parametrize("records", GARBAGE, ids=repr)
def test_an_unknown_form_of_steps_is_skipped(records):
    assert methods_of(session(account_authentication_methods=records)) == ("password",)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.just("method"), inner) | st.tuples(inner)
    ),
    max_leaves=8,
)
RECORDS = st.lists(st.fixed_dictionaries({"method": VALUES}))


@given(st.dictionaries(st.sampled_from(KEYS), VALUES | RECORDS))
def test_any_values_give_identifiers(values):
    methods = methods_of(values)
    assert len(set(methods)) == len(methods)
    assert all(method.isidentifier() and method.isascii() for method in methods)


@pytest.mark.parametrize(
    ("methods", "english", "german"),
    [
        ((), "", ""),
        (("password",), "password", "Passwort"),
        (("A", "B"), "A and B", "A und B"),
        (
            ("socialaccount", "password", "CardBackend"),
            "account of another site, password and CardBackend",
            "Konto einer anderen Website, Passwort und CardBackend",
        ),
    ],
)
def test_methods_are_words_in_the_active_language(methods, english, german):
    for language, words in (("en", english), ("de", german)):
        with translation.override(language):
            assert methods_in_words(methods) == words


def test_the_word_for_and_stands_as_its_language_writes_it():
    methods = ("password", "otp", "passkey")
    with translation.override("he"):
        assert methods_in_words(methods) == "סיסמה, קוד חד-פעמי ומפתח גישה"
    with translation.override("ja"):
        assert methods_in_words(methods[:2]) == "パスワードとワンタイムコード"
