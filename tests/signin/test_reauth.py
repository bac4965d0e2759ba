"""Re-authentication: a user who signed in long ago enters the password again, and nothing sent is lost."""

import sys
from datetime import timedelta
from html.parser import HTMLParser

import django
import pytest
from django.contrib.auth import authenticate, get_user_model, login, user_login_failed
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import UserManager
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import got_request_exception
from django.test import Client
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_post_parameters

from frontdesk import sessions
from frontdesk.decorators import recent_login_required
from frontdesk.signals import user_reauthenticated
from frontdesk.signin import interrupted_post, reauth
from tests.fixtures import PASSWORD, is_anonymous, sign_in
from tests.requests.browsers import cookie, directives
from tests.signin import site

pytestmark = pytest.mark.django_db

each_view = pytest.mark.parametrize("view", ["function", "afunction", "class", "aclass"])
each_kind = pytest.mark.parametrize("view", ["function", "afunction"])
sync_only = pytest.mark.parametrize("mode", ["sync"], indirect=True)

FIELD = interrupted_post.PASSWORD_FIELD
PATH = "/sensitive/function/"


@pytest.fixture
def late(clock, member):
    """A browser in which the user signed in an hour ago."""
    clock.move(hours=1)
    return member


class Form(HTMLParser):
    """The password form in a response: its action, and what a browser would send besides the password."""

    def __init__(self, response):
        super().__init__()
        self._open, self._forms = None, []
        self.feed(response.content.decode())
        (self.action, self.sent) = next(
            (action, sent) for action, sent, asks in self._forms if asks
        )

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self._forms.append([given.get("action"), {}, False])
        elif tag == "input" and given.get("name") == FIELD:
            self._forms[-1][2] = True
        elif tag == "input" and "name" in given and self._forms:
            self._forms[-1][1].setdefault(given["name"], []).append(given.get("value") or "")


def enter(browser, response, path=PATH, password=PASSWORD):
    """Enter a password into the form that ``response`` shows."""
    return browser.post(path, {**Form(response).sent, FIELD: password})


def of_a_view(view, **post):
    """A task: call ``view``, guarded, with a POST of these fields."""

    def task(request):
        request.method, request.POST = "POST", request.POST.copy()
        request.POST.update(post)
        request.content_type = "application/x-www-form-urlencoded"
        return recent_login_required(view)(request)

    return task


# --- which requests get through -------------------------------------------------------------------


@each_view
def test_a_recent_sign_in_lets_the_view_run(member, view):
    assert member.get(f"/sensitive/{view}/").content == b"done"
    assert member.post(f"/sensitive/{view}/", {"a": "1"}).content == b"done"


@each_view
def test_an_anonymous_user_is_sent_to_sign_in_and_back(browser, view):
    for ask in (browser.get, browser.post):
        response = ask(f"/sensitive/{view}/?page=2")
        assert response["Location"] == f"/login/?next=/sensitive/{view}/%3Fpage%3D2"
    assert site.seen == []


@each_view
def test_a_get_goes_to_the_page_that_asks(late, view):
    response = late.get(f"/sensitive/{view}/?page=2")
    assert response["Location"] == f"/reauthenticate/?next=/sensitive/{view}/%3Fpage%3D2"


@sync_only
def test_the_age_is_that_of_the_setting_or_of_the_view(member, clock):
    clock.move(minutes=14, seconds=59)
    assert member.get(PATH).status_code == 200
    clock.move(seconds=1)
    assert member.get(PATH).status_code == 302
    assert member.get("/daily/").status_code == 200
    clock.move(hours=23, minutes=44, seconds=59)
    assert member.get("/daily/").status_code == 200
    clock.move(seconds=1)
    assert member.get("/daily/").status_code == 302


@sync_only
def test_the_setting_is_followed(late, set_options):
    set_options(REAUTH_AGE=timedelta(hours=2))
    assert late.get(PATH).status_code == 200


@sync_only
def test_activity_does_not_make_a_sign_in_recent(member, clock):
    for _ in range(16):
        clock.move(minutes=1)
        member.get("/home/")
    assert member.get(PATH).status_code == 302


