"""What works with Django's sessions works here: views, signals, the admin, the test clients."""

from io import StringIO

import pytest
from django.contrib import auth, messages
from django.contrib.auth.models import Permission, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.middleware.csrf import get_token
from django.test import AsyncClient

from frontdesk.engine import SessionStore
from frontdesk.models import Session
from tests.fixtures import DATABASE, PASSWORD, sign_in, sign_out, use
from tests.requests.browsers import cookie
from tests.requests.site import current_user, step

pytestmark = pytest.mark.django_db


# --- views and decorators -----------------------------------------------------------------------


def test_login_view_redirects_to_the_page_that_was_asked_for(browser, user):
    login_page = browser.get("/members/").url
    assert login_page == "/login/?next=/members/"
    response = browser.post(login_page, {"username": "ada", "password": PASSWORD})
    assert response.url == "/members/"
    assert browser.get("/members/").content == b"welcome, ada"


def test_login_view_refuses_a_wrong_password(browser, user):
    response = browser.post("/login/", {"username": "ada", "password": "wrong"})
    assert response.status_code == 200
    assert cookie(response) is None
    assert browser.username() == ""


def test_logout_view_signs_out(member):
    assert member.post("/logout/").url == "/plain/"
    assert member.username() == ""


@pytest.mark.parametrize("page", ["/members/", "/amembers/"])
def test_login_required_admits_only_signed_in_users(member, new_browser, page):
    assert member.get(page).status_code == 200
    assert new_browser().get(page).url == f"/login/?next={page}"


def test_permission_required_asks_the_user(member, user):
    assert member.get("/staff/").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="add_user"))
    assert member.get("/staff/").status_code == 200


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_login_required_middleware_works(member, new_browser, settings, page):
    guard = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, guard]
    browser = new_browser()
    assert browser.get("/open/").status_code == 200
    assert browser.get(page).url == f"/login/?next={page}"
    browser.key = member.key
    assert browser.get(page).status_code == 200


# --- functions and signals ----------------------------------------------------------------------


@pytest.fixture
def signals():
    """Django's signals, as (name, user, whether the request has a session)."""
    seen, receivers = [], []
    sent = {"in": user_logged_in, "out": user_logged_out, "failed": user_login_failed}
    for name, signal in sent.items():

        def receive(name=name, **given):
            seen.append((name, given.get("user"), hasattr(given.get("request"), "session")))

        receivers.append((signal, receive))
        signal.connect(receive)
    yield seen
    for signal, receive in receivers:
        signal.disconnect(receive)


def test_signing_in_and_out_sends_djangos_signals(browser, user, signals):
    sign_in(browser, user)
    sign_out(browser)
    assert signals == [("in", user, True), ("out", user, True)]


def test_a_failed_sign_in_sends_djangos_signal(browser, user, signals):
    browser.post("/login/", {"username": "ada", "password": "wrong"})
    assert signals == [("failed", None, True)]


def test_the_request_has_its_user_right_after_login(browser, user):
    def task(request):
        assert request.user.is_anonymous
        auth.login(request, user)
        return request.user

    assert browser.do(task).answer == user


def test_the_request_is_anonymous_right_after_logout(member):
    def task(request):
        assert request.user.is_authenticated
        auth.logout(request)
        return request.user.is_anonymous, dict(request.session.items())

    assert member.do(task).answer == (True, {})


def test_auser_is_the_user(member, new_browser):
    async def name(request):
        return (await request.auser()).get_username()

    assert member.do(name).answer == "ada"
    assert new_browser().do(name).answer == ""


def test_user_and_auser_are_one_object(member):
    async def both(request):
        later = await request.auser()
        return later is await request.auser(), later == request.user

    assert member.do(both).answer == (True, True)


def test_djangos_get_user_finds_the_user(member, user):
    def task(request):
        return (yield step(auth, "get_user", request))

    assert member.do(task).answer == user


# --- the test client ----------------------------------------------------------------------------


def test_force_login_signs_in_and_makes_a_new_key(browser, user):
    browser.force_login(user)
    before = browser.key
    browser.force_login(user)
    assert browser.key != before
    assert browser.username() == "ada"


def test_the_clients_login_and_logout_work(browser, user):
    assert browser.login(username="ada", password=PASSWORD)
    key = browser.key
    browser.logout()
    assert browser.username() == ""
    assert not SessionStore().exists(key)


def test_the_clients_session_can_be_edited(browser, member):
    session = browser.session
    assert session["_auth_user_id"]
    session["cart"] = ["lamp"]
    session.save()
    assert browser.values() == {"cart": ["lamp"]}
    assert browser.username() == "ada"


async def test_the_async_clients_session_can_be_edited():
    client = AsyncClient()
    session = await client.asession()
    await session.aset("cart", ["lamp"])
    await session.asave()
    assert await (await client.asession()).aget("cart") == ["lamp"]


