"""Views inside transactions: what is rolled back, and what must stay."""

from contextlib import suppress

import pytest
from django.contrib import auth
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.shortcuts import redirect

from frontdesk import sessions
from frontdesk.signals import session_ended
from tests.fixtures import DATABASE, MEMORY, PASSWORD, is_anonymous, use
from tests.requests.browsers import clears, cookie

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[DATABASE, MEMORY], ids=["database", "memory"])
def storage(request, site, settings):
    """One storage that takes part in the project's transactions, and one that does not."""
    return use(settings, request.param)


IN_DATABASE = pytest.mark.parametrize("storage", [DATABASE], indirect=True)


@pytest.fixture
def atomic(monkeypatch):
    """Each view runs in a transaction of its own."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def browser(storage, new_browser):
    """A browser that shows a 500 instead of raising."""
    return new_browser(raise_request_exception=False)


def failing(task):
    def run(request):
        task(request)
        raise ZeroDivisionError

    return run


def test_a_view_that_is_rolled_back_saves_nothing(atomic, member):
    member.put(cart=1)
    response = member.do(failing(lambda request: request.session.update({"cart": 2})))
    assert response.status_code == 500
    assert cookie(response) is None
    assert member.values() == {"cart": 1}


def test_a_sign_in_that_is_rolled_back_signs_nobody_in(atomic, browser, user, storage):
    browser.put(cart=1)
    response = browser.do(failing(lambda request: auth.login(request, user)))
    assert response.status_code == 500
    assert cookie(response) is None
    assert browser.username() == ""
    assert sessions.count(user) == 0


@IN_DATABASE
def test_a_sign_in_rolled_back_in_the_database_keeps_the_key(atomic, browser, user):
    """Elsewhere the old key is replaced for good, as in Django."""
    browser.put(cart=1)
    browser.do(failing(lambda request: auth.login(request, user)))
    assert browser.values() == {"cart": 1}


def count(request):
    return request.session.modify("visits", lambda visits: visits + 1, default=0)


def test_modify_is_rolled_back_only_in_the_database(atomic, member, settings):
    member.do(count)
    member.do(failing(count))
    in_database = settings.FRONTDESK["STORAGE"]["BACKEND"] == DATABASE
    assert member.values() == {"visits": 1 if in_database else 2}


# --- a sign-out stays one -----------------------------------------------------------------------


def raises(request):
    auth.logout(request)
    raise ZeroDivisionError


def refuses(request):
    auth.logout(request)
    raise PermissionDenied


def rolls_back_quietly(request):
    auth.logout(request)
    transaction.set_rollback(True)


def rolls_back_a_part(request):
    """The work beside it fails, and the view says so on its next page."""
    try:
        with transaction.atomic():
            auth.logout(request)
            User.objects.create(username="ada")
    except IntegrityError:
        return redirect("/")
    raise AssertionError("The part should have been rolled back.")


def flushes(request):
    request.session.flush()
    transaction.set_rollback(True)
    return HttpResponse(status=204)


VIEWS = {
    500: raises,
    403: refuses,
    200: rolls_back_quietly,
    302: rolls_back_a_part,
    204: flushes,
}


@pytest.mark.parametrize(("status", "view"), VIEWS.items())
def test_a_sign_out_stays_one_if_it_is_rolled_back(atomic, member, new_browser, user, status, view):
    """The user has asked for it, and the response says so."""
    key = member.key
    response = member.do(view)
    assert response.status_code == status
    assert clears(response)
    assert is_anonymous(new_browser, key)
    assert sessions.count(user) == 0


@IN_DATABASE
def test_a_rolled_back_sign_out_spares_the_next_user(atomic, browser, new_browser, user):
    """It came with the key from before the sign-in, when nobody was signed in."""
    browser.put(cart=1)
    late = new_browser()
    late.key = browser.key
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    late.do(rolls_back_quietly)
    assert browser.username() == "ada"


@IN_DATABASE
def test_every_sign_out_of_a_request_stays_one(atomic, member, user, other_user):
    """``login()`` as another user ends the session before."""

    def task(request):
        auth.login(request, other_user)
        request.session.save()
        auth.logout(request)
        transaction.set_rollback(True)

    member.do(task)
    assert sessions.count(user) == sessions.count(other_user) == 0


@IN_DATABASE
def test_an_end_by_code_is_rolled_back_with_its_view(atomic, member, user):
    """Only the user's own sign-out must stay. The rest is the project's transaction."""
    member.do(failing(lambda request: sessions.end_all(user)))
    assert member.username() == "ada"


def rolled_back(request):
    """Write, and take it back."""
    with suppress(ZeroDivisionError), transaction.atomic():
        count(request)
        raise ZeroDivisionError


@IN_DATABASE
def test_a_rolled_back_write_revives_no_ended_session(member, new_browser, user):
    """The view goes on, and its session is saved at the end. Another request has ended it meanwhile."""
    key = member.key

    def task(request):
        rolled_back(request)
        sessions.end_all(user)
        request.session["cart"] = 1

    member.do(task)
    assert is_anonymous(new_browser, key)
    assert sessions.count(user) == 0


@IN_DATABASE
def test_a_rolled_back_write_loses_none_of_another_request(member, new_browser):
    other = new_browser()
    other.key = member.key

    def task(request):
        rolled_back(request)
        other.put(size=7)
        request.session["cart"] = 1

    member.do(task)
    assert member.values() == {"size": 7, "cart": 1}


# --- signals ------------------------------------------------------------------------------------


@pytest.fixture
def ended():
    """The reasons of the ends that signals report."""
    reasons = []

    def receive(reason, **facts):
        reasons.append(str(reason))

    session_ended.connect(receive)
    yield reasons
    session_ended.disconnect(receive)


@pytest.mark.django_db(transaction=True)
@IN_DATABASE
def test_an_end_is_reported_once_it_is_committed(ended, member, user):
    with transaction.atomic():
        sessions.end_all(user)
        assert ended == []
    assert ended == ["revoked"]


@pytest.mark.django_db(transaction=True)
@IN_DATABASE
def test_an_end_that_is_rolled_back_is_not_reported(ended, member, user):
    with transaction.atomic():
        sessions.end_all(user)
        transaction.set_rollback(True)
    assert ended == []
    assert member.username() == "ada"


@pytest.mark.django_db(transaction=True)
@IN_DATABASE
def test_a_sign_out_that_is_rolled_back_is_reported(ended, atomic, member, user):
    """It stays one, so its signal must not be lost with the transaction."""
    member.do(raises)
    assert ended == ["logout"]
