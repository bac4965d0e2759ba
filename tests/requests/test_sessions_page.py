"""The page on which people see where they are signed in, and end what they do not want."""

from contextlib import contextmanager

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, user_logged_out

from frontdesk import conf, sessions, values
from frontdesk.session import SIGN_IN_KEYS
from frontdesk.signals import Reason, session_ended
from frontdesk.storages import get_storage
from frontdesk.storages.record import Changes
from tests.pages.catalogue import Page
from tests.requests.browsers import directives
from tests.requests.conftest import PASSWORD
from tests.requests.steps import enter

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("storage_setting", "_desk"),
]

one_storage = pytest.mark.parametrize("storage_setting", ["database"], indirect=True)

PAGE = "/desk/sessions/"
END, END_OTHERS, END_ALL = f"{PAGE}end/", f"{PAGE}end-others/", f"{PAGE}end-all/"

FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


@pytest.fixture
def _desk(settings):
    settings.ROOT_URLCONF = "tests.requests.desk_site"
    # Not assigned, as that would make a new storage.
    settings.FRONTDESK["TRUSTED_PROXY_COUNT"] = 1
    conf.options.cache_clear()


@pytest.fixture
def signed_in(new_browser):
    """Return a browser in which that user has just signed in."""

    def make(user, agent="", ip="127.0.0.1"):
        browser = new_browser()
        credentials = {"username": user.get_username(), "password": PASSWORD}
        origin = {"User-Agent": agent, "X-Forwarded-For": ip}
        browser.post("/login/", credentials, headers=origin)
        return browser

    return make


@pytest.fixture
def telling(django_capture_on_commit_callbacks):
    """A context that gives what is told of the sessions that end in it: ids and reasons."""

    @contextmanager
    def context():
        told = set()

        def receiver(session_id, reason, **kwargs):
            told.add((session_id, reason))

        session_ended.connect(receiver)
        with django_capture_on_commit_callbacks(execute=True):
            yield told
        session_ended.disconnect(receiver)

    return context


def id_of(browser):
    return browser.do(sessions.current).answer.id


def words(response):
    return Page(response.content.decode()).words


def offered(response):
    """The ids that the page offers to end."""
    fields = Page(response.content.decode()).all("input")
    return [field["value"] for field in fields if field["name"] == "session"]


# --- the list -----------------------------------------------------------------------------------


def test_it_shows_each_session_of_its_own_and_nobody_elses(signed_in, user, other_user):
    phone = signed_in(user, FIREFOX, "203.0.113.7")
    desk = signed_in(user, CHROME, "198.51.100.2")
    stranger = signed_in(other_user, CHROME, "192.0.2.66")
    shown = words(phone.get(PAGE))
    assert "Firefox on Android" in shown
    assert "Chrome on Windows" in shown
    assert "203.0.113.7" in shown
    assert "198.51.100.2" in shown
    assert "192.0.2.66" not in shown
    assert offered(phone.get(PAGE)) == [id_of(desk)]
    assert offered(stranger.get(PAGE)) == []


def test_it_marks_this_one_and_puts_it_first_then_the_newest_activity(signed_in, user, clock):
    browsers = []
    for minute in range(3):
        clock.move(minutes=1)
        browsers.append(signed_in(user, ip=f"203.0.113.{minute}"))
    clock.move(seconds=30)  # less than the interval at which activity is recorded
    page = browsers[0].get(PAGE)
    assert offered(page) == [id_of(browsers[2]), id_of(browsers[1])]
    shown = words(page)
    assert shown.count("This session") == 1
    places = [shown.index(f"203.0.113.{number}") for number in (0, 2, 1)]
    assert places == sorted(places)


@one_storage
def test_it_says_when_and_how_somebody_signed_in_and_when_that_ends(signed_in, user, clock):
    clock.set(1_800_000_000_000_000)  # 2027-01-15, 08:00 UTC
    old, browser = signed_in(user), signed_in(user)
    clock.move(minutes=2)
    page = browser.get(PAGE)
    shown = words(page)
    assert "2 minutes ago" in shown
    assert "Jan. 15, 2027, 8 a.m." in shown
    assert "with password" in shown
    assert "Jan. 29, 2027, 8 a.m." in shown  # unless it is used
    assert "Feb. 14, 2027, 8 a.m." in shown  # in any case
    moments = Page(page.content.decode()).all("time")
    assert {"datetime": "2027-01-15T08:00:00+00:00", "title": "Jan. 15, 2027, 8 a.m."} in moments
    assert old.key not in page.content.decode()
    assert browser.key not in page.content.decode()


@one_storage
def test_times_are_those_of_the_persons_time_zone(signed_in, user, clock, settings):
    clock.set(1_800_000_000_000_000)
    settings.TIME_ZONE = "Asia/Kolkata"
    assert "Jan. 15, 2027, 1:30 p.m." in words(signed_in(user).get(PAGE))


@one_storage
def test_a_session_without_limits_has_no_end(signed_in, user, settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "ABSOLUTE_TIMEOUT": None}
    shown = words(signed_in(user).get(PAGE))
    assert shown.count("Ends") == 1
    assert not [line for line in shown if "in any case" in line]


