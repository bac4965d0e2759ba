"""Re-authentication: who signed in long ago enters the password again, and what they sent is not lost."""

import sys
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate, get_user_model, login, user_login_failed
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import got_request_exception
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_post_parameters

from frontdesk import carrying, reentry, sessions, views
from frontdesk.decorators import recent_login_required
from frontdesk.signals import user_reauthenticated
from tests.pages.catalogue import Page
from tests.requests import desk_site
from tests.requests.browsers import cookie, directives
from tests.requests.conftest import PASSWORD
from tests.requests.steps import FIELD, Form, enter, form_in, is_anonymous

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("storage_setting", "_desk"),
]

one_storage = pytest.mark.parametrize("storage_setting", ["database"], indirect=True)
each_view = pytest.mark.parametrize("view", ["function", "afunction", "class", "aclass"])

REENTER = "/desk/reauthenticate/"


@pytest.fixture
def _desk(settings):
    settings.ROOT_URLCONF = "tests.requests.desk_site"
    desk_site.seen.clear()


@pytest.fixture
def late(clock, member):
    """A browser in which the user signed in an hour ago."""
    clock.move(hours=1)
    return member


# --- who is let in ------------------------------------------------------------------------------


@each_view
def test_a_recent_sign_in_lets_the_view_run(member, view):
    assert member.get(f"/delicate/{view}/").content == b"done"
    assert member.post(f"/delicate/{view}/", {"a": "1"}).content == b"done"


@each_view
def test_an_anonymous_visitor_is_sent_to_sign_in_and_back(browser, view):
    for ask in (browser.get, browser.post):
        response = ask(f"/delicate/{view}/?page=2")
        assert response["Location"] == f"/login/?next=/delicate/{view}/%3Fpage%3D2"
    assert desk_site.seen == []


@each_view
def test_a_get_that_is_too_old_goes_to_the_page_and_comes_back(late, view):
    path = f"/delicate/{view}/?page=2"
    response = late.get(path)
    assert response["Location"].startswith("/desk/reauthenticate/?next=/delicate/")
    asked = late.get(response["Location"])
    entered = enter(late, asked, "/desk/reauthenticate/")
    assert entered["Location"] == path
    assert late.get(path).content == b"done"


@one_storage
def test_the_age_is_that_of_the_setting_or_of_the_view(member, clock):
    clock.move(minutes=14, seconds=59)
    assert member.get("/delicate/function/").status_code == 200
    clock.move(seconds=1)
    assert member.get("/delicate/function/").status_code == 302
    assert member.get("/daily/").status_code == 200
    clock.move(hours=23, minutes=44, seconds=59)
    assert member.get("/daily/").status_code == 200
    clock.move(seconds=1)
    assert member.get("/daily/").status_code == 302


@one_storage
def test_activity_does_not_make_a_sign_in_recent(member, clock):
    for _ in range(16):
        clock.move(minutes=1)
        member.get("/home/")
    assert member.get("/delicate/function/").status_code == 302


@one_storage
def test_a_clock_that_jumps_back_does_not_make_a_sign_in_recent_for_long(member, clock):
    clock.move(minutes=-5)
    assert member.get("/delicate/function/").status_code == 200
    clock.move(days=-1)
    assert member.get("/delicate/function/").status_code == 302


@one_storage
def test_the_setting_is_followed(late, settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "REAUTH_AGE": timedelta(hours=2)}
    assert late.get("/delicate/function/").status_code == 200


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=-1)])
@one_storage
def test_an_age_that_nobody_can_meet_is_refused(age):
    with pytest.raises(ValueError, match="positive"):
        recent_login_required(max_age=age)


@one_storage
def test_a_user_who_did_not_come_with_the_session_has_shown_nothing_to_it(member, other_user, rf):
    """As with a header that names somebody else than the cookie does."""

    def task(request):
        request.user = other_user
        return recent_login_required(lambda request: "let in")(request)

    assert member.do(task).status_code == 302