# --- messages and CSRF --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["session.SessionStorage", "fallback.FallbackStorage"])
def test_messages_survive_signing_in(browser, user, settings, kind):
    settings.MESSAGE_STORAGE = f"django.contrib.messages.storage.{kind}"
    browser.do(lambda request: messages.info(request, "kept for you"))
    sign_in(browser, user)
    read = [
        browser.do(lambda request: [str(each) for each in messages.get_messages(request)]).answer
        for _ in range(2)
    ]
    assert read == [["kept for you"], []]


@pytest.mark.parametrize("in_session", [False, True])
def test_signing_in_rotates_the_csrf_secret(browser, user, settings, in_session):
    settings.CSRF_USE_SESSIONS = in_session

    def secret(request):
        get_token(request)
        return request.META["CSRF_COOKIE"]

    before = browser.do(secret).answer
    assert browser.do(secret).answer == before
    sign_in(browser, user)
    assert browser.do(secret).answer != before


def test_a_csrf_token_in_the_session_is_accepted(new_browser, user, settings):
    settings.CSRF_USE_SESSIONS = True
    browser = new_browser(enforce_csrf_checks=True)
    token = browser.do(get_token).answer
    fields = {"username": "ada", "password": PASSWORD}
    assert browser.post("/login/", fields).status_code == 403
    assert browser.post("/login/", {**fields, "csrfmiddlewaretoken": token}).status_code == 302
    assert browser.username() == "ada"


# --- management ---------------------------------------------------------------------------------


def test_clearsessions_deletes_all_that_expired_and_no_more(new_browser, settings, clock):
    use(settings, DATABASE)
    live = new_browser()
    live.put(cart=1)
    for _ in range(3):
        new_browser().do(lambda request: request.session.set_expiry(60))
    clock.move(minutes=30)
    call_command("clearsessions", stdout=StringIO())
    assert Session.objects.count() == 1
    assert live.values() == {"cart": 1}


# --- the admin ----------------------------------------------------------------------------------


@pytest.fixture
def admin(browser, user):
    User.objects.update(is_staff=True, is_superuser=True)
    browser.post("/admin/login/?next=/admin/", {"username": "ada", "password": PASSWORD})
    return browser


@pytest.mark.parametrize("page", ["", "auth/user/", "auth/user/add/", "password_change/"])
def test_the_admins_pages_work(admin, page):
    assert admin.get(f"/admin/{page}").status_code == 200


def test_a_password_change_in_the_admin_keeps_the_user_in(admin):
    fields = {
        "old_password": PASSWORD,
        "new_password1": "a drawer full of keys",
        "new_password2": "a drawer full of keys",
    }
    assert admin.post("/admin/password_change/", fields).status_code == 302
    assert admin.get("/admin/").status_code == 200


def test_the_admin_signs_out(admin):
    admin.post("/admin/logout/")
    assert admin.get("/admin/").status_code == 302


# --- only one of the parts is exchanged ---------------------------------------------------------

STOCK = {
    "frontdesk.middleware.SessionMiddleware": "django.contrib.sessions.middleware.SessionMiddleware",
    "frontdesk.middleware.AuthenticationMiddleware": (
        "django.contrib.auth.middleware.AuthenticationMiddleware"
    ),
}


@pytest.fixture(params=["both", "session", "authentication"])
def stock(request, settings):
    """Django's own middleware in place of one of ours, or of both."""
    ours = {"session": "Session", "authentication": "Authentication"}.get(request.param, "")
    settings.MIDDLEWARE = [
        STOCK[path] if path in STOCK and ours in path else path for path in settings.MIDDLEWARE
    ]


def test_djangos_middleware_works_with_this_engine(stock, browser, user):
    browser.put(cart=["lamp"])
    before = browser.key
    sign_in(browser, user)
    assert browser.key != before
    assert browser.username() == "ada"
    assert browser.values() == {"cart": ["lamp"]}
    sign_out(browser)
    assert browser.username() == ""
    assert browser.values() == {}


def test_the_limits_hold_with_djangos_middleware(stock, browser, user, clock, limits):
    limits(idle=3600)
    sign_in(browser, user)
    clock.move(hours=1)
    assert browser.username() == ""


def test_a_new_password_signs_out_with_djangos_middleware(stock, browser, user):
    sign_in(browser, user)
    user.set_password("another one")
    user.save()
    assert browser.username() == ""


@pytest.mark.parametrize("engine", ["db", "signed_cookies"])
def test_this_middleware_works_with_djangos_engines(browser, user, settings, engine):
    """A system check says what that costs."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    sign_in(browser, user)
    browser.put(cart=["lamp"])
    assert browser.username() == "ada"
    assert browser.values() == {"cart": ["lamp"]}


def test_without_session_middleware_the_error_is_djangos(browser, settings):
    settings.MIDDLEWARE = ["frontdesk.middleware.AuthenticationMiddleware"]
    with pytest.raises(ImproperlyConfigured, match="session middleware"):
        browser.get("/home/")


def test_the_user_is_that_of_the_session_when_it_is_asked(new_browser, user):
    """As in Django: a project's middleware may put another session on the request."""
    member, visitor = new_browser(), new_browser()
    sign_in(member, user)

    def look(request):
        request.session = SessionStore(member.key)
        return (yield current_user(request))

    assert visitor.do(look).answer == user
