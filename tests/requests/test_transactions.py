"""Views whose transaction rolls back, and views that go on after the answer has begun."""

import pytest
from django.contrib import auth
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from frontdesk.engine import SessionStore
from frontdesk.middleware import SessionMiddleware
from tests.requests.browsers import clears, cookie
from tests.requests.conftest import PASSWORD


class Oops(Exception):
    pass


@pytest.fixture
def atomic(monkeypatch):
    """Each view in a transaction of its own."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def failing(member):
    """The member's browser, which shows a 500 instead of raising."""
    browser = type(member)(raise_request_exception=False)
    browser.key = member.key
    return browser


def then_fail(task):
    def failing_task(request):
        task(request)
        raise Oops

    return failing_task


def test_a_view_that_is_rolled_back_saves_nothing(atomic, failing, storage_setting):
    failing.keep(cart=1)
    response = failing.do(then_fail(lambda request: request.session.update({"cart": 2})))
    assert response.status_code == 500
    assert cookie(response) is None
    assert failing.kept() == {"cart": 1}


def test_a_sign_out_stays_one_if_the_view_is_rolled_back(atomic, failing, storage_setting):
    """Ended means ended: the person has asked for it, whatever failed afterwards."""
    key = failing.key
    response = failing.do(then_fail(auth.logout))
    assert response.status_code == 500
    assert clears(response)
    assert not SessionStore().exists(key)


def test_a_sign_out_stays_one_if_the_view_refuses_afterwards(atomic, failing, storage_setting):
    """A 403 rolls the transaction back like a 500."""
    key = failing.key

    def refuse(request):
        auth.logout(request)
        raise PermissionDenied

    assert failing.do(refuse).status_code == 403
    assert not SessionStore().exists(key)


def test_a_sign_in_that_is_rolled_back_leaves_the_visitor_as_before(
    atomic, new_browser, user, storage_setting
):
    """On the database; where there are no transactions, the old key is gone with the failed view."""
    visitor = new_browser()
    visitor.keep(cart=1)
    visitor.raise_request_exception = False

    def sign_in(request):
        auth.login(request, auth.authenticate(username="ada", password=PASSWORD))

    response = visitor.do(then_fail(sign_in))
    assert response.status_code == 500
    assert cookie(response) is None
    assert visitor.who() == ""
    if "database" in storage_setting:
        assert visitor.kept() == {"cart": 1}


def test_modify_is_rolled_back_with_its_view_on_the_database_only(atomic, failing, storage_setting):
    def count(request):
        return request.session.modify("visits", lambda visits: visits + 1, default=0)

    failing.do(count)
    failing.do(then_fail(count))
    assert failing.kept() == {"visits": 1 if "database" in storage_setting else 2}


def streamed(key, act):
    """Return the session after a view whose answer does something while it is being sent."""

    def view(request):
        request.session["before"] = 1

        def lines():
            act(request.session)
            yield b"a line"

        return StreamingHttpResponse(lines())

    request = RequestFactory().get("/")
    request.COOKIES["sessionid"] = key
    assert b"".join(SessionMiddleware(view)(request)) == b"a line"
    return dict(SessionStore(key).items())


@pytest.fixture
def key(db, storage_setting):
    session = SessionStore()
    session.create()
    return session.session_key


def test_a_view_that_streams_saves_what_it_changed_before_it_began(key):
    assert streamed(key, lambda session: session.update({"after": 1})) == {"before": 1}


def test_a_view_that_streams_may_save_by_itself(key):
    def act(session):
        session["after"] = 1
        session.save()

    assert streamed(key, act) == {"before": 1, "after": 1}
