"""Any cookie, any header, any stored data: never an error, never a write, never a forged line in the log."""

import json
import logging
import string

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontdesk.core.keys import ALPHABET, KEY_LENGTH, Key
from frontdesk.http.client import client_of
from frontdesk.middleware import SessionMiddleware
from frontdesk.models import Session
from frontdesk.testing import Clock
from tests.fixtures import DATABASE, use

thorough = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

# What a WSGI server hands on: bytes as Latin-1 (PEP 3333).
HEADER = st.binary(max_size=9000).map(lambda sent: sent.decode("latin-1"))
ALMOST = st.text(ALPHABET + string.ascii_uppercase + " '\"%\n\0é", max_size=KEY_LENGTH + 2)
KEY = st.text(ALPHABET, min_size=KEY_LENGTH, max_size=KEY_LENGTH)
DJANGOS = st.text(ALPHABET, min_size=32, max_size=32)
COOKIE = st.one_of(HEADER, ALMOST, KEY, DJANGOS, st.text(max_size=40))


def look(request):
    return HttpResponse(repr(sorted(request.session.keys())))


def write(request):
    request.session["cart"] = 1
    return HttpResponse()


def visit(cookie: str, view=look, **headers: str):
    request = RequestFactory().get("/", **headers)
    request.COOKIES["sessionid"] = cookie
    return SessionMiddleware(view)(request)


@thorough
@given(cookie=COOKIE)
def test_any_cookie_is_anonymous_and_writes_nothing(cookie, journal):
    journal.clear()
    response = visit(cookie)
    assert (response.status_code, response.content) == (200, b"[]")
    assert journal.writes == []


@thorough
@given(cookie=COOKIE)
def test_no_cookie_is_adopted(cookie):
    given_out = visit(cookie, write).cookies["sessionid"].value
    assert given_out != cookie
    assert len(given_out) == KEY_LENGTH


@thorough
@given(cookie=HEADER)
def test_any_cookie_header_is_answered(cookie):
    request = RequestFactory().get("/", HTTP_COOKIE=f"sessionid={cookie}")
    assert SessionMiddleware(look)(request).status_code == 200


@thorough
@given(agent=HEADER, forwarded=HEADER, address=HEADER, proxies=st.integers(0, 3))
def test_any_browser_and_address_is_safe_to_store(agent, forwarded, address, proxies, settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "TRUSTED_PROXY_COUNT": proxies}
    meta = {"HTTP_USER_AGENT": agent, "HTTP_X_FORWARDED_FOR": forwarded, "REMOTE_ADDR": address}
    client = client_of(meta)
    assert len(client.user_agent) <= 255
    assert client.user_agent.isprintable()
    assert set(client.ip) <= set(string.hexdigits + ".:")


@thorough
@given(cookie=COOKIE, agent=HEADER)
def test_no_line_of_the_log_holds_a_key_or_is_forged(cookie, agent, caplog):
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        visit(cookie, HTTP_USER_AGENT=agent)
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
DAMAGED = st.one_of(
    st.sampled_from(["", "{", "null", "[]", '"x"', '{"cart": 1}', '{"cart": "{"}', "\ud800"]),
    JSON.map(json.dumps),
    st.text(max_size=20),
)


@pytest.mark.django_db
@thorough
@given(data=DAMAGED, former=DAMAGED)
def test_any_stored_row_is_a_session_or_an_ended_one(data, former, settings):
    """A row that cannot be read is never taken for an empty session, which a write would overwrite."""
    data, former = (each.encode("utf-8", "replace").decode() for each in (data, former))
    use(settings, DATABASE)
    key = Key.new()
    with Clock() as clock:
        now, later = clock.now(), clock.now() + 10**12
        Session.objects.create(
            id=key.id,
            secret=key.digest,
            data=data,
            former=former,
            created=now,
            last_seen=now,
            idle=10**12,
            deadline=later,
            expires=later,
            version=1,
        )
        assert visit(key).status_code == 200
        visit(key, write)
    stored = Session.objects.get(id=key.id)
    assert stored.data == data or '"cart": "1"' in stored.data
    Session.objects.all().delete()
