"""``SESSION_SERIALIZER`` and the values of a session: each comes back as it was, and a change is found."""

import hashlib
import json
import pickle
import secrets
from datetime import timedelta

import pytest

from frontdesk.engine import SessionStore
from tests.fixtures import sign_in
from tests.requests.browsers import cookie

pytestmark = pytest.mark.django_db


JSON = "django.contrib.sessions.serializers.JSONSerializer"


class Pickled:
    """A project's own serializer, which knows more types than JSON."""

    def dumps(self, obj):
        return pickle.dumps(obj)

    def loads(self, data):
        return pickle.loads(data)


class Encrypting:
    """Never writes the same bytes twice, as one that encrypts with a fresh nonce does."""

    def dumps(self, obj):
        nonce = secrets.token_bytes(16)
        return nonce + self._mixed(nonce, json.dumps(obj).encode())

    def loads(self, data):
        return json.loads(self._mixed(data[:16], data[16:]))

    def _mixed(self, nonce, data):
        stream = hashlib.shake_256(nonce).digest(len(data))
        return bytes(one ^ other for one, other in zip(data, stream, strict=True))


@pytest.fixture
def encrypting(settings):
    settings.SESSION_SERIALIZER = f"{__name__}.Encrypting"


# --- what comes back ----------------------------------------------------------------------------


def test_a_projects_own_serializer_is_used(browser, user, settings):
    settings.SESSION_SERIALIZER = f"{__name__}.Pickled"
    values = {"when": timedelta(days=3), "seen": {1, 2}, "pair": (1, "two"), "raw": b"\x00\xff"}
    sign_in(browser, user)
    browser.put(**values)
    assert browser.values() == values
    assert browser.username() == "ada"


def test_a_value_that_the_serializer_refuses_is_an_error(browser):
    with pytest.raises(TypeError, match="not JSON serializable"):
        browser.put(when=timedelta(days=3))


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", "snö\x00\ud800", [], {}, {"a": [1, None]}, "x" * 100_000]
)
def test_a_value_comes_back_as_it_was(browser, value):
    browser.put(value=value)
    assert browser.values() == {"value": value}


@pytest.mark.parametrize("key", ["", " ", "a.b", '"q"', "snö", "k\x00", "\\", "$x", "x" * 1000])
def test_a_key_comes_back_as_it_was(browser, key):
    browser.put(**{key: 1})
    assert browser.values() == {key: 1}


@pytest.mark.parametrize("key", [1, 1.5, True, None])
def test_a_key_that_is_no_text_becomes_what_json_makes_of_it(browser, key):
    """As in Django."""

    def task(request):
        request.session[key] = "value"

    browser.do(task)
    assert browser.values() == json.loads(json.dumps({key: "value"}))


# --- what counts as a change --------------------------------------------------------------------

DIFFERENT = [
    (True, 1),
    (1, True),
    (0, False),
    (1, 1.0),
    (0.0, -0.0),
    ("1", 1),
    (None, "None"),
    ([1], [True]),
    ({"a": 1}, {"a": 1.0}),
]


@pytest.mark.parametrize("serializer", ["Encrypting", "Pickled", None])
@pytest.mark.parametrize(("before", "after"), DIFFERENT)
def test_equal_values_of_other_types_are_a_change(browser, settings, before, after, serializer):
    if serializer:
        settings.SESSION_SERIALIZER = f"{__name__}.{serializer}"
    browser.put(value=before)
    browser.put(value=after)
    assert repr(browser.values()) == repr({"value": after})


def test_a_value_that_cannot_be_compared_is_a_change(db, settings):
    """NaN does not equal itself."""
    session = SessionStore()
    session["value"] = float("nan")
    session.save()
    session["value"] = float("nan")
    session.save()
    assert repr(SessionStore(session.session_key)["value"]) == "nan"


# --- an encrypting serializer -------------------------------------------------------------------


def test_a_write_is_no_sign_in_for_it(encrypting, browser, user, limits, clock):
    """The key stays, and the absolute timeout goes on."""
    limits(absolute=3600)
    sign_in(browser, user)
    key = browser.key
    for number in range(5):
        clock.move(minutes=10)
        assert browser.username() == "ada"
        assert cookie(browser.put(number=number)) is None
    assert browser.key == key
    clock.move(minutes=10)
    assert browser.username() == ""


def test_it_writes_only_what_has_changed(encrypting, db):
    session = SessionStore()
    session["cart"], session["start"] = ["tea"], 1
    session.save()
    one, two = SessionStore(session.session_key), SessionStore(session.session_key)
    assert one["cart"] == two["cart"] == ["tea"]
    one["cart"] = ["tea", "milk"]
    one.save()
    two["language"] = "de"
    two.save()
    stored = dict(SessionStore(session.session_key).items())
    assert stored == {"cart": ["tea", "milk"], "start": 1, "language": "de"}


def test_modify_loses_no_step_with_it(encrypting, db):
    session = SessionStore()
    session["visits"] = 0
    session.save()
    one, two = SessionStore(session.session_key), SessionStore(session.session_key)
    assert one["visits"] == two["visits"] == 0
    one.modify("visits", lambda visits: visits + 1)
    two.modify("visits", lambda visits: visits + 1)
    assert SessionStore(session.session_key)["visits"] == 2


# --- a serializer that changes ------------------------------------------------------------------


def test_a_session_of_another_serializer_is_anonymous(browser, user, settings, caplog):
    """It is logged, and not overwritten: with the serializer back, the session is back."""
    sign_in(browser, user)
    key = browser.key
    settings.SESSION_SERIALIZER = f"{__name__}.Pickled"
    browser.put(cart=1)
    assert browser.key != key
    assert "treated as ended" in caplog.text
    assert key not in caplog.text
    settings.SESSION_SERIALIZER = JSON
    browser.key = key
    assert browser.username() == "ada"


def test_a_sign_out_ends_a_session_that_cannot_be_read(browser, user, settings, caplog):
    """Otherwise the key would work again with the serializer back."""
    sign_in(browser, user)
    key = browser.key
    settings.SESSION_SERIALIZER = f"{__name__}.Pickled"
    browser.post("/logout/")
    settings.SESSION_SERIALIZER = JSON
    browser.key = key
    assert browser.username() == ""


def test_a_sign_out_ends_a_session_past_todays_limit(browser, user, limits, clock):
    """Otherwise the key would work again with the limit back."""
    sign_in(browser, user)
    key = browser.key
    clock.move(seconds=2)
    limits(absolute=1)
    browser.post("/logout/")
    limits(absolute=3600)
    browser.key = key
    assert browser.username() == ""
