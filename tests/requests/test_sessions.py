"""``frontdesk.sessions``: who is in, and taking a badge back, on every storage and in both colours."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontdesk import sessions
from frontdesk.storages import get_storage
from frontdesk.tokens import digest_of
from tests.requests.conftest import PASSWORD, create, use
from tests.requests.site import step
from tests.requests.steps import Login, many

pytestmark = pytest.mark.django_db


@pytest.fixture
def browsers(new_browser, user, storage_setting, clock):
    """Three browsers in which the user has signed in, a minute apart."""
    signed_in = []
    for agent in ("phone/1", "laptop/2", "tablet/3"):
        clock.move(minutes=1)
        browser = new_browser()
        # Said both ways: the two clients of Django disagree on how headers are given.
        sign_in(browser, user, HTTP_USER_AGENT=agent)
        signed_in.append(browser)
    return signed_in


def sign_in(browser, user, **extra):
    name = {"username": user.get_username(), "password": PASSWORD}
    return browser.post("/login/", name, headers={"user-agent": extra["HTTP_USER_AGENT"]})


def ids(browsers):
    return [digest_of(browser.key) for browser in browsers]


def ask(browser, name, *args, **kwargs):
    """Call a function of ``sessions`` in a view of the browser's colour."""

    def task(request):
        given = [request if argument is REQUEST else argument for argument in args]
        return (yield step(sessions, name, *given, **kwargs))

    return browser.do(task).answer


REQUEST = object()


# --- lists ------------------------------------------------------------------------------------------


def test_a_list_has_every_session_of_the_user_newest_activity_first(browsers, user):
    listed = ask(browsers[0], "for_user", user)
    assert [info.id for info in listed] == ids(browsers)[::-1]


def test_a_list_tells_apart_what_signed_in(browsers, user):
    listed = ask(browsers[0], "for_user", user)
    assert [info.user_agent for info in listed] == ["tablet/3", "laptop/2", "phone/1"]


def test_one_of_the_list_is_the_current_one(browsers, user):
    def task(request):
        listed = yield step(sessions, "for_user", user)
        yield step(request.session, "get", "cart")
        return [info.is_current(request) for info in listed]

    assert browsers[1].do(task).answer == [False, True, False]


def test_sessions_of_others_and_of_nobody_are_not_listed(browsers, new_browser, user, other_user):
    sign_in(new_browser(), other_user, HTTP_USER_AGENT="other/1")
    new_browser().keep(cart=["lamp"])
    assert ask(browsers[0], "count", user) == 3
    assert ask(browsers[0], "count", other_user) == 1


def test_a_session_that_a_lowered_limit_has_ended_is_not_listed(browsers, user, limits, clock):
    clock.move(hours=2)
    limits(absolute=3600, idle=3600)
    assert ask(browsers[0], "for_user", user) == []


def test_nobody_has_no_list():
    with pytest.raises(ValueError, match="not a stored user"):
        sessions.for_user(AnonymousUser())


def test_a_user_who_is_not_stored_is_a_clear_error(django_user_model):
    with pytest.raises(ValueError, match="not a stored user"):
        sessions.for_user(django_user_model(username="new"))


# --- ends -------------------------------------------------------------------------------------------


def test_an_ended_session_is_anonymous_at_its_next_request(browsers, user):
    one, two, three = browsers
    assert ask(one, "end", user, ids(browsers)[1]) is True
    assert [browser.who() for browser in (one, two, three)] == ["ada", "", "ada"]


def test_ending_again_says_that_there_was_nothing(browsers, user):
    victim = ids(browsers)[1]
    ask(browsers[0], "end", user, victim)
    assert ask(browsers[0], "end", user, victim) is False


def test_nobody_ends_the_session_of_somebody_else(browsers, other_user):
    """ASVS 8.2.2."""
    assert ask(browsers[0], "end", other_user, ids(browsers)[1]) is False
    assert browsers[1].who() == "ada"


def test_a_session_that_has_just_got_a_new_key_is_ended_by_its_old_id(browsers, user):
    one, two, _ = browsers
    listed = ids(browsers)[1]
    two.do(lambda request: request.session.cycle_key())
    assert ask(one, "end", user, listed) is True
    assert two.who() == ""


def test_ending_the_others_leaves_this_one(browsers):
    one, two, three = browsers
    assert ask(two, "end_others", REQUEST) == 2
    assert [browser.who() for browser in (one, two, three)] == ["", "ada", ""]


def test_ending_the_others_of_a_visitor_ends_nothing(browsers, new_browser):
    assert ask(new_browser(), "end_others", REQUEST) == 0
    assert browsers[0].who() == "ada"


def test_whoever_has_just_signed_in_can_end_the_others(browsers, new_browser, user):
    newcomer = new_browser()

    def task(request):
        yield step(Login(request), "login", user)
        return (yield step(sessions, "end_others", request))

    assert newcomer.do(task).answer == 3
    assert newcomer.who() == "ada"
    assert [browser.who() for browser in browsers] == ["", "", ""]


def test_ending_all_ends_this_one_too(browsers, user):
    assert ask(browsers[0], "end_all", user) == 3
    assert [browser.who() for browser in browsers] == ["", "", ""]


def test_a_request_that_has_ended_all_is_answered(browsers, user):
    def task(request):
        yield step(request.session, "get", "cart")
        yield step(sessions, "end_all", user)
        return HttpResponse("thank you", status=202)

    assert browsers[0].do(task).status_code == 202


def test_a_deleted_user_leaves_no_session(browsers, user, django_capture_on_commit_callbacks):
    """ASVS 7.4.2."""
    user_id = str(user.pk)
    with django_capture_on_commit_callbacks(execute=True):
        user.delete()
    assert get_storage().of_user(user_id) == []


# --- ids from outside ---------------------------------------------------------------------------------


@hypothesis_settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(session_id=st.one_of(st.text(), st.from_regex(r"[0-9a-fA-F./]{64}\n?")))
def test_any_text_as_an_id_ends_nothing_and_is_no_error(
    tmp_path_factory, settings, user, session_id
):
    """The file storage makes a path of it."""
    directory = tmp_path_factory.getbasetemp() / "fuzzed"
    use(settings, "frontdesk.storages.file.FileStorage", DIRECTORY=str(directory))
    assert sessions.end(user, session_id) is False


# --- costs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 1000])
def test_a_list_is_one_statement_however_long(user, number, settings):
    many(user, number)
    with CaptureQueriesContext(connection) as queries:
        assert sessions.count(user) == number
    assert len(queries) == 1


@pytest.mark.parametrize("number", [1, 1000])
def test_an_end_of_all_is_one_statement_however_many(user, number):
    many(user, number)
    with CaptureQueriesContext(connection) as queries:
        assert sessions.end_all(user) == number
    assert [query["sql"][:6] for query in queries] == ["UPDATE"]


@pytest.mark.parametrize("number", [0, 1000])
def test_a_sign_in_takes_as_many_statements_with_any_number_of_sessions(
    browser, user, number, settings
):
    settings.FRONTDESK = {"HISTORY_RETENTION": None}
    many(user, number)
    browser.do(lambda request: None)
    with CaptureQueriesContext(connection) as queries:
        browser.do(lambda request: Login(request).login(user))
    touched = [query["sql"] for query in queries if "frontdesk_session" in query["sql"]]
    assert [sql[:6] for sql in touched] == ["INSERT"]


# --- users of other kinds -----------------------------------------------------------------------------


def test_two_users_are_two_lists(db):
    one, two = create("one"), create("two")
    many(one, 2)
    many(two, 1)
    assert (sessions.count(one), sessions.count(two)) == (2, 1)