@one_storage
def test_it_says_in_which_time_zone_its_times_are(signed_in, user, settings):
    browser = signed_in(user)
    assert "Times are those of the time zone UTC." in words(browser.get(PAGE))
    settings.TIME_ZONE = "Europe/Berlin"
    assert "Times are those of the time zone Europe/Berlin." in words(browser.get(PAGE))


@one_storage
def test_it_shows_the_place_if_there_is_one(signed_in, user, monkeypatch):
    monkeypatch.setattr(sessions, "place_of", lambda ip: f"Berlin, Germany ({ip})")
    browser = signed_in(user, ip="203.0.113.7")
    assert "Berlin, Germany (203.0.113.7), 203.0.113.7" in words(browser.get(PAGE))


@one_storage
def test_what_a_client_calls_itself_is_text_and_never_markup(signed_in, user):
    browser = signed_in(user, "<script>alert(1)</script>/1.0")
    page = browser.get(PAGE)
    assert b"<script" not in page.content
    signed_in(user, '"><img src=x>/1.0')
    assert b"<img" not in browser.get(PAGE).content


@pytest.mark.parametrize("client_info", ["masked", "off"])
@one_storage
def test_it_shows_no_more_than_is_kept(signed_in, user, settings, client_info):
    settings.FRONTDESK = {**settings.FRONTDESK, "CLIENT_INFO": client_info}
    shown = words(signed_in(user, FIREFOX, "203.0.113.7").get(PAGE))
    assert ("203.0.113.0" in shown) == (client_info == "masked")
    assert ("Firefox" in shown) == (client_info == "masked")
    assert ("Unknown device" in shown) == (client_info == "off")


def test_values_that_cannot_be_decoded_do_not_break_the_list(signed_in, user):
    browser, broken = signed_in(user), signed_in(user)
    garbage = {BACKEND_SESSION_KEY: b"\xff{garbage", "cart": b"\x00"}
    get_storage().update(id_of(broken), Changes(values=garbage))
    found = {session.id: session.methods for session in sessions.for_user(user)}
    assert sorted(found.values()) == [(), ("password",)]
    assert browser.get(PAGE).status_code == 200


@one_storage
def test_only_the_few_values_that_are_needed_are_decoded(signed_in, user, monkeypatch):
    browser = signed_in(user)
    browser.keep(cart=["lamp"] * 1000)
    asked = []
    monkeypatch.setattr(
        values, "decode", lambda given, serializer: asked.extend(given) or dict.fromkeys(given, "")
    )
    sessions.for_user(user)
    assert set(asked) <= SIGN_IN_KEYS


@one_storage
def test_a_visitor_is_sent_to_sign_in(browser):
    for path in (PAGE, END, END_OTHERS, END_ALL):
        ask = browser.get if path == PAGE else browser.post
        assert ask(path)["Location"] == f"/login/?next={path}"


@one_storage
def test_no_answer_of_it_is_stored(signed_in, user):
    browser = signed_in(user)
    answers = [browser.get(PAGE), browser.get(END), browser.post(END_OTHERS), browser.post(END_ALL)]
    for answer in answers:
        assert {"no-store", "private"} <= directives(answer)


@one_storage
@pytest.mark.parametrize("count", [1, 50])
def test_the_page_costs_two_queries_for_any_number_of_sessions(
    signed_in, new_browser, user, count, django_assert_num_queries
):
    browser = signed_in(user)
    for _ in range(count - 1):
        new_browser().force_login(user)
    with django_assert_num_queries(3):  # the session with its user, the list, and the history
        page = browser.get(PAGE)
    assert len(offered(page)) == count - 1


# --- ending -------------------------------------------------------------------------------------


def test_one_session_is_ended_at_once(signed_in, user, telling):
    browser, other, third = signed_in(user), signed_in(user), signed_in(user)
    gone = id_of(other)
    with telling() as told:
        response = browser.post(END, {"session": gone})
    assert response["Location"] == PAGE
    assert "That session has ended." in words(browser.get(PAGE))
    assert (browser.who(), other.who(), third.who()) == ("ada", "", "ada")
    assert told == {(gone, Reason.REVOKED)}


def test_all_others_are_ended(signed_in, user, other_user, telling):
    browser, stranger = signed_in(user), signed_in(other_user)
    others = [signed_in(user), signed_in(user)]
    gone = {id_of(other) for other in others}
    with telling() as told:
        response = browser.post(END_OTHERS)
    assert response["Location"] == PAGE
    assert "2 other sessions have ended." in words(browser.get(PAGE))
    assert [other.who() for other in others] == ["", ""]
    assert (browser.who(), stranger.who()) == ("ada", "bob")
    assert told == {(name, Reason.REVOKED) for name in gone}