@one_storage
def test_a_sign_in_of_this_very_request_is_recent(browser, user):
    def task(request):
        login(request, authenticate(request, username="ada", password=PASSWORD))
        return recent_login_required(lambda request: "let in")(request)

    assert browser.do(task).answer == "let in"


@one_storage
def test_a_sign_in_of_this_very_request_is_recent_for_nobody_else(browser, user, other_user):
    def task(request):
        login(request, authenticate(request, username="ada", password=PASSWORD))
        request.user = other_user
        return recent_login_required(lambda request: "let in")(request)

    assert browser.do(task)["Location"].startswith("/login/")


@one_storage
def test_the_mixin_guards_even_when_it_is_listed_last(late):
    def task(request):
        return desk_site.WrongOrder.as_view()(request)

    assert late.do(task).status_code == 302


@one_storage
def test_other_engines_are_refused_in_words(user):
    request = RequestFactory().get("/")
    request.user, request.session = user, {}
    with pytest.raises(ImproperlyConfigured, match=r"frontdesk\.engine"):
        recent_login_required(lambda request: None)(request)


# --- a POST is not lost -------------------------------------------------------------------------

SENT = {
    "line": ["b", "a", "b"],
    "other": ["<é> \"'&\r\ntwo"],
    "password": ["of the view"],
    "e": [""],
}


@each_view
def test_a_post_is_answered_with_a_form_and_goes_through_with_the_password(late, view):
    path = f"/delicate/{view}/?page=2"
    asked = late.post(path, SENT)
    assert asked.status_code == 403
    assert desk_site.seen == []
    assert Form(asked).action is None  # to the same address
    done = enter(late, asked, path)
    assert done.content == b"done"
    assert desk_site.seen == [SENT]
    assert late.who() == "ada"


@each_view
def test_a_wrong_password_asks_again_and_keeps_what_was_sent(late, view):
    path = f"/delicate/{view}/"
    asked = late.post(path, SENT)
    again = enter(late, asked, path, "not this one")
    assert again.status_code == 403
    assert b"was not accepted" in again.content
    assert b"not this one" not in again.content
    assert desk_site.seen == []
    assert enter(late, again, path).content == b"done"
    assert desk_site.seen == [SENT]


@one_storage
def test_the_order_of_the_fields_and_of_their_values_is_kept(late):
    asked = late.post("/delicate/function/", {"b": ["2", "1"], "a": ["3"]})
    hidden = [(name, value) for name, value in form_in(asked).items() if name in "ab"]
    assert hidden == [("b", ["2", "1"]), ("a", ["3"])]


@one_storage
def test_neither_the_token_nor_the_password_is_repeated(user, clock):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    clock.move(hours=1)
    token = form_in(browser.get("/desk/password_change/"))["csrfmiddlewaretoken"][0]
    sent = {"csrfmiddlewaretoken": token, FIELD: "not this one", "a": "1"}
    asked = browser.post("/delicate/function/", sent)
    assert asked.status_code == 403
    form = form_in(asked)
    assert set(form) == {"csrfmiddlewaretoken", carrying.USERNAME_FIELD, "a"}
    assert token not in form["csrfmiddlewaretoken"]
    del form["csrfmiddlewaretoken"]
    assert browser.post("/delicate/function/", {**form, FIELD: PASSWORD}).status_code == 403
    assert desk_site.seen == []


@one_storage
def test_nothing_is_kept_in_the_session(late):
    before = late.do(lambda request: dict(request.session.items())).answer
    late.post("/delicate/function/", SENT)
    assert late.do(lambda request: dict(request.session.items())).answer == before


@one_storage
def test_a_password_that_comes_although_it_is_not_needed_is_not_shown_to_the_view(member):
    member.post("/delicate/function/", {"a": "1", FIELD: PASSWORD, carrying.USERNAME_FIELD: "ada"})
    assert desk_site.seen == [{"a": ["1"]}]


