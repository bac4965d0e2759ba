"""How somebody signed in: what the packages recorded, and nothing that a session made up."""

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.methods import methods_in_words, methods_of

DJANGO = "django.contrib.auth.backends.ModelBackend"
HERE = "tests.people.test_methods"


class Own(ModelBackend):
    """A project's own way to look at passwords."""


class Badge(BaseBackend):
    """A project's own way to sign in."""


def session(backend=DJANGO, **more):
    return {SESSION_KEY: "7", BACKEND_SESSION_KEY: backend, **more}


def allauth(*records, user="7"):
    return session(
        account_authentication_methods=[*records], account_authentication_methods_user=user
    )


PASSWORD, SOCIAL = {"method": "password", "at": 1.5}, {"method": "socialaccount", "provider": "x"}
TOTP, CODE = {"method": "mfa", "type": "totp"}, {"method": "code", "email": "a@example.com"}
PASSKEY = {"method": "mfa", "type": "webauthn", "passwordless": True}


@pytest.fixture
def backends(settings):
    remote = "django.contrib.auth.backends.RemoteUserBackend"
    settings.AUTHENTICATION_BACKENDS = [DJANGO, f"{HERE}.Own", f"{HERE}.Badge", remote]


# --- Django ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [DJANGO, f"{HERE}.Own"])
def test_a_model_backend_takes_a_password(backends, backend):
    assert methods_of(session(backend)) == ("password",)


def test_another_backend_is_its_name(backends):
    assert methods_of(session(f"{HERE}.Badge")) == ("Badge",)


def test_a_backend_that_believes_the_web_server_saw_no_password(backends):
    assert methods_of(session("django.contrib.auth.backends.RemoteUserBackend")) == (
        "RemoteUserBackend",
    )


def test_a_session_cannot_have_anything_imported(backends):
    assert methods_of(session("no.such.module.Backend")) == ("Backend",)


@pytest.mark.parametrize("backend", ["", ".", "a.<b>", "a.b c", "x" * 81, None, 5, ["a"]])
def test_what_is_no_backend_is_no_method(backend):
    assert methods_of(session(backend)) == ()


def test_nobody_signed_in_by_nothing():
    assert methods_of({}) == ()


def test_steps_without_an_end_are_no_sign_in():
    """django-allauth records the password before it asks for the code."""
    assert methods_of({"account_authentication_methods": [PASSWORD]}) == ()


# --- django-otp -----------------------------------------------------------------------------------------


def test_a_verified_device_is_a_one_time_code():
    assert methods_of(session(otp_device_id="otp_totp.totpdevice/3")) == ("password", "otp")


@pytest.mark.parametrize("device", [None, "", 3, [], {}])
def test_what_is_no_device_is_no_code(device):
    assert methods_of(session(otp_device_id=device)) == ("password",)


# --- django-allauth -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([PASSWORD], ("password",)),
        ([SOCIAL], ("socialaccount",)),
        ([CODE], ("code",)),
        ([PASSWORD, TOTP], ("password", "mfa")),
        ([PASSKEY], ("passkey",)),
        ([SOCIAL, PASSWORD], ("socialaccount", "password")),
    ],
)
def test_allauths_steps_are_taken_in_their_order(records, expected):
    assert methods_of(allauth(*records)) == expected


def test_a_step_that_was_repeated_counts_once():
    again = {**PASSWORD, "reauthenticated": True}
    assert methods_of(allauth(PASSWORD, TOTP, again, TOTP)) == ("password", "mfa")


def test_steps_of_somebody_else_do_not_count():
    assert methods_of(allauth(SOCIAL, user="8")) == ("password",)


def test_steps_of_an_older_release_count():
    assert methods_of(session(account_authentication_methods=[SOCIAL])) == ("socialaccount",)


def test_allauth_and_otp_add_up():
    assert methods_of({**allauth(SOCIAL), "otp_device_id": "x/1"}) == ("socialaccount", "otp")


GARBAGE = [None, "password", 5, {}, [None], [[]], ["mfa"], [{"method": 5}], [{"method": "<b>"}]]


@pytest.mark.parametrize("records", GARBAGE, ids=repr)
def test_what_is_no_step_is_passed_over(records):
    assert methods_of(session(account_authentication_methods=records)) == ("password",)


# --- anything -------------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.just("method"), inner) | st.tuples(inner)
    ),
    max_leaves=8,
)
KEYS = [
    SESSION_KEY,
    BACKEND_SESSION_KEY,
    "account_authentication_methods",
    "account_authentication_methods_user",
    "otp_device_id",
]


@given(
    st.dictionaries(
        st.sampled_from(KEYS), VALUES | st.lists(st.fixed_dictionaries({"method": VALUES}))
    )
)
def test_any_values_give_identifiers(values):
    methods = methods_of(values)
    assert len(set(methods)) == len(methods)
    assert all(method.isidentifier() and method.isascii() for method in methods)


# --- words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ((), ""),
        (("password",), "password"),
        (("password", "otp"), "password and one-time code"),
        (
            ("socialaccount", "password", "mfa"),
            "account of another site, password and second factor",
        ),
        (("Badge",), "Badge"),
    ],
)
def test_methods_are_told_in_words(methods, words):
    with translation.override("en"):
        assert methods_in_words(methods) == words


def test_words_are_in_the_language_of_the_reader():
    with translation.override("de"):
        assert methods_in_words(("A", "B")) == "A und B"
