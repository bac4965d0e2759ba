"""The library's pages on the way back to Django: what can work works, and what cannot says so."""

from importlib import import_module

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path

from frontdesk.decorators import recent_login_required
from tests.fixtures import PASSWORD
from tests.migrate.test_moving_back import STOCK
from tests.requests.browsers import ASGIBrowser

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another lantern in the hall"


@recent_login_required
def sensitive(request):
    return HttpResponse(f"done: {request.POST.get('what', '')}")


@recent_login_required
async def asensitive(request):
    return HttpResponse(f"done: {request.POST.get('what', '')}")


urlpatterns = [
    path("accounts/", include("frontdesk.urls")),
    path("sensitive/", sensitive),
    path("asensitive/", asensitive),
]


@pytest.fixture(params=["db", "cached_db", "cache", "file"], autouse=True)
def _way_back(request, settings, places):
    settings.SESSION_ENGINE = f"frontdesk.migrate.to_django.{request.param}"
    settings.MIDDLEWARE = [STOCK.get(name, name) for name in settings.MIDDLEWARE]
    settings.ROOT_URLCONF = __name__
    settings.LOGIN_URL = "login"


def sign_in(user, kind=Client):
    client = kind()
    client.force_login(user)
    return client


def has_user(client) -> bool:
    engine = import_module(django_settings.SESSION_ENGINE).SessionStore
    return "_auth_user_id" in engine(client.cookies["sessionid"].value).load()


def change_password(client, **fields):
    form = {
        "old_password": PASSWORD,
        "new_password1": NEW_PASSWORD,
        "new_password2": NEW_PASSWORD,
        **fields,
    }
    return client.post("/accounts/password_change/", form)


@pytest.mark.parametrize("choice", [{}, {"other_sessions": "end"}, {"other_sessions": "keep"}])
def test_password_change_keeps_this_session_and_ends_others(user, choice):
    this, other = sign_in(user), sign_in(user)
    assert change_password(this, **choice).status_code == 302
    assert get_user_model().objects.get().check_password(NEW_PASSWORD)
    assert this.get("/accounts/password_change/").status_code == 200
    assert other.get("/accounts/password_change/").status_code == 302


def test_password_change_offers_no_choice_that_it_cannot_keep(user):
    page = sign_in(user).get("/accounts/password_change/").text
    assert "new_password1" in page
    assert "other_sessions" not in page


@pytest.mark.parametrize("page", ["sessions/", "sessions/history/", "sessions/end-all/"])
def test_pages_are_no_errors(user, page):
    assert sign_in(user).get(f"/accounts/{page}").status_code == 200


def test_list_of_sessions_says_that_there_is_none(user):
    page = sign_in(user).get("/accounts/sessions/").text
    assert "cannot list or end sessions at the moment" in page
    assert "change your password" in page


@pytest.mark.parametrize("page", ["end/", "end-others/", "end-all/"])
def test_ending_sessions_says_that_it_cannot(user, page):
    this, other = sign_in(user), sign_in(user)
    response = this.post(f"/accounts/sessions/{page}", follow=True)
    assert "cannot list or end sessions at the moment" in response.text
    assert has_user(this)
    assert has_user(other)


def test_sensitive_view_asks_once_and_then_runs(user):
    client = sign_in(user)
    assert client.get("/sensitive/").status_code == 302
    before = client.cookies["sessionid"].value
    url = "/accounts/reauthenticate/?next=/sensitive/"
    form = client.get(url).context["form"]
    response = client.post(url, {form.add_prefix("password"): PASSWORD}, follow=True)
    assert response.text == "done: "
    assert client.cookies["sessionid"].value != before
    assert client.get("/sensitive/").status_code == 200


def test_sensitive_view_takes_the_password_with_a_post(user):
    client = sign_in(user)
    page = client.post("/sensitive/", {"what": "tea"})
    assert page.status_code == 403
    form = page.context["form"]
    sent = {form.add_prefix("password"): PASSWORD, **dict(page.context["carried"].fields)}
    assert client.post("/sensitive/", sent).text == "done: tea"


def test_async_sensitive_view_asks_too(user):
    client = sign_in(user, ASGIBrowser)
    assert client.get("/asensitive/").status_code == 302
    page = client.post("/asensitive/", {"what": "tea"})
    form = page.context["form"]
    sent = {form.add_prefix("password"): PASSWORD, **dict(page.context["carried"].fields)}
    assert client.post("/asensitive/", sent).text == "done: tea"


def test_old_proof_does_not_count(user, clock):
    client = sign_in(user)
    url = "/accounts/reauthenticate/?next=/sensitive/"
    form = client.get(url).context["form"]
    client.post(url, {form.add_prefix("password"): PASSWORD})
    clock.move(minutes=16)
    assert client.get("/sensitive/").status_code == 302
