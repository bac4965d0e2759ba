"""Which requests a view lets in that asks for an API token, and what it tells the others (RFC 6750)."""

import logging
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from frontdesk import api_tokens
from frontdesk.core import credentials
from frontdesk.core.keys import Key
from frontdesk.decorators import scope_required
from frontdesk.models import Session
from frontdesk.signin import reauth
from tests.fixtures import DATABASE, sign_in, use
from tests.requests.browsers import cookie, directives
from tests.tokens import site as api
from tests.tokens.conftest import bearer

pytestmark = pytest.mark.django_db

VIEWS = ["/orders/", "/aorders/", "/class/", "/aclass/"]


@pytest.mark.parametrize("view", VIEWS)
def test_a_token_with_the_scope_opens_the_view(browser, user, text, view):
    answer = browser.get(view, **bearer(text))
    assert answer.json() == {"user": user.get_username(), "token": "backup"}


@pytest.mark.parametrize("view", VIEWS)
def test_without_a_token_the_answer_names_no_error(browser, view):
    answer = browser.get(view)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer.json()["code"] == "token_required"
    assert answer["Content-Type"] == "application/problem+json"
    assert api.seen == []


def test_another_scheme_is_no_token(browser, text):
    answer = browser.get("/orders/", headers={"Authorization": f"Basic {text}"})
    assert answer.json()["code"] == "token_required"


def test_the_scheme_may_be_written_in_any_case(browser, text):
    assert browser.get("/orders/", headers={"Authorization": f"bEARER  {text}"}).status_code == 200


