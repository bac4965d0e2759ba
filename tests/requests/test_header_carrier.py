"""Sessions whose key travels in the Authorization header, for programs."""

import pytest
from django.contrib import auth
from hypothesis import given
from hypothesis import strategies as st

from frontdesk import sessions
from frontdesk.core import credentials
from frontdesk.core.keys import Key
from tests.fixtures import DATABASE, PASSWORD, use
from tests.requests.browsers import cookie
from tests.requests.site import step

BROWSER = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(autouse=True)
def _for_programs(settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "HEADER_CARRIER": "apps"}
    use(settings, DATABASE)


@pytest.fixture
def program(new_browser):
    """A client without cookies."""
    return new_browser()


def signed_in(client, user, **extra):
    """Sign in as an API's view does, and return the response. ``response.answer`` is the credential."""

    def task(request):
        sessions.use_header(request)
        found = yield step(
            auth, "authenticate", request, username=user.get_username(), password=PASSWORD
        )
        yield step(auth, "login", request, found)
        return (yield step(sessions, "header_key", request))

    return client.do(task, **extra)


def bearer(credential, **headers):
    return {"headers": {"Authorization": f"Bearer {credential}", **headers}}


def name_of(client, **extra):
    """Return the name of the user who is signed in; empty for nobody."""
    return client.do(lambda request: request.user.get_username(), **extra).answer


# --- signing in ---------------------------------------------------------------------------------


def test_sign_in_gives_a_key_that_signs_in(program, user):
    credential = signed_in(program, user).answer
    assert credential.startswith("fds_")
    assert name_of(program, **bearer(credential)) == "ada"


def test_no_cookie_is_set(program, user):
    response = signed_in(program, user)
    assert not response.cookies
    response = program.do(
        lambda request: request.session.update({"a": 1}), **bearer(response.answer)
    )
    assert not response.cookies


def test_the_session_is_written_once(program, user, journal):
    signed_in(program, user)
    assert journal.writes == ["swap"]


def test_a_request_is_one_read(program, user, journal):
    credential = signed_in(program, user).answer
    journal.clear()
    name_of(program, **bearer(credential))
    assert journal == ["load_with_user"]


def test_a_session_of_a_cookie_that_came_along_is_left_alone(member, user):
    credential = signed_in(member, user).answer
    assert member.username() == "ada"
    assert len(sessions.for_user(user)) == 2
    assert {each.carrier for each in sessions.for_user(user)} == {"cookie", "header"}
    assert Key.parse(member.key).id != credentials.key_in("fds_", credential).id


def test_the_credential_hides_itself_from_error_reports(program, user):
    credential = signed_in(program, user).answer
    assert credential[10:] not in repr(credential)


def test_key_of_a_cookie_is_not_handed_out(member):
    def task(request):
        yield step(sessions, "header_key", request)

    with pytest.raises(ValueError, match="use_header"):
        member.do(task)


# --- a session belongs to one carrier -----------------------------------------------------------


def test_key_of_a_cookie_is_unknown_in_the_header(member, program):
    stolen = credentials.credential_of("fds_", Key(member.key))
    assert name_of(program, **bearer(stolen)) == ""
    assert member.username() == "ada"


def test_key_of_the_header_is_unknown_in_a_cookie(program, user, new_browser):
    browser = new_browser()
    browser.key = credentials.key_in("fds_", signed_in(program, user).answer)
    assert browser.username() == ""


def test_key_of_django_is_none_for_the_header(program):
    text = "fds_" + "a" * 32
    assert credentials.key_in("fds_", text + "0" * 7) is None
    assert name_of(program, **bearer(text + "0" * 7)) == ""


def test_cookie_is_not_looked_at_if_the_header_speaks(member, program):
    bad = credentials.credential_of("fds_", Key.new())
    assert name_of(member, **bearer(bad)) == ""
    assert name_of(member) == "ada"


def test_cookie_counts_with_credentials_of_another_kind(member):
    for value in ("Bearer abc", "Basic YTpi", "Bearer", ""):
        assert name_of(member, headers={"Authorization": value}) == "ada"