@one_storage
def test_a_view_sees_a_post_that_it_cannot_change_by_mistake(late):
    kept = []

    def task(request):
        request.method, request.POST = "POST", request.POST.copy()
        request.POST.update({FIELD: PASSWORD, "a": "1"})
        request.content_type = "application/x-www-form-urlencoded"
        return recent_login_required(lambda request: kept.append(request.POST))(request)

    late.do(task)
    with pytest.raises(AttributeError):
        kept[0]["a"] = "2"


@one_storage
def test_a_post_without_a_body_goes_through(late):
    path = "/delicate/function/"
    asked = late.post(path, b"", content_type="text/plain", headers={"Content-Length": "0"})
    assert enter(late, asked, path).content == b"done"


# --- what cannot be kept is said ------------------------------------------------------------------


@one_storage
def test_files_cannot_be_kept_and_are_named(late):
    sent = {"a": "1", "photo": SimpleUploadedFile("me <3.png", b"pixels")}
    asked = late.post("/delicate/function/", sent)
    assert "The files that you chose cannot be kept:" in Page(asked.content.decode()).words
    assert "me <3.png" in Page(asked.content.decode()).words
    assert enter(late, asked, "/delicate/function/").content == b"done"
    assert desk_site.seen == [{"a": ["1"]}]


@pytest.mark.parametrize(
    "sent",
    [
        {"a": "x" * (carrying.MOST_BYTES + 1)},
        {"a": "no\0where"},
        {f"field{number}": "" for number in range(998)},
    ],
    ids=["large", "nul", "many"],
)
@one_storage
def test_what_is_too_much_or_cannot_be_said_in_html_is_not_cut_but_refused_in_words(late, sent):
    asked = late.post("/delicate/function/", sent, headers={"Referer": "http://testserver/form/"})
    assert asked.status_code == 403
    assert b"cannot be kept" in asked.content
    assert Form(asked).action == "/desk/reauthenticate/"
    entered = enter(late, asked, "/desk/reauthenticate/")
    assert entered["Location"] == "http://testserver/form/"
    assert desk_site.seen == []
    assert late.post("/delicate/function/", {"a": "1"}).content == b"done"


@one_storage
def test_as_many_fields_as_fit_go_through(late):
    sent = {f"field{number}": ["x"] for number in range(997)}
    asked = late.post("/delicate/function/", sent)
    assert enter(late, asked, "/delicate/function/").content == b"done"
    assert desk_site.seen == [sent]


@pytest.mark.parametrize("size", [100_000, 200_000])
@one_storage
def test_what_fits_into_the_projects_own_limit_goes_through_or_is_refused_in_words(
    late, settings, size
):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = size + 3000
    asked = late.post("/delicate/function/", {"a": "x" * size})
    assert b"cannot be kept" in asked.content
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = size + 5000
    asked = late.post("/delicate/function/", {"a": "x" * size})
    assert enter(late, asked, "/delicate/function/").content == b"done"


@one_storage
def test_a_body_that_is_no_form_is_refused_in_words(late):
    asked = late.post("/delicate/class/", b'{"a": 1}', content_type="application/json")
    assert asked.status_code == 403
    assert b"cannot be kept" in asked.content
    assert "a" not in form_in(asked)


@one_storage
def test_other_methods_are_refused_too(late):
    kept = []

    def task(request):
        request.method = "PUT"
        return recent_login_required(kept.append)(request)

    assert late.do(task).status_code == 403
    assert kept == []


@one_storage
def test_the_page_before_is_not_believed_when_it_is_of_another_site(late):
    asked = late.post(
        "/delicate/class/",
        b"{}",
        content_type="application/json",
        headers={"Referer": "https://elsewhere.example/"},
    )
    assert b"elsewhere" not in asked.content


# --- the password -------------------------------------------------------------------------------