@pytest.mark.parametrize("sent", ["", "x", "fdt_" + "a" * 47, "fds_" + "a" * 47, "é", "a b"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_malformed_token_is_said_to_be_invalid(browser, view, sent):
    answer = browser.get(view, **bearer(sent))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.parametrize("view", VIEWS)
def test_an_ended_token_is_said_to_be_invalid(browser, user, text, view):
    assert api_tokens.end_all(user) == 1
    answer = browser.get(view, **bearer(text))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("view", ["/both/"])
def test_a_token_without_one_of_the_scopes_is_told_which_are_needed(browser, text, view):
    answer = browser.get(view, **bearer(text))
    assert answer.status_code == 403
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", scope="orders:read orders:write"'
    )
    assert api.seen == []


def test_a_scope_that_is_no_longer_declared_opens_nothing(browser, text, set_options):
    set_options(API_SCOPES={"orders:write": "Change orders"})
    assert browser.get("/orders/", **bearer(text)).status_code == 403
    assert browser.get("/any/", **bearer(text)).status_code == 200


def test_a_view_may_ask_for_any_token(browser, user):
    _info, text = api_tokens.create(user, "no scopes")
    assert browser.get("/any/", **bearer(text)).status_code == 200
    assert browser.get("/orders/", **bearer(text)).status_code == 403


@pytest.mark.parametrize("view", VIEWS)
def test_a_user_who_is_signed_in_needs_a_token_as_well(member, view):
    assert member.get(view).status_code == 401


@pytest.mark.parametrize("view", VIEWS)
def test_the_token_counts_and_not_the_cookie(browser, text, other_user, view):
    sign_in(browser, other_user)
    assert browser.get(view, **bearer(text)).json()["user"] == "ada"
    assert browser.username() == "bob"


@pytest.mark.parametrize("view", VIEWS)
def test_what_a_view_writes_into_the_session_is_not_stored(member, text, settings, view):
    use(settings, DATABASE)
    answer = member.get(view, **bearer(text))
    assert answer.status_code == 200
    assert cookie(answer) is None
    assert not Session.objects.exists()


def test_the_session_of_the_cookie_is_left_alone(member, text):
    member.put(cart="tea")
    member.get("/orders/", **bearer(text))
    assert member.values() == {"cart": "tea"}


@pytest.mark.parametrize("view", VIEWS)
def test_csrf_is_not_asked_of_a_token(new_browser, text, view):
    browser = new_browser(enforce_csrf_checks=True)
    assert browser.post(view, **bearer(text)).status_code == 200


@pytest.mark.parametrize("view", VIEWS)
def test_a_cookie_is_no_way_past_csrf(member, new_browser, view):
    browser = new_browser(enforce_csrf_checks=True)
    browser.key = member.key
    assert browser.post(view).status_code == 401


@pytest.mark.parametrize("page", ["/members/", "/amembers/", "/only-sensitive/"])
def test_a_token_opens_no_page(browser, text, page):
    answer = browser.get(page, **bearer(text))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_no_middleware_makes_a_user_of_a_token(browser, text, page):
    assert browser.get(page, **bearer(text)).content == b"welcome, AnonymousUser"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_recent_sign_in_is_never_that_of_a_token(member, text, method):
    """Not even if the browser sends the cookie of the same user, who has just signed in."""
    assert member.get("/only-sensitive/").status_code == 200
    answer = getattr(member, method)("/sensitive/", **bearer(text))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")
    assert api.seen == []


@pytest.mark.parametrize("view", ["recent", "own"])
def test_a_framework_that_leaves_the_session_in_place_makes_no_sign_in_of_a_token(
    member, user, text, view
):
    """Django REST framework and Ninja set ``request.auth`` and ``request.user``, and no more."""

    def with_and_without_token(request):
        answers = [getattr(reauth, f"is_{view}")(request, user)]
        request.auth = api_tokens.authenticate(request, text)
        return [*answers, getattr(reauth, f"is_{view}")(request, user)]

    assert member.do(with_and_without_token).answer == [True, False]


def test_login_required_lets_the_user_of_a_token_pass(browser, text):
    assert browser.get("/login-required/", **bearer(text)).status_code == 200


def test_the_login_required_middleware_leaves_the_view_to_the_token(browser, text, settings):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert browser.get("/orders/").status_code == 401
    assert browser.get("/orders/", **bearer(text)).status_code == 200
    assert browser.get("/home/", **bearer(text)).status_code == 302


def test_after_the_view_the_request_is_nobodys(browser, text):
    browser.get("/orders/", **bearer(text))
    (request,) = api.seen
    assert request.auth.name == "backup"
    assert not request.user.is_authenticated


@pytest.mark.parametrize("view", ["/page/", "/apage/"])
def test_a_template_is_rendered_for_the_user_of_the_token(browser, text, view):
    assert browser.get(view, **bearer(text)).content == b"ada"


@pytest.mark.parametrize("headers", [{}, bearer("x"), None])
def test_no_cache_keeps_an_answer(browser, text, headers):
    answer = browser.get("/orders/", **(bearer(text) if headers is None else headers))
    assert "no-store" in directives(answer)
    assert "Authorization" in answer["Vary"]


def test_a_view_may_say_itself_how_long_its_answer_is_kept(browser, text):
    answer = browser.get("/cached/", **bearer(text))
    assert directives(answer) == {"private", "max-age=60"}
    assert "Authorization" in answer["Vary"]


def test_a_request_without_a_session_is_served_as_well(text, user):
    request = RequestFactory().get("/orders/", **bearer(text))

    @scope_required("orders:read")
    def view(request):
        return HttpResponse(f"{request.user} {hasattr(request, 'session')}")

    assert view(request).content == b"ada False"
    assert not hasattr(request, "user")


def test_the_decorator_without_its_parentheses_is_an_error():
    with pytest.raises(TypeError, match=r'Write @scope_required\("orders:read"\)'):

        @scope_required
        def view(request):
            """Never called."""


def test_an_error_report_shows_nothing_of_the_token(text):
    request = RequestFactory().get("/broken/", **bearer(text))
    try:
        api.broken(request)
    except RuntimeError as error:
        reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
    for report in (reporter.get_traceback_text(), reporter.get_traceback_html()):
        assert "HTTP_AUTHORIZATION" in report
        assert text[19:44] not in report


def test_the_log_shows_nothing_of_a_token(browser, text, user, caplog):
    caplog.set_level(logging.DEBUG)
    browser.get("/orders/", **bearer(text))
    api_tokens.end_all(user)
    browser.get("/orders/", **bearer(text))
    assert text[19:44] not in caplog.text


def test_a_token_ends_with_its_time(browser, text, clock):
    clock.move(days=29)
    assert browser.get("/orders/", **bearer(text)).status_code == 200
    clock.move(days=1, seconds=1)
    assert browser.get("/orders/", **bearer(text)).status_code == 401


def test_a_token_stops_when_its_user_is_deactivated(browser, user, text):
    user.is_active = False
    user.save()
    assert browser.get("/orders/", **bearer(text)).status_code == 401


def test_a_token_of_a_deactivated_user_stops_whatever_the_backend_allows(
    browser, user, text, settings
):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    assert browser.get("/orders/", **bearer(text)).status_code == 200
    user.is_active = False
    user.save()
    assert browser.get("/orders/", **bearer(text)).status_code == 401


def test_a_token_stops_when_its_user_is_deleted(browser, user, text):
    type(user).objects.filter(pk=user.pk).delete()
    assert browser.get("/orders/", **bearer(text)).status_code == 401


def test_the_id_of_a_token_with_another_secret_is_refused(browser, user, text):
    """The checksum is right, so the secret decides."""
    other, _ = api_tokens.create(user, "other", ["orders:read"], timedelta(days=1))
    for secret in (text[19:44], Key.new().secret):
        forged = credentials.credential_of(credentials.API_TOKEN, Key(other.id + secret))
        assert browser.get("/orders/", **bearer(forged)).status_code == 401