def test_bad_key_clears_no_cookie(member):
    bad = credentials.credential_of("fds_", Key.new())
    response = member.do(lambda request: str(request.user), **bearer(bad))
    assert cookie(response) is None


# --- the life of the session --------------------------------------------------------------------


def test_new_sign_in_replaces_the_key(program, user):
    def again(request):
        found = yield step(auth, "authenticate", request, username="ada", password=PASSWORD)
        yield step(auth, "login", request, found)
        return (yield step(sessions, "header_key", request))

    old = signed_in(program, user).answer
    new = program.do(again, **bearer(old)).answer
    assert name_of(program, **bearer(new)) == "ada"
    assert name_of(program, **bearer(old)) == ""
    assert len(sessions.for_user(user)) == 1


def test_sign_out_ends_the_session(program, user):
    def out(request):
        yield step(auth, "logout", request)

    credential = signed_in(program, user).answer
    program.do(out, **bearer(credential))
    assert name_of(program, **bearer(credential)) == ""
    assert sessions.count(user) == 0


def test_end_of_the_session_ends_access(program, user):
    credential = signed_in(program, user).answer
    sessions.end_all(user)
    assert name_of(program, **bearer(credential)) == ""


def test_values_are_kept(program, user):
    credential = signed_in(program, user).answer
    program.do(lambda request: request.session.update({"cart": [1]}), **bearer(credential))
    assert program.do(lambda request: request.session["cart"], **bearer(credential)).answer == [1]


# --- caches and other sites ---------------------------------------------------------------------


def test_responses_vary_on_both_carriers(program, member, user):
    credential = signed_in(program, user).answer
    for response in (
        program.do(lambda request: str(request.user), **bearer(credential)),
        member.do(lambda request: str(request.user)),
    ):
        assert {each.strip() for each in response["Vary"].split(",")} >= {"Cookie", "Authorization"}


def test_csrf_is_not_asked_of_the_header(member, user):
    credential = signed_in(member, user).answer
    member.handler.enforce_csrf_checks = True
    assert member.post("/plain/").status_code == 403
    assert member.post("/plain/", **bearer(credential)).status_code == 200


def test_page_in_a_browser_is_refused(program, user):
    credential = signed_in(program, user).answer
    for header in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://example.com"}):
        response = program.get("/home/", **bearer(credential, **header))
        assert response.status_code == 403
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "carrier_refused"


def test_page_in_a_browser_gets_no_key(program, user):
    assert signed_in(program, user, headers=BROWSER).status_code == 403
    assert sessions.count(user) == 0


def test_page_is_served_as_usual_with_its_cookie(member):
    assert name_of(member, headers=BROWSER) == "ada"


def test_anyone_may_be_a_page(program, user, settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "HEADER_CARRIER": "anyone"}
    credential = signed_in(program, user, headers=BROWSER).answer
    assert name_of(program, **bearer(credential, **BROWSER)) == "ada"


def test_nothing_of_this_without_the_setting(program, member, user, settings):
    credential = signed_in(program, user).answer
    settings.FRONTDESK = {**settings.FRONTDESK, "HEADER_CARRIER": "off"}
    assert name_of(program, **bearer(credential)) == ""
    assert name_of(member, **bearer(credential)) == "ada"
    assert "Authorization" not in member.do(lambda request: str(request.user))["Vary"]
    assert signed_in(program, user).status_code == 403


# --- any text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "Bearer fds_",
        "Bearer  fds_x",
        "bearer fds_" + "a" * 47,
        "Bearer fds_" + "\xe4" * 47,
        "Bearer fds_" + "a" * 100_000,
        "Bearer fds_\t\x00",
    ],
)
def test_malformed_credentials_are_anonymous_and_never_reach_the_storage(program, journal, value):
    assert name_of(program, headers={"Authorization": value}) == ""
    assert journal == []


@given(st.text(max_size=60))
def test_only_what_was_made_is_read(text):
    assert credentials.key_in("fds_", "fds_" + text) is None


def test_one_wrong_character_is_found():
    good = credentials.credential_of("fds_", Key.new())
    for at in range(len(good)):
        wrong = good[:at] + ("b" if good[at] != "b" else "c") + good[at + 1 :]
        assert credentials.key_in("fds_", wrong) is None