class Watchful(ModelBackend):
    """A backend that counts tries, and stops whoever has none left."""

    tries: list[str | None] = []
    left = 100

    def authenticate(self, request, username=None, password=None, **kwargs):
        Watchful.tries.append(username)
        if len(Watchful.tries) > Watchful.left:
            raise PermissionDenied
        return super().authenticate(request, username, password, **kwargs)


@pytest.fixture
def watchful(settings):
    """Put a backend first that counts tries."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Watchful", *settings.AUTHENTICATION_BACKENDS]
    Watchful.tries.clear()
    yield Watchful
    Watchful.left = 100


@one_storage
def test_backends_and_the_signal_see_a_failure_as_at_a_sign_in(late, watchful):
    failed = []

    def receiver(credentials, request, **kwargs):
        failed.append((credentials, request.path))

    user_login_failed.connect(receiver)
    try:
        enter(late, late.post("/delicate/function/"), "/delicate/function/", "wrong")
        enter(late, late.get("/desk/reauthenticate/"), "/desk/reauthenticate/", "wrong")
    finally:
        user_login_failed.disconnect(receiver)
    shown = {"username": "ada", "password": "*" * 20}
    assert failed == [(shown, "/delicate/function/"), (shown, "/desk/reauthenticate/")]
    assert watchful.tries == ["ada", "ada"]


@one_storage
def test_a_backend_that_has_seen_too_many_tries_stops_the_right_password_too(late, watchful):
    watchful.left = 0
    asked = late.post("/delicate/function/", {"a": "1"})
    refused = enter(late, asked, "/delicate/function/")
    assert b"was not accepted" in refused.content
    assert form_in(refused)["a"] == ["1"]


@one_storage
def test_the_password_of_somebody_else_is_no_good(late, other_user, monkeypatch):
    """A backend may find another user than the one whose name it was given."""
    monkeypatch.setattr(ModelBackend, "authenticate", lambda *args, **kwargs: other_user)
    asked = late.post("/delicate/function/", {"a": "1"})
    assert b"was not accepted" in enter(late, asked, "/delicate/function/").content
    page = late.get("/desk/reauthenticate/")
    assert b"was not accepted" in enter(late, page, "/desk/reauthenticate/").content
    assert desk_site.seen == []


@pytest.mark.parametrize(
    "path", [*(f"/delicate/{view}/" for view in ("function", "afunction")), REENTER]
)
@one_storage
def test_the_password_of_whom_somebody_acts_as_renews_nothing(
    acting_as, late, user, other_user, path
):
    """Staff who act as bob may know bob's password; it must not make their own sign-in a recent one."""
    other_user.set_password("bob's own")
    other_user.save()
    old, (before,) = late.key, sessions.for_user(user)
    acting_as(other_user)
    for answer in (late.get(path), late.post(path, {"a": "1", FIELD: "bob's own"})):
        assert answer["Location"].startswith("/login/?next=")
    assert b"you are acting as another user" in late.get("/desk/login/").content
    acting_as(None)
    (after,) = sessions.for_user(user)
    assert (late.key, after.authenticated) == (old, before.authenticated)
    assert late.get("/delicate/function/").status_code == 302
    assert desk_site.seen == []


def test_nobody_renews_the_session_of_somebody_else(late, user, other_user):
    def task(request):
        with pytest.raises(PermissionDenied):
            reentry.renew(request, other_user)
        with pytest.raises(PermissionDenied):
            reentry.renew(request, get_user_model()())

    old, (before,) = late.key, sessions.for_user(user)
    late.do(task)
    (after,) = sessions.for_user(user)
    assert (late.key, after.authenticated) == (old, before.authenticated)


@one_storage
def test_a_session_that_nobody_is_signed_in_with_is_renewed_by_nobody(browser, user):
    def task(request):
        with pytest.raises(PermissionDenied):
            reentry.renew(request, user)

    assert cookie(browser.do(task)) is None