@sync_only
def test_a_clock_that_is_put_back_makes_no_sign_in_recent_for_long(member, clock):
    clock.move(minutes=-5)
    assert member.get(PATH).status_code == 200
    clock.move(days=-1)
    assert member.get(PATH).status_code == 302


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=-1)])
def test_an_age_that_no_sign_in_can_have_is_an_error(age):
    with pytest.raises(ValueError, match="positive"):
        recent_login_required(max_age=age)


@sync_only
def test_a_user_who_came_without_the_session_has_proved_nothing_to_it(member, other_user):
    def task(request):
        request.user = other_user
        return recent_login_required(lambda request: "ran")(request)

    assert member.do(task).status_code == 302


@sync_only
@pytest.mark.parametrize("other", [False, True])
def test_a_sign_in_of_this_request_is_recent_for_its_user(browser, user, other_user, other):
    def task(request):
        login(request, authenticate(request, username="ada", password=PASSWORD))
        request.user = other_user if other else request.user
        return recent_login_required(lambda request: "ran")(request)

    response = browser.do(task)
    assert response.status_code == 302 if other else response.answer == "ran"


@sync_only
def test_the_mixin_guards_even_if_it_is_listed_last(late):
    assert late.do(site.WrongOrder.as_view()).status_code == 302


def test_the_decorators_login_url_is_what_djangos_middleware_reads():
    guard = recent_login_required(login_url="/enter/", redirect_field_name="back")
    guarded = guard(lambda request: None)
    assert (guarded.login_url, guarded.redirect_field_name) == ("/enter/", "back")


# --- a POST is not lost ---------------------------------------------------------------------------

SENT = {
    "line": ["b", "a", "b"],
    "other": ["<é> \"'&\r\ntwo"],
    "password": ["of the view"],
    "e": [""],
}


@each_view
def test_a_post_gets_a_form_and_goes_through_with_the_password(late, view):
    path = f"/sensitive/{view}/?page=2"
    asked = late.post(path, SENT)
    assert (asked.status_code, site.seen) == (403, [])
    assert not Form(asked).action  # to the same address
    assert enter(late, asked, path).content == b"done"
    assert site.seen == [SENT]
    assert late.username() == "ada"


@each_view
def test_a_wrong_password_asks_again_and_keeps_what_was_sent(late, view):
    path = f"/sensitive/{view}/"
    again = enter(late, late.post(path, SENT), path, "not this one")
    assert (again.status_code, site.seen) == (403, [])
    assert b"was not accepted" in again.content
    assert b"not this one" not in again.content
    assert enter(late, again, path).content == b"done"
    assert site.seen == [SENT]


@sync_only
def test_the_order_of_fields_and_values_is_kept(late):
    asked = late.post(PATH, {"b": ["2", "1"], "a": ["3"]})
    sent = [(name, values) for name, values in Form(asked).sent.items() if name in "ab"]
    assert sent == [("b", ["2", "1"]), ("a", ["3"])]


def test_neither_the_token_nor_the_password_is_repeated(user, clock):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    clock.move(hours=1)
    browser.get("/form/")
    token = browser.cookies["csrftoken"].value
    sent = {"csrfmiddlewaretoken": token, FIELD: "not this one", "a": "1"}
    asked = browser.post(PATH, sent)
    assert asked.status_code == 403
    form = Form(asked).sent
    assert set(form) == {"csrfmiddlewaretoken", interrupted_post.USERNAME_FIELD, "a"}
    assert len(form["csrfmiddlewaretoken"]) == 1
    del form["csrfmiddlewaretoken"]
    assert browser.post(PATH, {**form, FIELD: PASSWORD}).status_code == 403
    assert site.seen == []


@sync_only
def test_nothing_of_a_post_is_kept_in_the_session(late):
    before = late.values()
    late.post(PATH, SENT)
    assert late.values() == before


@sync_only
def test_a_password_that_was_not_needed_does_not_reach_the_view(member):
    member.post(PATH, {"a": "1", FIELD: PASSWORD, interrupted_post.USERNAME_FIELD: "ada"})
    assert site.seen == [{"a": ["1"]}]