def test_all_are_ended_and_this_one_is_signed_out_of(signed_in, user, other_user, telling):
    browser, stranger = signed_in(user), signed_in(other_user)
    other = signed_in(user)
    own, theirs = id_of(browser), id_of(other)
    left = []

    def receiver(user, **kwargs):
        left.append(user.get_username())

    user_logged_out.connect(receiver)
    try:
        with telling() as told:
            response = browser.post(END_ALL)
    finally:
        user_logged_out.disconnect(receiver)
    assert response["Location"] in {"/logout/", "/desk/logout/"}
    assert left == [user.get_username()]
    assert "All your sessions have ended." in words(browser.get("/desk/logout/"))
    assert (browser.who(), other.who(), stranger.who()) == ("", "", "bob")
    assert sessions.count(user) == 0
    assert told == {(theirs, Reason.REVOKED), (own, Reason.LOGOUT)}


def test_ending_this_one_signs_out(signed_in, user, telling):
    browser, other = signed_in(user), signed_in(user)
    own = id_of(browser)
    with telling() as told:
        response = browser.post(END, {"session": own})
    assert "logout" in response["Location"]
    assert (browser.who(), other.who()) == ("", "ada")
    assert told == {(own, Reason.LOGOUT)}


@one_storage
def test_signing_out_goes_where_the_project_says(signed_in, user, settings):
    settings.LOGOUT_REDIRECT_URL = "/plain/"
    assert signed_in(user).post(END_ALL)["Location"] == "/plain/"


def test_nobody_ends_the_session_of_somebody_else(signed_in, user, other_user):
    """ASVS 8.2.2."""
    browser, victim = signed_in(other_user), signed_in(user)
    response = browser.post(END, {"session": id_of(victim)})
    assert response["Location"] == PAGE
    assert "That session is not there any more." in words(browser.get(PAGE))
    assert victim.who() == "ada"


@pytest.mark.parametrize(
    "text", ["", "x", "\0", "a" * 64, "' OR 1=1 --", "é" * 64, "A" * 100_000, "../../etc", "%00"]
)
def test_any_text_may_come_as_an_id(signed_in, user, text):
    browser, other = signed_in(user), signed_in(user)
    assert browser.post(END, {"session": text})["Location"] == PAGE
    assert (browser.who(), other.who()) == ("ada", "ada")


def test_no_id_at_all_and_two_of_them_are_no_fault_either(signed_in, user):
    browser, other = signed_in(user), signed_in(user)
    assert browser.post(END)["Location"] == PAGE
    assert browser.post(END, {"session": ["x", id_of(other)]})["Location"] == PAGE
    assert other.who() == ""  # Django takes the last one


@pytest.mark.parametrize("path", [END, END_OTHERS, END_ALL])
def test_a_get_ends_nothing(signed_in, user, path):
    browser, other = signed_in(user), signed_in(user)
    assert browser.get(f"{path}?session={id_of(other)}")["Location"] == PAGE
    assert (browser.who(), other.who()) == ("ada", "ada")


@one_storage
@pytest.mark.parametrize("path", [END, END_OTHERS, END_ALL])
@pytest.mark.parametrize("middleware", ["with", "without"])
def test_a_forged_post_ends_nothing(new_browser, user, settings, path, middleware):
    if middleware == "without":
        csrf = "django.middleware.csrf.CsrfViewMiddleware"
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != csrf]
    browser, other = new_browser(enforce_csrf_checks=True), new_browser()
    browser.force_login(user)
    other.force_login(user)
    assert browser.post(path, {"session": id_of(other)}).status_code == 403
    assert (browser.who(), other.who()) == ("ada", "ada")


@pytest.mark.parametrize("path", [END, END_OTHERS, END_ALL])
def test_ending_asks_for_the_password_when_the_sign_in_is_old(clock, signed_in, user, path):
    """ASVS 7.5.2."""
    browser, other = signed_in(user), signed_in(user)
    gone = id_of(other)
    clock.move(minutes=16)
    asked = browser.post(path, {"session": gone})
    assert asked.status_code == 403
    assert other.who() == "ada"
    done = enter(browser, asked, path)
    assert done.status_code == 302
    assert other.who() == ""
    assert browser.who() == ("" if path == END_ALL else "ada")


@pytest.mark.parametrize("path", [END, END_OTHERS, END_ALL])
def test_who_acts_as_another_user_ends_no_sessions(signed_in, user, other_user, acting_as, path):
    """The password was that of one, and the sessions are those of another."""
    browser, own, theirs = signed_in(user), signed_in(user), signed_in(other_user)
    gone = id_of(theirs)
    acting_as(other_user)
    response = browser.post(path, {"session": gone})
    assert response["Location"].startswith("/login/?next=")
    assert b"you are acting as another user" in browser.get("/desk/login/").content
    acting_as(None)
    assert (browser.who(), own.who(), theirs.who()) == ("ada", "ada", "bob")


@one_storage
def test_it_works_without_messages(browser, user, settings):
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "django.contrib.messages"
    ]
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "messages" not in name]
    options = {"context_processors": ["django.contrib.auth.context_processors.auth"]}
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": options}]
    settings.ROOT_URLCONF = "tests.pages.urls"
    browser.force_login(user)
    page = "/accounts/sessions/"
    assert browser.get(page).status_code == 200
    assert browser.post(f"{page}end/", {"session": "x"})["Location"] == page
    assert browser.post(f"{page}end-all/")["Location"] == "/accounts/logout/"
    assert sessions.count(user) == 0
