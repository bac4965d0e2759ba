"""Whatever a stranger sends: never an error, never a write, never a line of the log that is not ours."""

import logging
import string

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontdesk.client import client_of
from frontdesk.middleware import SessionMiddleware
from frontdesk.models import Session
from frontdesk.storages.database import DatabaseStorage
from frontdesk.testing import Clock
from frontdesk.tokens import KEY_ALPHABET, KEY_LENGTH, digest_of, new_key
from tests.requests.conftest import use

pytestmark = pytest.mark.usefixtures("memory")

thorough = settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

# What a WSGI server hands on: bytes as Latin-1 (PEP 3333), whatever they are.
HEADER = st.binary(max_size=9000).map(lambda sent: sent.decode("latin-1"))
ALMOST = st.text(KEY_ALPHABET + string.ascii_uppercase + " '\"%\n\0é", max_size=KEY_LENGTH + 2)
KEY = st.text(KEY_ALPHABET, min_size=KEY_LENGTH, max_size=KEY_LENGTH)
COOKIE = st.one_of(HEADER, ALMOST, KEY, st.text(max_size=40))


@pytest.fixture
def memory(settings):
    return use(settings, "frontdesk.storages.memory.MemoryStorage")


def look(request):
    return HttpResponse(repr(sorted(request.session.keys())))


def ask(cookie: str, view=look, **headers: str):
    request = RequestFactory().get("/", **headers)
    request.COOKIES["sessionid"] = cookie
    return SessionMiddleware(view)(request)


@thorough
@given(cookie=COOKIE)
def test_any_cookie_is_anonymous_and_writes_nothing(cookie, journal):
    journal.clear()
    response = ask(cookie)
    assert (response.status_code, response.content) == (200, b"[]")
    assert journal.writes == []


@thorough
@given(cookie=COOKIE)
def test_no_cookie_is_adopted(cookie):
    def write(request):
        request.session["cart"] = 1
        return HttpResponse()

    given_out = ask(cookie, write).cookies["sessionid"].value
    assert given_out != cookie
    assert len(given_out) == KEY_LENGTH


@thorough
@given(cookie=HEADER)
def test_any_cookie_header_is_answered(cookie):
    request = RequestFactory().get("/", HTTP_COOKIE=f"sessionid={cookie}")
    assert SessionMiddleware(look)(request).status_code == 200


@thorough
@given(agent=HEADER, forwarded=HEADER, address=HEADER, proxies=st.integers(0, 3))
def test_any_browser_and_address_is_safe_to_store_and_to_log(
    agent, forwarded, address, proxies, settings
):
    settings.FRONTDESK = {**settings.FRONTDESK, "TRUSTED_PROXY_COUNT": proxies}
    meta = {"HTTP_USER_AGENT": agent, "HTTP_X_FORWARDED_FOR": forwarded, "REMOTE_ADDR": address}
    client = client_of(meta)
    assert len(client.user_agent) <= 255
    assert client.user_agent.isprintable()
    assert set(client.ip) <= set(string.hexdigits + ".:")


@thorough
@given(cookie=COOKIE, agent=HEADER)
def test_no_line_of_the_log_holds_a_key_or_was_forged(cookie, agent, caplog):
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        ask(cookie, HTTP_USER_AGENT=agent)
    for record in caplog.records:
        line = record.getMessage()
        assert "\n" not in line
        assert "\r" not in line
        assert not (len(cookie) >= KEY_LENGTH and cookie in line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.django_db
@thorough
@given(data=JSON.filter(lambda data: data is not None))
def test_any_stored_value_is_a_session_or_an_end_of_one(data, settings):
    """And what cannot be read is never taken for an empty session, which a save would then overwrite."""
    use(settings, f"{DatabaseStorage.__module__}.DatabaseStorage")
    key = new_key()
    with Clock() as clock:
        times = {"created": clock.now(), "last_seen": clock.now(), "idle": 10**12}
        limits = {"deadline": clock.now() + 10**12, "expires": clock.now() + 10**12}
        Session.objects.create(digest=digest_of(key), data=data, **times, **limits)
        assert ask(key).status_code == 200
        ask(key, lambda request: request.session.update({"cart": 1}) or HttpResponse())
    row = Session.objects.get(digest=digest_of(key))
    added = isinstance(data, dict) and row.data == {**data, "cart": "1"}
    assert added or row.data == data