def test_a_reentry_in_a_request_that_has_read_no_session_is_stored_too(late, user):
    """As where a middleware knows the user without the session."""

    def task(request):
        request.user = user
        reentry.renew(request, user)

    old, (before,) = late.key, sessions.for_user(user)
    late.do(task)
    (after,) = sessions.for_user(user)
    assert late.key != old
    assert after.authenticated - before.authenticated == timedelta(hours=1)
    assert late.who() == "ada"


@one_storage
def test_an_empty_password_is_not_even_tried(late, watchful):
    asked = late.post("/delicate/function/", {"a": "1"})
    assert enter(late, asked, "/delicate/function/", "").status_code == 403
    assert watchful.tries == []


@one_storage
def test_whoever_has_no_password_is_sent_to_sign_in_again(browser, user, clock):
    user.set_unusable_password()
    user.save()
    browser.force_login(user)
    clock.move(hours=1)
    assert browser.get("/delicate/function/")["Location"] == "/login/?next=/delicate/function/"
    sent = browser.post(
        "/delicate/function/", {"a": "1"}, headers={"Referer": "http://testserver/form/"}
    )
    assert sent["Location"] == "/login/?next=http%3A//testserver/form/"
    assert b"Nothing has been done yet" in browser.get("/desk/login/").content
    page = browser.get("/desk/reauthenticate/?next=/home/")
    assert page["Location"] == "/login/?next=/home/"


# --- what it does -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["page", "function", "afunction"])
def test_a_new_key_and_both_clocks_anew_and_nothing_is_lost(late, new_browser, user, clock, way):
    """ASVS 7.2.4, NIST SP 800-63B-4 section 5.2."""
    late.keep(cart=["lamp"], seat=7)
    old, (before,) = late.key, sessions.for_user(user)
    kept = late.do(lambda request: dict(request.session.items())).answer
    path = "/desk/reauthenticate/" if way == "page" else f"/delicate/{way}/"
    asked = late.get(path) if way == "page" else late.post(path)
    response = enter(late, asked, path)
    assert cookie(response).value == late.key != old
    (after,) = sessions.for_user(user)
    assert after.authenticated - before.authenticated == timedelta(hours=1)
    assert after.ends_at - before.ends_at == timedelta(hours=1)
    assert after.created == before.created
    assert late.do(lambda request: dict(request.session.items())).answer == kept
    assert late.who() == "ada"
    assert is_anonymous(new_browser, old)
    assert late.get(f"/delicate/{'function' if way == 'page' else way}/").content == b"done"


def test_a_password_that_was_not_accepted_changes_nothing(late, user):
    old, (before,) = late.key, sessions.for_user(user)
    enter(late, late.post("/delicate/function/"), "/delicate/function/", "wrong")
    (after,) = sessions.for_user(user)
    assert late.key == old
    assert after.authenticated == before.authenticated


@one_storage
def test_it_is_told(late, user):
    told = []

    def receiver(sender, request, user, **kwargs):
        told.append((sender, request.path, user.get_username()))

    user_reauthenticated.connect(receiver)
    try:
        enter(late, late.post("/delicate/function/"), "/delicate/function/", "wrong")
        assert told == []
        enter(late, late.post("/delicate/afunction/"), "/delicate/afunction/")
        enter(late, late.get("/desk/reauthenticate/"), "/desk/reauthenticate/")
    finally:
        user_reauthenticated.disconnect(receiver)
    name = user.get_username()
    model = get_user_model()
    assert told == [
        (model, "/delicate/afunction/", name),
        (model, "/desk/reauthenticate/", name),
    ]


@pytest.mark.parametrize("next_page", ["https://elsewhere.example/", "//elsewhere.example", "/\\x"])
@one_storage
def test_the_page_goes_on_to_addresses_of_this_site_only(late, next_page):
    page = late.get("/desk/reauthenticate/", {"next": next_page})
    assert b"elsewhere" not in page.content
    entered = late.post("/desk/reauthenticate/", {FIELD: PASSWORD, "next": next_page})
    assert entered["Location"] == "/home/"


