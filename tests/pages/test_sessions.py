"""The page that lists sessions, and the pages that end them."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_out
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from frontdesk import sessions
from frontdesk.signals import Reason, session_ended
from frontdesk.storages import get_storage
from tests.fixtures import DATABASE
from tests.pages.catalogue import CHROME, FIREFOX, PASSWORD, page, sign_in

PAGE = "/accounts/sessions/"
END, END_OTHERS, END_ALL = f"{PAGE}end/", f"{PAGE}end-others/", f"{PAGE}end-all/"
ENDINGS = [END, END_OTHERS, END_ALL]


@pytest.fixture
def ended(django_capture_on_commit_callbacks):
    """The ids of the sessions that end from now on, and the reasons. Fills after ``with`` blocks."""
    found = set()

    def receiver(session_id, reason, **kwargs):
        found.add((session_id, reason))

    session_ended.connect(receiver)
    with django_capture_on_commit_callbacks(execute=True):
        yield found
    session_ended.disconnect(receiver)


def id_of(browser):
    """Return the public id of the session, which its cookie begins with."""
    return browser.cookies["sessionid"].value[:15]


def name_in(browser):
    return browser.get("/in/").content.decode()


def offered(response):
    """Return the ids that the page offers to end."""
    return [field["value"] for field in page(response).all("input") if field["name"] == "session"]


def buttons(response):
    found = page(response).all("button")
    return [button["aria-label"].replace("\xa0", " ") for button in found if "aria-label" in button]


def messages_of(response):
    found = re.findall(r'<li class="fd-message [\w-]+">(.*?)</li>', response.content.decode())
    return [text.replace("&#x27;", "'") for text in found]


# --- the list -----------------------------------------------------------------------------------


def test_it_shows_each_session_of_the_user_and_no_others(user, other_user):
    phone = sign_in(user, FIREFOX, "203.0.113.7")
    laptop = sign_in(user, CHROME, "198.51.100.2")
    sign_in(other_user, CHROME, "192.0.2.66")
    shown = page(phone.get(PAGE)).words
    for words in ("Firefox on Android", "Chrome on Linux", "203.0.113.7", "198.51.100.2"):
        assert words in shown
    assert "192.0.2.66" not in shown
    assert offered(phone.get(PAGE)) == [id_of(laptop)]


def test_it_marks_this_session_and_puts_it_first_then_the_last_used(user, clock):
    browsers = []
    for number in range(3):
        clock.move(minutes=1)
        browsers.append(sign_in(user, ip=f"203.0.113.{number}"))
    clock.move(seconds=30)  # less than the interval at which activity is recorded
    response = browsers[0].get(PAGE)
    assert offered(response) == [id_of(browsers[2]), id_of(browsers[1])]
    shown = page(response).words
    assert shown.count("This device") == 1
    places = [shown.index(f"203.0.113.{number}") for number in (0, 2, 1)]
    assert places == sorted(places)
    current = [item for item in page(response).all("li") if item.get("aria-current") == "true"]
    assert len(current) == 1


def test_it_says_when_and_how_a_user_signed_in_and_when_that_ends(user, clock):
    clock.set(1_800_000_000_000_000)  # 2027-01-15, 08:00 UTC
    other, browser = sign_in(user), sign_in(user)
    clock.move(minutes=2)
    response = browser.get(PAGE)
    text = page(response).text
    assert "Active 2 minutes ago" in text
    assert "Signed in with password" in text
    assert "Signed in Jan. 15, 2027, 8 a.m." in text
    assert "Jan. 29, 2027, 8 a.m. if not used until then" in text
    assert "Feb. 14, 2027, 8 a.m. at the latest" in text
    for key in (other.cookies["sessionid"].value, browser.cookies["sessionid"].value):
        assert key not in response.content.decode()
        assert key[15:] not in response.content.decode()


def test_relative_and_exact_times_need_no_mouse(user, clock):
    clock.set(1_800_000_000_000_000)
    sign_in(user)
    browser = sign_in(user)
    clock.move(minutes=2)
    found = page(browser.get(PAGE))
    times = found.all("time")
    assert {"datetime": "2027-01-15T08:00:00+00:00"} in times  # "2 minutes ago", a text
    exact = {"datetime": "2027-01-15T08:00:00+00:00", "data-fd-moment": None}
    assert times.count(exact) == 4  # in <details>: signed in and last active, twice
    assert len(found.all("details")) == 2
    assert not [attrs for _, attrs in found.tags if "title" in attrs]


def test_times_are_those_of_djangos_time_zone_without_a_script(user, clock, settings):
    clock.set(1_800_000_000_000_000)
    settings.TIME_ZONE = "Asia/Kolkata"
    found = page(sign_in(user).get(PAGE))
    assert "Jan. 15, 2027, 1:30 p.m." in found.words
    assert "Times are in the time zone Asia/Kolkata ." in found.text
    assert found.all("script") == [{"src": "/static/frontdesk/times.js", "defer": None}]


def test_a_session_without_limits_has_no_end_to_show(user, configure):
    configure(ABSOLUTE_TIMEOUT=None)
    text = page(sign_in(user).get(PAGE)).text
    assert text.count("Ends") == 1
    assert "at the latest" not in text


def test_it_shows_the_place_if_there_is_one(user, monkeypatch):
    monkeypatch.setattr(sessions, "place_of", lambda ip: f"Berlin, Germany ({ip})")
    assert "Berlin, Germany (203.0.113.7)" in page(sign_in(user, ip="203.0.113.7").get(PAGE)).words


@pytest.mark.parametrize("agent", ["<script>alert(1)</script>/1.0", '"><img src=x>/1.0'])
def test_what_a_client_calls_itself_is_text_and_never_markup(user, agent):
    browser = sign_in(user)
    sign_in(user, agent)
    found = page(browser.get(PAGE))
    assert [script["src"] for script in found.all("script")] == ["/static/frontdesk/times.js"]
    assert not found.all("img")


@pytest.mark.parametrize("client_info", ["masked", "off"])
def test_it_shows_no_more_than_is_kept(user, configure, client_info):
    configure(CLIENT_INFO=client_info)
    shown = page(sign_in(user, FIREFOX, "203.0.113.7").get(PAGE)).words
    assert ("203.0.113.0" in shown) == (client_info == "masked")
    assert ("Firefox" in shown) == (client_info == "masked")
    assert ("Unknown device" in shown) == (client_info == "off")


def test_each_button_says_which_session_it_ends(user, clock):
    sign_in(user, CHROME, "203.0.113.24")
    sign_in(user, "curl/8", "203.0.113.25")
    clock.move(hours=2)
    names = buttons(sign_in(user).get(PAGE))
    assert sorted(names) == [
        "Sign out Chrome on Linux, 203.0.113.24, active 2 hours ago",
        "Sign out curl, 203.0.113.25, active 2 hours ago",
    ]


def test_buttons_of_sessions_that_look_alike_have_different_names(user):
    browsers = [sign_in(user) for _ in range(4)]
    names = buttons(browsers[0].get(PAGE))
    assert len(set(names)) == 3
    # A button is named by what is written on it first (WCAG 2.2, 2.5.3).
    assert all(name.startswith("Sign out") for name in names)


def test_a_long_list_has_pages(user, clock):
    for number in range(24):
        clock.move(minutes=1)
        sign_in(user, ip=f"203.0.113.{number}")
    clock.move(minutes=1)
    browser = sign_in(user)
    first, second, third = (browser.get(f"{PAGE}?page={number}") for number in (1, 2, 3))
    assert [len(offered(response)) for response in (first, second, third)] == [9, 10, 5]
    assert "Page 2 of 3" in page(second).words
    links = [link["href"] for link in page(second).all("a") if "rel" in link]
    assert links == ["?page=1", "?page=3"]
    assert not set(offered(first)) & set(offered(second))


@pytest.mark.parametrize("number", ["0", "-1", "x", "99", "", "1' OR 1=1"])
def test_any_page_may_be_asked_for(user, number):
    assert sign_in(user).get(PAGE, {"page": number}).status_code == 200


def test_2_000_sessions_are_pages_of_ten_with_the_queries_of_one(user, configure):
    configure(STORAGE={"BACKEND": DATABASE}, MAX_SESSIONS_PER_USER=None)
    browser = sign_in(user, FIREFOX)

    def shown(query=""):
        with CaptureQueriesContext(connection) as seen:
            response = browser.get(PAGE + query)
        return len(page(response).all("details")), len(seen)

    assert shown() == (1, 3)
    (one,) = sessions.for_user(user)
    (record,) = get_storage().load([one.id])
    more = [replace(record, id=f"{number:015}") for number in range(1999)]
    assert all(get_storage().swap([(None, each) for each in more]))
    assert sessions.count(user) == 2000
    assert shown() == shown("?page=200") == (10, 3)
    words = page(browser.get(f"{PAGE}?page=200")).words
    assert "Page 200 of 200" in words


def test_a_short_list_has_no_pages(user):
    assert "Page 1 of 1" not in page(sign_in(user).get(PAGE)).words


@pytest.mark.parametrize("count", [1, 50])
def test_it_costs_three_queries_for_any_number_of_sessions(
    user, configure, settings, count, django_assert_num_queries
):
    configure(STORAGE={"BACKEND": DATABASE})
    browser = sign_in(user)
    for _ in range(count - 1):
        Client().force_login(user)
    browser.get(PAGE)
    with django_assert_num_queries(3):  # the session with its user, and the two lists
        browser.get(PAGE)


def test_an_anonymous_user_is_redirected_to_the_sign_in_page():
    for path in (PAGE, END, END_OTHERS, END_ALL, f"{PAGE}history/"):
        assert Client().get(path)["Location"] == f"/accounts/login/?next={path}"
        if path in ENDINGS:
            assert Client().post(path)["Location"] == f"/accounts/login/?next={path}"


def test_signing_out_everywhere_else_is_offered_only_if_there_is_another(user):
    browser = sign_in(user)
    assert END_OTHERS not in browser.get(PAGE).content.decode()
    sign_in(user)
    assert END_OTHERS in browser.get(PAGE).content.decode()


# --- ending -------------------------------------------------------------------------------------


def test_one_session_ends_and_the_message_says_which(user, ended):
    browser, other, third = sign_in(user), sign_in(user, FIREFOX, "203.0.113.7"), sign_in(user)
    response = browser.post(END, {"session": id_of(other)}, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert messages_of(response) == ["Signed out: Firefox on Android, 203.0.113.7."]
    assert (name_in(browser), name_in(other), name_in(third)) == (user.username, "", user.username)
    assert ended == {(id_of(other), Reason.REVOKED)}


def test_the_message_takes_the_focus(user):
    browser, other = sign_in(user), sign_in(user)
    found = page(browser.post(END, {"session": id_of(other)}, follow=True))
    focused = [attrs for _, attrs in found.tags if "autofocus" in attrs]
    assert [attrs["class"] for attrs in focused] == ["fd-messages"]


def test_a_session_ends_though_it_got_a_new_key_since_it_was_shown(user, clock):
    browser, other = sign_in(user), sign_in(user)
    shown = offered(browser.get(PAGE))
    other.post("/accounts/login/", {"username": user.username, "password": PASSWORD})
    clock.move(minutes=1)
    browser.post(END, {"session": shown[0]})
    assert name_in(other) == ""


def test_all_others_end_after_a_page_that_asks(user, other_user, ended):
    browser, foreign = sign_in(user), sign_in(other_user)
    others = [sign_in(user), sign_in(user)]
    assert (
        "This ends 2 other sessions. You stay signed in on this device."
        in page(browser.get(END_OTHERS)).words
    )
    response = browser.post(END_OTHERS, follow=True)
    assert messages_of(response) == ["Signed out of 2 other sessions."]
    assert [name_in(other) for other in others] == ["", ""]
    assert (name_in(browser), name_in(foreign)) == (user.username, "bob")
    assert ended == {(id_of(other), Reason.REVOKED) for other in others}


def test_ending_all_others_when_there_are_none_says_so(user):
    browser = sign_in(user)
    assert "You are not signed in anywhere else." in page(browser.get(END_OTHERS)).words
    response = browser.post(END_OTHERS, follow=True)
    assert messages_of(response) == ["You are not signed in anywhere else."]


def test_all_end_and_this_session_is_signed_out(user, other_user, ended):
    browser, foreign, other = sign_in(user), sign_in(other_user), sign_in(user)
    own, theirs, left = id_of(browser), id_of(other), []

    def receiver(user, **kwargs):
        left.append(user)

    user_logged_out.connect(receiver)
    try:
        response = browser.post(END_ALL, follow=True)
    finally:
        user_logged_out.disconnect(receiver)
    assert response.redirect_chain == [("/accounts/logout/", 302)]
    assert left == [user]
    assert messages_of(response) == ["You are signed out everywhere."]
    assert (name_in(browser), name_in(other), name_in(foreign)) == ("", "", "bob")
    assert ended == {(theirs, Reason.REVOKED), (own, Reason.LOGOUT)}


def test_ending_this_session_signs_out(user, ended):
    browser, other = sign_in(user), sign_in(user)
    own = id_of(browser)
    response = browser.post(END, {"session": own})
    assert response["Location"] == "/accounts/logout/"
    assert (name_in(browser), name_in(other)) == ("", user.username)
    assert ended == {(own, Reason.LOGOUT)}


def test_signing_out_everywhere_goes_where_the_project_says(user, settings):
    settings.LOGOUT_REDIRECT_URL = "/in/"
    assert sign_in(user).post(END_ALL)["Location"] == "/in/"


def test_no_user_ends_the_session_of_another(user, other_user):
    """ASVS 8.2.2."""
    browser, victim = sign_in(other_user), sign_in(user)
    response = browser.post(END, {"session": id_of(victim)}, follow=True)
    assert messages_of(response) == ["That session has already ended."]
    assert name_in(victim) == user.username


@pytest.mark.parametrize(
    "text", ["", "x", "\0", "a" * 15, "a" * 64, "' OR 1=1 --", "é" * 15, "A" * 100_000, "../etc"]
)
def test_any_text_may_come_as_an_id(user, text):
    browser, other = sign_in(user), sign_in(user)
    assert browser.post(END, {"session": text})["Location"] == PAGE
    assert (name_in(browser), name_in(other)) == (user.username, user.username)


def test_an_absent_id_ends_nothing(user):
    browser, other = sign_in(user), sign_in(user)
    assert browser.post(END)["Location"] == PAGE
    assert (name_in(browser), name_in(other)) == (user.username, user.username)


@pytest.mark.parametrize("path", ENDINGS)
def test_a_get_ends_nothing(user, path):
    browser, other = sign_in(user), sign_in(user)
    browser.get(path, {"session": id_of(other)})
    browser.head(path)
    assert (name_in(browser), name_in(other)) == (user.username, user.username)


@pytest.mark.parametrize("path", ENDINGS)
@pytest.mark.parametrize("middleware", ["with", "without"])
def test_a_forged_post_ends_nothing(user, settings, path, middleware):
    if middleware == "without":
        csrf = "django.middleware.csrf.CsrfViewMiddleware"
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != csrf]
    browser, other = Client(enforce_csrf_checks=True), Client()
    browser.force_login(user)
    other.force_login(user)
    assert browser.post(path, {"session": id_of(other)}).status_code == 403
    assert (name_in(browser), name_in(other)) == (user.username, user.username)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (END, "Enter your password to sign out Firefox on Android, 203.0.113.7"),
        (END_OTHERS, "Enter your password to sign out everywhere else"),
        (END_ALL, "Enter your password to sign out everywhere"),
    ],
)
def test_ending_asks_for_the_password_when_the_sign_in_is_old(user, clock, path, asked):
    """ASVS 7.5.2."""
    browser, other = sign_in(user), sign_in(user, FIREFOX, "203.0.113.7")
    gone = id_of(other)
    clock.move(minutes=16)
    response = browser.post(path, {"session": gone})
    assert response.status_code == 403
    assert asked in page(response).words
    assert name_in(other) == user.username
    browser.post(path, {"session": gone, "reauthenticate-password": PASSWORD})
    assert name_in(other) == ""
    assert name_in(browser) == ("" if path == END_ALL else user.username)


def test_the_form_that_asks_for_the_password_leads_back(user, clock):
    browser, other = sign_in(user), sign_in(user)
    clock.move(minutes=16)
    came_from = {"Referer": f"http://testserver{PAGE}"}
    response = browser.post(END, {"session": id_of(other)}, headers=came_from)
    links = page(response).all("a")
    assert {"class": "fd-button fd-button-quiet", "href": f"http://testserver{PAGE}"} in links
    assert "Cancel" in page(response).words


def test_the_form_that_asks_for_the_password_is_sound_html(user, configure):
    configure(REAUTH_AGE=timedelta(microseconds=1))
    response = sign_in(user).post(END, {"session": '"><b>'})
    found = page(response)
    assert response.status_code == 403
    assert "Enter your password" in found.words
    assert not found.all("b")
    assert {"type": "hidden", "name": "session", "value": '"><b>'} in found.all("input")


@pytest.mark.parametrize("path", ENDINGS)
def test_staff_acting_as_another_user_end_no_sessions(user, other_user, acting_as, path):
    """The password was that of one user, and the sessions are those of another."""
    browser, own, theirs = sign_in(user), sign_in(user), sign_in(other_user)
    acting_as(other_user)
    response = browser.post(path, {"session": id_of(theirs)}, follow=True)
    assert response.request["PATH_INFO"] == reverse("login")
    assert "acting as a different user" in messages_of(response)[0]
    acting_as(None)
    names = (name_in(browser), name_in(own), name_in(theirs))
    assert names == (user.username, user.username, "bob")


def test_it_works_without_messages(user, settings):
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "django.contrib.messages"
    ]
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "messages" not in name]
    options = {"context_processors": ["django.contrib.auth.context_processors.auth"]}
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": options}]
    browser = sign_in(user)
    assert browser.get(PAGE).status_code == 200
    assert browser.post(END, {"session": "x"})["Location"] == PAGE
    assert browser.post(END_ALL)["Location"] == "/accounts/logout/"
    assert sessions.count(user) == 0