@sync_only
def test_the_view_gets_a_post_that_cannot_be_changed(late):
    kept = []
    late.do(of_a_view(lambda request: kept.append(request.POST), a="1", **{FIELD: PASSWORD}))
    with pytest.raises(AttributeError):
        kept[0]["a"] = "2"


@sync_only
def test_a_post_without_a_body_goes_through(late):
    asked = late.post(PATH, b"", content_type="text/plain", headers={"Content-Length": "0"})
    assert enter(late, asked).content == b"done"


# --- what cannot be kept --------------------------------------------------------------------------


@sync_only
def test_files_cannot_be_kept_and_are_named(late):
    sent = {"a": "1", "photo": SimpleUploadedFile("me <3.png", b"pixels")}
    asked = late.post(PATH, sent)
    assert asked.context["carried"].files == ["me <3.png"]
    assert b"me &lt;3.png" in asked.content
    assert enter(late, asked).content == b"done"
    assert site.seen == [{"a": ["1"]}]


UNSENDABLE = {
    "large": {"a": "x" * (interrupted_post.MAX_BYTES + 1)},
    "nul": {"a": "no\0where"},
    "many": {f"field{number}": "" for number in range(998)},
}


@sync_only
@pytest.mark.parametrize("sent", UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_a_form_cannot_send_again_is_refused_and_not_cut(late, sent):
    asked = late.post(PATH, sent, headers={"Referer": "http://testserver/form/"})
    assert (asked.status_code, asked.context["carried"]) == (403, None)
    assert Form(asked).action == "/reauthenticate/"
    assert Form(asked).sent["next"] == ["http://testserver/form/"]
    assert late.post(PATH, {**sent, FIELD: PASSWORD}).status_code == 403
    assert site.seen == []


@sync_only
def test_as_many_fields_as_django_takes_go_through(late):
    sent = {f"field{number}": ["x"] for number in range(996)}
    asked = late.post(PATH, sent, headers={"Referer": "http://testserver/form/"})
    assert enter(late, asked).content == b"done"
    assert site.seen == [sent]


@sync_only
@pytest.mark.parametrize(("margin", "fits"), [(3000, False), (5000, True)])
def test_the_projects_own_limit_of_a_body_is_respected(late, settings, margin, fits):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000 + margin
    asked = late.post(PATH, {"a": "x" * 100_000})
    assert (asked.context["carried"] is not None) is fits
    assert not fits or enter(late, asked).content == b"done"


@sync_only
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_that_is_no_form_is_refused(late, method):
    extra = {"content_type": "application/json", "REQUEST_METHOD": method}
    asked = late.post("/sensitive/class/", b'{"a": 1}', **extra)
    assert (asked.status_code, asked.context["carried"]) == (403, None)
    assert "a" not in Form(asked).sent
    assert site.seen == []


@sync_only
def test_the_page_before_is_not_believed_if_it_is_of_another_site(late):
    referer = {"Referer": "https://elsewhere.example/"}
    asked = late.post(PATH, b"{}", content_type="application/json", headers=referer)
    assert b"elsewhere" not in asked.content
    assert asked.context["cancel_url"] == "/home/"


# --- what the password is for ---------------------------------------------------------------------


@sync_only
def test_a_view_says_what_the_password_is_for(late):
    assert late.post("/sensitive/class/").context["action"] == "close the account"
    assert late.post(PATH).context["action"] == ""


@sync_only
def test_what_the_password_is_for_may_depend_on_the_request(late):
    def task(request):
        request.method = "POST"
        guarded = recent_login_required(action=lambda request: f"open {request.path[:3]}")
        return guarded(lambda request: None)(request)

    assert late.do(task).context["action"] == "open /do"


@sync_only
def test_cancel_leads_back_to_the_page_before(late):
    asked = late.post(PATH, headers={"Referer": "http://testserver/form/"})
    assert asked.context["cancel_url"] == "http://testserver/form/"


ELSEWHERE = (
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "javascript:alert(1)",
    "/" + "x" * interrupted_post.MAX_ADDRESS,
)
WRONG = {FIELD: "not this one"}


@each_kind
def test_cancel_leads_back_to_the_page_before_after_wrong_passwords(late, view):
    address = f"/sensitive/{view}/"
    asked = late.post(address, {"a": "1"}, headers={"Referer": "http://testserver/form/?a=1&b=2"})
    for _ in range(2):
        own = {"Referer": f"http://testserver{address}"}
        asked = late.post(address, {**Form(asked).sent, **WRONG}, headers=own)
        assert asked.context["cancel_url"] == "http://testserver/form/?a=1&b=2"
    late.post(address, {**Form(asked).sent, FIELD: PASSWORD})
    assert site.seen[-1] == {"a": ["1"]}


@sync_only
@pytest.mark.parametrize(
    "field", [{}, *({interrupted_post.PAGE_BEFORE_FIELD: text} for text in ELSEWHERE)]
)
def test_cancel_leads_home_if_the_page_before_is_not_known(late, field):
    """A template of the project's own may have no such field, and anyone can send another address."""
    own = {"Referer": f"http://testserver{PATH}"}
    asked = late.post(PATH, {**WRONG, **field}, headers=own)
    assert asked.context["cancel_url"] == "/home/"


# --- the password ---------------------------------------------------------------------------------


class Watchful(ModelBackend):
    """A backend that counts attempts, and refuses further ones when there are too many."""

    attempts: list[str | None] = []
    limit = 100

    def authenticate(self, request, username=None, password=None, **kwargs):
        Watchful.attempts.append(username)
        if len(Watchful.attempts) > Watchful.limit:
            raise PermissionDenied
        return super().authenticate(request, username, password, **kwargs)


@pytest.fixture
def watchful(settings, monkeypatch):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Watchful", *settings.AUTHENTICATION_BACKENDS]
    monkeypatch.setattr(Watchful, "attempts", [])
    return lambda limit: monkeypatch.setattr(Watchful, "limit", limit)


@sync_only
def test_backends_and_the_signal_see_a_failure_as_at_a_sign_in(late, watchful):
    failed = []

    def receiver(credentials, request, **kwargs):
        failed.append((credentials, request.path))

    user_login_failed.connect(receiver)
    try:
        enter(late, late.post(PATH), PATH, "wrong")
    finally:
        user_login_failed.disconnect(receiver)
    assert failed == [({"username": "ada", "password": "*" * 20}, PATH)]
    assert Watchful.attempts == ["ada"]


@sync_only
def test_a_backend_that_slows_down_guessing_refuses_the_right_password(late, watchful):
    watchful(limit=0)
    refused = enter(late, late.post(PATH, {"a": "1"}))
    assert b"was not accepted" in refused.content
    assert Form(refused).sent["a"] == ["1"]


@sync_only
def test_an_empty_password_is_not_tried(late, watchful):
    assert enter(late, late.post(PATH), PATH, "").status_code == 403
    assert Watchful.attempts == []


@sync_only
def test_the_password_of_another_user_is_refused(late, other_user, monkeypatch):
    """A backend may find another user than the one whose name it was given."""
    monkeypatch.setattr(ModelBackend, "authenticate", lambda *args, **kwargs: other_user)
    assert b"was not accepted" in enter(late, late.post(PATH)).content
    assert site.seen == []


@each_kind
def test_staff_who_act_as_a_user_cannot_renew_their_own_sign_in(
    acting_as, late, user, other_user, view
):
    """They may know the password of the user."""
    path = f"/sensitive/{view}/"
    other_user.set_password("bob's own")
    other_user.save()
    old, (before,) = late.key, sessions.for_user(user)
    acting_as(other_user)
    for answer in (late.get(path), late.post(path, {"a": "1", FIELD: "bob's own"})):
        assert answer["Location"].startswith("/login/?next=")
    acting_as(None)
    (after,) = sessions.for_user(user)
    assert (late.key, after.authenticated, site.seen) == (old, before.authenticated, [])


def test_the_session_of_another_user_is_not_renewed(late, user, other_user):
    def task(request):
        with pytest.raises(PermissionDenied):
            reauth.renew(request, other_user)
        with pytest.raises(PermissionDenied):
            reauth.renew(request, get_user_model()())

    old, (before,) = late.key, sessions.for_user(user)
    late.do(task)
    (after,) = sessions.for_user(user)
    assert (late.key, after.authenticated) == (old, before.authenticated)


def test_an_anonymous_session_is_not_renewed(browser, user):
    def task(request):
        with pytest.raises(PermissionDenied):
            reauth.renew(request, user)

    assert cookie(browser.do(task)) is None


@sync_only
def test_a_user_without_a_password_is_sent_to_sign_in_again(browser, user, clock):
    user.set_unusable_password()
    user.save()
    browser.force_login(user)
    clock.move(hours=1)
    assert browser.get(PATH)["Location"] == f"/login/?next={PATH}"
    sent = browser.post(PATH, {"a": "1"}, headers={"Referer": "http://testserver/form/"})
    assert sent["Location"] == "/login/?next=http%3A//testserver/form/"
    assert b"Nothing has been done yet" in browser.get("/login/").content


# --- what it does ---------------------------------------------------------------------------------


@each_kind
def test_it_gives_a_new_key_and_restarts_both_timeouts(late, new_browser, user, view):
    """ASVS 7.2.4, NIST SP 800-63B-4 section 5.2."""
    path = f"/sensitive/{view}/"
    late.put(cart=["lamp"], seat=7)
    old, (before,) = late.key, sessions.for_user(user)
    response = enter(late, late.post(path), path)
    assert cookie(response).value == late.key != old
    (after,) = sessions.for_user(user)
    assert after.id == before.id
    assert after.authenticated - before.authenticated == timedelta(hours=1)
    assert after.ends_at - before.ends_at == timedelta(hours=1)
    assert after.created == before.created
    assert (late.username(), late.values()) == ("ada", {"cart": ["lamp"], "seat": 7})
    assert is_anonymous(new_browser, old)
    assert late.get(path).content == b"done"


def test_a_wrong_password_changes_nothing(late, user):
    old, (before,) = late.key, sessions.for_user(user)
    enter(late, late.post(PATH), PATH, "wrong")
    (after,) = sessions.for_user(user)
    assert (late.key, after.authenticated) == (old, before.authenticated)


def test_a_request_that_has_not_read_its_session_is_renewed_too(late, user):
    """As where a middleware knows the user without the session."""

    def task(request):
        request.user = user
        reauth.renew(request, user)

    old, (before,) = late.key, sessions.for_user(user)
    late.do(task)
    (after,) = sessions.for_user(user)
    assert after.authenticated - before.authenticated == timedelta(hours=1)
    assert (late.key != old, late.username()) == (True, "ada")


@each_kind
def test_the_signal_is_sent_for_the_right_password_only(late, user, view):
    path, told = f"/sensitive/{view}/", []

    def receiver(sender, request, user, **kwargs):
        told.append((sender, request.path, user.get_username()))

    user_reauthenticated.connect(receiver)
    try:
        again = enter(late, late.post(path), path, "wrong")
        assert told == []
        enter(late, again, path)
    finally:
        user_reauthenticated.disconnect(receiver)
    assert told == [(get_user_model(), path, "ada")]


# --- an upgraded hash -----------------------------------------------------------------------------

HASHERS = ["PBKDF2PasswordHasher", "MD5PasswordHasher"]


@pytest.fixture
def upgraded(settings, monkeypatch):
    """Another hasher is the preferred one from now on, as after an upgrade of Django."""
    monkeypatch.setattr("django.contrib.auth.hashers.PBKDF2PasswordHasher.iterations", 10)
    return lambda: setattr(
        settings, "PASSWORD_HASHERS", [f"django.contrib.auth.hashers.{name}" for name in HASHERS]
    )


@each_kind
def test_an_upgraded_hash_signs_the_user_out_nowhere(late, new_browser, user, upgraded, view):
    """As each release of Django raises the iterations of its hasher."""
    path = f"/sensitive/{view}/"
    sign_in(elsewhere := new_browser(), user)
    before = user.password
    upgraded()
    assert enter(late, late.post(path), path).content == b"done"
    user.refresh_from_db()
    assert user.password != before
    assert (late.username(), elsewhere.username()) == ("ada", "ada")


def test_a_view_that_saves_its_user_keeps_the_upgraded_hash(late, user, upgraded):
    def save(request):
        request.user.first_name = "Ada"
        request.user.save()

    upgraded()
    late.do(of_a_view(save, **{FIELD: PASSWORD}))
    user.refresh_from_db()
    assert (user.first_name, user.password[:6]) == ("Ada", "pbkdf2")
    assert late.username() == "ada"


@sync_only
def test_a_password_changed_at_this_moment_keeps_no_other_session(
    late, new_browser, user, monkeypatch
):
    """The one that proved the new password stays. The others were made with the old one."""
    sign_in(elsewhere := new_browser(), user)
    asked, as_usual = late.post(PATH), ModelBackend.authenticate

    def changed_meanwhile(*args, **kwargs):
        get_user_model().objects.filter(pk=user.pk).update(password=make_password("the new one"))
        return as_usual(*args, **kwargs)

    monkeypatch.setattr(ModelBackend, "authenticate", changed_meanwhile)
    assert enter(late, asked, PATH, "the new one").content == b"done"
    assert (late.username(), elsewhere.username()) == ("ada", "")


# --- secrecy --------------------------------------------------------------------------------------


@sync_only
def test_what_asks_for_a_password_is_not_cached(late):
    """ASVS 14.3.2."""
    for response in (late.get(PATH), late.post(PATH, {"a": "1"})):
        assert {"no-store", "private"} <= directives(response), response


def fail(*args, **kwargs):
    raise RuntimeError("the database of passwords is on fire")


@pytest.fixture
def reports():
    """Django's reports of errors, as text and as HTML."""
    found = []

    def receiver(request, **kwargs):
        reporter = ExceptionReporter(request, *sys.exc_info(), is_email=True)
        found.append(reporter.get_traceback_text() + reporter.get_traceback_html())

    got_request_exception.connect(receiver)
    yield found
    got_request_exception.disconnect(receiver)


BROKEN = {
    "backend": (UserManager, "get_by_natural_key"),  # in Django 5.2, backends show their variables
    "receiver": (reauth.user_reauthenticated, "send"),
    "page": (reauth, "get_current_site"),
}


@pytest.mark.parametrize("broken", list(BROKEN)[django.VERSION < (6, 0) :])
@each_kind
def test_an_error_report_shows_nothing_that_was_posted(late, monkeypatch, reports, view, broken):
    monkeypatch.setattr(*BROKEN[broken], fail)
    password = "wrong 0815" if broken == "page" else PASSWORD
    late.raise_request_exception = False
    path = f"/sensitive/{view}/"
    assert late.post(path, {"card": "visa 4111", FIELD: password}).status_code == 500
    (report,) = reports
    assert "is on fire" in report
    assert FIELD in report
    assert password not in report
    assert "visa 4111" not in report


@sync_only
def test_the_view_decides_again_what_reports_show(late):
    found = []

    def note(request):
        found.append((request.sensitive_post_parameters, FIELD in request.POST))

    def task(request):
        sensitive_post_parameters("card")(of_a_view(note, **{FIELD: PASSWORD}))(request)

    late.do(task)
    assert found == [(("card",), False)]


# --- what it costs --------------------------------------------------------------------------------


def test_a_recent_sign_in_costs_nothing(member, journal):
    member.get(PATH)
    member.get("/sensitive/afunction/")
    assert (len(journal.reads), journal.writes) == (2, [])


def test_asking_and_refusing_write_nothing(late, journal, limits):
    limits(interval=7200)
    enter(late, late.post(PATH, SENT), PATH, "wrong")
    assert journal.writes == []


def test_entering_the_password_is_one_write(late, journal):
    asked = late.post(PATH, SENT)
    journal.clear()
    enter(late, asked)
    assert journal.writes == ["swap"]
