"""``frontdesk.sessions``: list and end sessions, in sync and async code."""

from datetime import timedelta

import pytest
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontdesk import sessions
from frontdesk.core import clock as core_clock
from tests.fixtures import PASSWORD, is_anonymous, sign_in, sign_out
from tests.requests.site import step

pytestmark = pytest.mark.django_db

REQUEST = object()


@pytest.fixture
def browsers(new_browser, user, clock):
    """Three browsers in which the user has signed in, a minute apart."""
    signed_in = []
    for agent in ("phone/1", "laptop/2", "tablet/3"):
        clock.move(minutes=1)
        browser = new_browser()
        fields = {"username": user.get_username(), "password": PASSWORD}
        browser.post("/login/", fields, headers={"user-agent": agent})
        signed_in.append(browser)
    return signed_in


def ids(browsers):
    return [browser.key[:15] for browser in browsers]


def call(browser, name, *args, **kwargs):
    """Call a function of ``sessions`` in a view of the browser's mode."""

    def task(request):
        given = [request if argument is REQUEST else argument for argument in args]
        return (yield step(sessions, name, *given, **kwargs))

    return browser.do(task).answer


def usernames(browsers):
    return [browser.username() for browser in browsers]


# --- lists --------------------------------------------------------------------------------------


def test_a_list_shows_the_latest_activity_first(browsers, user, clock):
    listed = call(browsers[0], "for_user", user)
    assert [info.id for info in listed] == ids(browsers)[::-1]
    assert [info.user_agent for info in listed] == ["tablet/3", "laptop/2", "phone/1"]
    clock.move(minutes=5)
    browsers[1].username()
    assert call(browsers[0], "for_user", user)[0].id == ids(browsers)[1]


def test_a_list_shows_when_and_how_a_session_was_used(browsers, user, clock):
    info = call(browsers[0], "for_user", user)[0]
    now = core_clock.to_datetime(clock.now())
    assert (info.created, info.authenticated, info.last_seen) == (now, now, now)
    assert info.idle_until == info.ends == now + timedelta(days=14)
    assert info.ends_at == now + timedelta(days=30)
    assert (info.ip, info.user_id) == ("127.0.0.1", str(user.pk))
    assert info.methods == ("password",)


def test_one_session_of_a_list_is_the_current_one(browsers, user):
    def task(request):
        listed = yield step(sessions, "for_user", user)
        yield step(request.session, "get", "cart")
        return [info.is_current(request) for info in listed]

    assert browsers[1].do(task).answer == [False, True, False]


def test_the_sessions_of_others_are_not_listed(browsers, new_browser, user, other_user):
    sign_in(new_browser(), other_user)
    new_browser().put(cart=["lamp"])
    assert call(browsers[0], "count", user) == 3
    assert call(browsers[0], "count", other_user) == 1


def test_a_session_that_a_lower_limit_has_ended_is_not_listed(browsers, user, limits, clock):
    clock.move(hours=2)
    limits(absolute=3600, idle=3600)
    assert call(browsers[0], "for_user", user) == []


def test_a_session_that_has_ended_or_expired_is_not_listed(browsers, user, clock):
    sign_out(browsers[0])
    browsers[1].do(lambda request: request.session.set_expiry(60))
    clock.move(minutes=2)
    assert [info.id for info in call(browsers[2], "for_user", user)] == ids(browsers)[2:]


@pytest.mark.parametrize("unsaved", [AnonymousUser(), User(username="new")])
def test_a_user_who_is_not_saved_is_an_error(unsaved):
    with pytest.raises(ValueError, match="not saved"):
        sessions.for_user(unsaved)


def test_current_is_the_session_of_the_request(browsers, new_browser):
    assert call(browsers[1], "current", REQUEST).id == ids(browsers)[1]
    assert call(new_browser(), "current", REQUEST) is None


# --- ends ---------------------------------------------------------------------------------------