@one_storage
def test_the_page_is_for_those_who_are_signed_in(browser):
    response = browser.get("/desk/reauthenticate/")
    assert response["Location"] == "/login/?next=/desk/reauthenticate/"


# --- secrecy ------------------------------------------------------------------------------------


@one_storage
def test_what_asks_for_a_password_is_kept_nowhere(late):
    """ASVS 14.3.2."""
    answers = [
        late.get("/delicate/function/"),
        late.post("/delicate/function/", {"a": "1"}),
        late.get("/desk/reauthenticate/"),
        late.post("/desk/reauthenticate/", {FIELD: PASSWORD}),
    ]
    for answer in answers:
        assert {"no-store", "private"} <= directives(answer), answer


def on_fire(*args, **kwargs):
    raise RuntimeError("the directory of passwords is on fire")


@pytest.fixture
def reports():
    """What Django's reports of errors say, as text and as HTML."""
    found = []

    def receiver(request, **kwargs):
        reporter = ExceptionReporter(request, *sys.exc_info(), is_email=True)
        found.append(reporter.get_traceback_text() + reporter.get_traceback_html())

    got_request_exception.connect(receiver)
    yield found
    got_request_exception.disconnect(receiver)


@pytest.mark.parametrize("path", ["/delicate/function/", "/delicate/afunction/", REENTER])
@pytest.mark.parametrize("breakage", ["back end", "receiver", "page"])
@one_storage
def test_a_report_of_an_error_says_nothing_of_what_was_posted(
    late, monkeypatch, reports, path, breakage
):
    """Neither among what was posted nor among the variables of any function."""
    if breakage == "back end":
        monkeypatch.setattr(ModelBackend, "authenticate", on_fire)
    elif breakage == "receiver":
        monkeypatch.setattr(reentry.user_reauthenticated, "send", on_fire)
    else:
        monkeypatch.setattr(reentry, "get_current_site", on_fire)
        monkeypatch.setattr(views, "get_current_site", on_fire)
    password = "wrong 0815" if breakage == "page" else PASSWORD
    late.raise_request_exception = False
    assert late.post(path, {"card": "visa 4111", FIELD: password}).status_code == 500
    (report,) = reports
    assert "is on fire" in report
    assert FIELD in report
    assert password not in report
    assert "visa 4111" not in report  # the digits alone may be in the address of an object


@one_storage
def test_the_view_decides_again_what_reports_may_say_once_it_runs(late):
    found = []

    @sensitive_post_parameters("card")
    @recent_login_required
    def view(request):
        chosen = getattr(request, "exception_reporter_filter", None)
        found.append((request.sensitive_post_parameters, chosen, FIELD in request.POST))

    def task(request):
        request.method, request.POST = "POST", request.POST.copy()
        request.POST.update({FIELD: PASSWORD})
        request.content_type = "application/x-www-form-urlencoded"
        return view(request)

    late.do(task)
    assert found == [(("card",), None, False)]


# --- costs --------------------------------------------------------------------------------------


def test_a_recent_sign_in_costs_nothing(member, journal):
    member.get("/delicate/function/")
    member.get("/delicate/afunction/")
    assert len(journal.reads) == 2
    assert journal.writes == []


def test_asking_and_refusing_write_nothing(late, journal, limits):
    limits(interval=7200)
    asked = late.post("/delicate/function/", SENT)
    enter(late, asked, "/delicate/function/", "wrong")
    assert journal.writes == []


def test_re_entering_is_one_write(late, journal):
    asked = late.post("/delicate/function/", SENT)
    journal.clear()
    enter(late, asked, "/delicate/function/")
    assert journal.writes == ["rotate"]