def test_an_ended_session_is_anonymous_at_its_next_request(browsers, user):
    assert call(browsers[0], "end", user, ids(browsers)[1]) is True
    assert usernames(browsers) == ["ada", "", "ada"]


def test_ending_again_says_that_there_was_nothing(browsers, user):
    ended = ids(browsers)[1]
    call(browsers[0], "end", user, ended)
    assert call(browsers[0], "end", user, ended) is False


def test_no_user_ends_the_session_of_another(browsers, other_user):
    """OWASP ASVS 8.2.2."""
    assert call(browsers[0], "end", other_user, ids(browsers)[1]) is False
    assert browsers[1].username() == "ada"


@pytest.mark.parametrize("later", [0, 60, 3600])
def test_a_list_does_not_go_stale(browsers, user, clock, later):
    """A session keeps its id when it gets a new key, so an end by an old list finds it."""
    one, two, _ = browsers
    listed = [info.id for info in call(one, "for_user", user)]
    two.do(lambda request: request.session.cycle_key())
    sign_in(two, user)
    clock.move(seconds=later)
    assert [call(one, "end", user, each) for each in listed if each != ids([one])[0]] == [True] * 2
    assert usernames(browsers) == ["ada", "", ""]


def test_ending_the_others_leaves_this_one(browsers):
    assert call(browsers[1], "end_others", REQUEST) == 2
    assert usernames(browsers) == ["", "ada", ""]


def test_ending_the_others_of_nobody_ends_nothing(browsers, new_browser):
    assert call(new_browser(), "end_others", REQUEST) == 0
    assert browsers[0].username() == "ada"


def test_a_view_that_signs_in_can_end_the_others(browsers, new_browser, user):
    newcomer = new_browser()

    def task(request):
        yield step(auth, "login", request, user)
        return (yield step(sessions, "end_others", request))

    assert newcomer.do(task).answer == 3
    assert newcomer.username() == "ada"
    assert usernames(browsers) == ["", "", ""]


def test_the_others_are_those_of_the_sessions_user(acting_as, browsers, user, other_user):
    """Not of ``request.user``, which a middleware may have changed."""
    acting_as(other_user)
    assert call(browsers[1], "end_others", REQUEST) == 2
    acting_as(None)
    assert usernames(browsers) == ["", "ada", ""]


def test_ending_all_ends_this_one_too(browsers, user, new_browser):
    assert call(browsers[0], "end_all", user) == 3
    assert usernames(browsers) == ["", "", ""]
    assert is_anonymous(new_browser, browsers[0].key)


def test_a_request_that_ends_all_is_answered(browsers, user):
    def task(request):
        yield step(request.session, "get", "cart")
        yield step(sessions, "end_all", user)
        return HttpResponse("thank you", status=202)

    assert browsers[0].do(task).status_code == 202


@hypothesis_settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(session_id=st.one_of(st.text(), st.from_regex(r"[0-9a-zA-Z./]{15}\n?")))
def test_any_text_as_an_id_ends_nothing_and_is_no_error(member, user, session_id):
    assert sessions.end(user, session_id) is False
    assert sessions.is_live(session_id) is False


def test_no_id_ends_nothing_and_is_no_error(browsers, user):
    """A form without the field: request.POST.get("session")."""
    assert call(browsers[0], "end", user, None) is False
    assert call(browsers[0], "is_live", None) is False
    assert usernames(browsers) == ["ada", "ada", "ada"]


@pytest.mark.parametrize("wrong", [7, b"a" * 15, ["a" * 15]])
def test_what_is_no_text_as_an_id_is_an_error_with_a_hint(member, user, wrong):
    (info,) = sessions.for_user(user)
    for each in (wrong, info):
        with pytest.raises(TypeError, match=f"SessionInfo.id, not {type(each).__name__}"):
            sessions.end(user, each)
        with pytest.raises(TypeError, match=f"SessionInfo.id, not {type(each).__name__}"):
            sessions.is_live(each)
    assert sessions.count(user) == 1
