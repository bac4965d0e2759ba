"""What worked with Django's sessions works with these: names, settings, signals, the admin, the clients."""

import json
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.contrib import auth, messages
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User, UserManager
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db.models import Manager
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.test import RequestFactory, override_settings

from frontdesk.authhash import auth_hash
from frontdesk.engine import SessionStore
from frontdesk.middleware import SessionMiddleware
from frontdesk.policy import Standing
from frontdesk.storages import get_storage
from frontdesk.tokens import digest_of
from tests.requests.browsers import cookie
from tests.requests.conftest import PASSWORD
from tests.requests.site import step

pytestmark = pytest.mark.django_db


def sign_in(request):
    user = yield step(auth, "authenticate", request, username="ada", password=PASSWORD)
    if user is not None:
        yield step(auth, "login", request, user)


def sign_out(request):
    yield step(auth, "logout", request)


def stored(key):
    return get_storage().read(digest_of(key))


# --- views and decorators -----------------------------------------------------------------------------


def test_login_view_redirects_to_where_the_visitor_wanted_to_go(browser, user):
    door = browser.get("/members/").url
    assert door == "/login/?next=/members/"
    response = browser.post(door, {"username": "ada", "password": PASSWORD})
    assert response.url == "/members/"
    assert browser.get("/members/").content == b"welcome, ada"


def test_login_view_refuses_a_wrong_password(browser, user):
    response = browser.post("/login/", {"username": "ada", "password": "wrong"})
    assert response.status_code == 200
    assert cookie(response) is None
    assert browser.who() == ""


def test_logout_view_signs_out(member):
    assert member.post("/logout/").url == "/plain/"
    assert member.who() == ""


@pytest.mark.parametrize("page", ["/members/", "/amembers/"])
def test_login_required_lets_members_in(member, new_browser, page):
    assert member.get(page).status_code == 200
    assert new_browser().get(page).url == f"/login/?next={page}"


def test_permission_required_asks_the_user(member, user):
    assert member.get("/staff/").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="add_user"))
    assert member.get("/staff/").status_code == 200


@pytest.mark.parametrize("page", ["/home/", "/ahome/"])
def test_login_required_middleware_lets_members_in(member, new_browser, settings, page):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    newcomer = new_browser()
    assert newcomer.get("/open/").status_code == 200
    assert newcomer.get(page).url == f"/login/?next={page}"
    newcomer.key = member.key
    assert newcomer.get(page).status_code == 200


# --- functions and signals ----------------------------------------------------------------------------


@pytest.fixture
def signals():
    heard = []
    receivers = {}
    for name, signal in {
        "in": user_logged_in,
        "out": user_logged_out,
        "failed": user_login_failed,
    }.items():

        def receive(name=name, **given):
            heard.append((name, given.get("user"), hasattr(given.get("request"), "session")))

        receivers[signal] = receive
        signal.connect(receive)
    yield heard
    for signal, receive in receivers.items():
        signal.disconnect(receive)


def test_signing_in_and_out_sends_djangos_signals(browser, user, signals):
    browser.do(sign_in)
    browser.do(sign_out)
    assert signals == [("in", user, True), ("out", user, True)]


def test_a_failed_sign_in_sends_djangos_signal(browser, user, signals):
    user.set_password("another one")
    user.save()
    browser.do(sign_in)
    assert signals == [("failed", None, True)]


def test_the_request_knows_its_user_right_after_signing_in(browser, user):
    def task(request):
        assert request.user.is_anonymous
        auth.login(request, user)
        return request.user

    assert browser.do(task).answer == user


def test_the_request_is_anonymous_right_after_signing_out(member):
    def task(request):
        assert request.user.is_authenticated
        auth.logout(request)
        return request.user.is_anonymous, dict(request.session.items())

    assert member.do(task).answer == (True, {})


async def whoami(request):
    return (await request.auser()).get_username()


def test_auser_is_the_user(member):
    assert member.do(whoami).answer == "ada"


def test_auser_of_a_visitor_is_anonymous(browser):
    assert browser.do(whoami).answer == ""


def test_user_and_auser_are_one_object(member):
    async def both(request):
        later = await request.auser()
        return later is await request.auser(), later == request.user

    assert member.do(both).answer == (True, True)


def test_djangos_get_user_finds_the_user(member, user):
    def task(request):
        return (yield step(auth, "get_user", request))

    assert member.do(task).answer == user


def test_the_users_model_is_the_projects_own_class_with_all_its_fields(member, user):
    found = member.do(lambda request: request.user._wrapped if request.user.pk else None).answer
    assert type(found) is User
    assert found.__dict__.keys() - {"backend"} == User.objects.get().__dict__.keys()
    assert found.email == "ada@desk.example"
    assert found.get_deferred_fields() == set()
    assert not found._state.adding


# --- the test client ----------------------------------------------------------------------------------


def test_force_login_signs_in(browser, user, storage_setting):
    browser.force_login(user)
    assert browser.who() == "ada"


def test_force_login_again_issues_a_new_key(browser, user, storage_setting):
    browser.force_login(user)
    before = browser.key
    browser.force_login(user)
    assert browser.key != before
    assert browser.who() == "ada"


def test_the_clients_login_and_logout_work(browser, user, storage_setting):
    assert browser.login(username="ada", password=PASSWORD)
    key = browser.key
    browser.logout()
    assert browser.who() == ""
    assert not SessionStore().exists(key)


def test_the_clients_session_can_be_edited(browser, storage_setting):
    session = browser.session
    session["cart"] = ["lamp"]
    session.save()
    assert browser.kept() == {"cart": ["lamp"]}


def test_the_clients_session_shows_what_a_view_kept(member, storage_setting):
    member.keep(cart=["lamp"])
    assert member.session["cart"] == ["lamp"]


def test_editing_the_clients_session_keeps_the_user(member, storage_setting):
    session = member.session
    session["cart"] = ["lamp"]
    session.save()
    assert member.who() == "ada"


async def test_the_async_clients_session_can_be_edited(settings):
    from django.test import AsyncClient

    settings.FRONTDESK = {"STORAGE": {"BACKEND": "frontdesk.storages.memory.MemoryStorage"}}
    client = AsyncClient()
    session = await client.asession()
    await session.aset("cart", ["lamp"])
    await session.asave()
    assert await (await client.asession()).aget("cart") == ["lamp"]


# --- messages and CSRF --------------------------------------------------------------------------------


def read_messages(request):
    return [str(message) for message in messages.get_messages(request)]


@pytest.mark.parametrize("kind", ["session.SessionStorage", "fallback.FallbackStorage"])
def test_messages_survive_a_redirect(browser, settings, storage_setting, kind):
    settings.MESSAGE_STORAGE = f"django.contrib.messages.storage.{kind}"
    browser.do(lambda request: messages.info(request, "kept for you"))
    assert browser.do(read_messages).answer == ["kept for you"]
    assert browser.do(read_messages).answer == []


def test_messages_survive_signing_in(browser, user, settings):
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    browser.do(lambda request: messages.info(request, "kept for you"))
    browser.do(sign_in)
    assert browser.do(read_messages).answer == ["kept for you"]


@pytest.mark.parametrize("in_session", [False, True])
def test_signing_in_rotates_the_csrf_secret(browser, user, settings, in_session):
    settings.CSRF_USE_SESSIONS = in_session

    def secret(request):
        get_token(request)
        return request.META["CSRF_COOKIE"]

    before = browser.do(secret).answer
    assert browser.do(secret).answer == before
    browser.do(sign_in)
    assert browser.do(secret).answer != before


def test_a_form_with_its_token_in_the_session_is_accepted(new_browser, user, settings):
    settings.CSRF_USE_SESSIONS = True
    browser = new_browser(enforce_csrf_checks=True)
    token = browser.do(get_token).answer
    fields = {"username": "ada", "password": PASSWORD}
    assert browser.post("/login/", fields).status_code == 403
    assert browser.post("/login/", {**fields, "csrfmiddlewaretoken": token}).status_code == 302
    assert browser.who() == "ada"


# --- secrets ------------------------------------------------------------------------------------------


@pytest.fixture
def new_secret(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret " * 5


def test_a_session_of_an_earlier_secret_stays_signed_in(member, storage_setting, new_secret):
    assert member.who() == "ada"


def test_a_session_of_an_earlier_secret_gets_a_hash_of_todays(
    member, storage_setting, new_secret, settings
):
    member.who()
    settings.SECRET_KEY_FALLBACKS = []
    assert member.who() == "ada"


def test_a_session_of_an_earlier_secret_keeps_its_key(member, storage_setting, new_secret):
    """Unlike in Django: the key does not come from the secret, and requests are under way with it."""
    before = member.key
    response = member.do(lambda request: request.user.get_username())
    assert member.key == before
    assert cookie(response) is None


def test_a_session_of_a_secret_that_is_no_longer_known_is_nobodys(
    member, storage_setting, settings
):
    settings.SECRET_KEY = "another secret " * 5
    assert member.who() == ""


# --- custom backends, managers ------------------------------------------------------------------------


class Doorkeeper(ModelBackend):
    """A project's own ``get_user``."""

    asked: list[int] = []

    def get_user(self, user_id):
        self.asked.append(user_id)
        return super().get_user(user_id)

    async def aget_user(self, user_id):
        self.asked.append(user_id)
        return await super().aget_user(user_id)


class OnlyAda(ModelBackend):
    """A project's own rule of who may come in."""

    def user_can_authenticate(self, user):
        return user.get_username() == "ada"


class Filtered(UserManager):
    """A default manager that leaves some users out."""

    hidden: set[str] = set()

    def get_queryset(self):
        return super().get_queryset().exclude(username__in=self.hidden)


class Softly(UserManager):
    """A default manager whose own ``get`` knows of some users no more."""

    gone: set[str] = set()

    def get(self, *args, **kwargs):
        found = super().get(*args, **kwargs)
        if found.get_username() in self.gone:
            raise User.DoesNotExist
        return found


HERE = "tests.requests.test_drop_in"
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
ALLOW_ALL = "django.contrib.auth.backends.AllowAllUsersModelBackend"


@pytest.mark.parametrize("task", [lambda request: request.user.get_username(), whoami])
def test_a_backends_own_get_user_is_called_with_the_users_key(browser, user, settings, task):
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.Doorkeeper"]
    browser.do(sign_in)
    Doorkeeper.asked.clear()
    assert browser.do(task).answer == "ada"
    assert Doorkeeper.asked == [user.pk]


@pytest.mark.parametrize("task", [lambda request: request.user.get_username(), whoami])
def test_what_is_put_in_the_place_of_djangos_get_user_is_called(browser, user, monkeypatch, task):
    browser.do(sign_in)
    assert browser.do(task).answer == "ada"
    asked, get_user, aget_user = [], ModelBackend.get_user, ModelBackend.aget_user

    def seen(self, user_id):
        asked.append(user_id)
        return get_user(self, user_id)

    async def aseen(self, user_id):
        asked.append(user_id)
        return await aget_user(self, user_id)

    monkeypatch.setattr(ModelBackend, "get_user", seen)
    monkeypatch.setattr(ModelBackend, "aget_user", aseen)
    assert browser.do(task).answer == "ada"
    assert asked == [user.pk]


def test_a_backends_own_rule_is_honoured_at_every_request(browser, user, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.OnlyAda"]
    browser.do(sign_in)
    assert browser.who() == "ada"
    User.objects.update(username="eve")
    assert browser.who() == ""


@pytest.mark.parametrize(("backend", "expected"), [(MODEL_BACKEND, ""), (ALLOW_ALL, "ada")])
def test_a_deactivated_user_is_in_if_the_backend_says_so(
    browser, user, settings, storage_setting, backend, expected
):
    settings.AUTHENTICATION_BACKENDS = [backend]
    browser.do(sign_in)
    User.objects.update(is_active=False)
    assert browser.who() == expected


def test_a_default_manager_that_filters_users_is_honoured(browser, user, monkeypatch):
    manager = Filtered()
    manager.model = User
    manager.auto_created = False
    monkeypatch.setattr(User._meta, "default_manager", manager)
    browser.do(sign_in)
    assert browser.who() == "ada"
    monkeypatch.setattr(Filtered, "hidden", {"ada"})
    assert browser.who() == ""


def test_a_default_managers_own_get_is_honoured(browser, user, storage_setting, monkeypatch):
    manager = Softly()
    manager.model = User
    manager.auto_created = False
    monkeypatch.setattr(User._meta, "default_manager", manager)
    browser.do(sign_in)
    assert browser.who() == "ada"
    monkeypatch.setattr(Softly, "gone", {"ada"})
    assert browser.who() == ""


@pytest.mark.parametrize("user_id", [10**30, 2**63, -(2**70)])
def test_a_user_id_that_no_database_can_keep_is_nobodys(browser, user, storage_setting, user_id):
    def forge(request):
        request.session["_auth_user_id"] = str(user_id)

    browser.do(sign_in)
    browser.do(forge)
    assert browser.who() == ""


def test_the_user_is_whose_session_is_on_the_request_when_somebody_asks(
    new_browser, user, storage_setting
):
    """As in Django: middleware of a project's may put another session there."""
    member, visitor = new_browser(), new_browser()
    member.do(sign_in)

    def look(request):
        request.session = SessionStore(member.key)
        return request.user.get_username()

    async def alook(request):
        request.session = SessionStore(member.key)
        return (await request.auser()).get_username()

    assert visitor.do(look).answer == visitor.do(alook).answer == "ada"


@pytest.mark.parametrize("parsed", [False, True], ids=["not parsed yet", "parsed before"])
def test_cookies_that_are_changed_later_do_not_count(user, parsed):
    request = RequestFactory().get("/", headers={"cookie": f"sessionid={'a' * 32}"})
    if parsed:
        assert request.COOKIES
    SessionMiddleware(lambda _: None).process_request(request)
    request.COOKIES["sessionid"] = "b" * 32
    assert request.session.session_key == "a" * 32


def test_threads_that_touch_a_session_first_at_once_find_the_same(monkeypatch):
    """It was half made for all but the first."""
    request = RequestFactory().get("/", headers={"cookie": f"sessionid={'a' * 32}"})
    SessionMiddleware(lambda _: None).process_request(request)

    def slow(*args):
        time.sleep(0.05)
        return get_storage(*args)

    monkeypatch.setattr("frontdesk.state.get_storage", slow)
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda _: request.session.standing, range(4))
        assert set(found) == {Standing.UNREAD}


@pytest.mark.parametrize("secret", ["another", b"another as bytes"])
def test_the_hash_of_a_session_is_what_django_makes_it(user, monkeypatch, secret):
    assert auth_hash(user) == user.get_session_auth_hash()
    before = auth_hash(user)
    # By no signal: a settings object may look its secret up elsewhere each time.
    monkeypatch.setattr(django_settings, "SECRET_KEY", secret)
    assert auth_hash(user) == user.get_session_auth_hash() != before
    monkeypatch.setattr(User, "get_session_auth_hash", lambda self: "the project's own")
    assert auth_hash(user) == "the project's own"


def test_a_plain_manager_costs_no_statement_more(user):
    from frontdesk.users import is_ordinary

    assert isinstance(User._default_manager, Manager)
    assert is_ordinary(ModelBackend)
    assert not is_ordinary(Doorkeeper)


# --- settings of the session --------------------------------------------------------------------------


class Pickled:
    """A serializer of the project's own, that knows more types than JSON."""

    def dumps(self, obj):
        return pickle.dumps(obj)

    def loads(self, data):
        return pickle.loads(data)


VALUES = {"when": timedelta(days=3), "seen": {1, 2}, "pair": (1, "two"), "raw": b"\x00\xff"}


def test_a_serializer_of_the_projects_own_is_used(browser, user, settings, storage_setting):
    settings.SESSION_SERIALIZER = f"{HERE}.Pickled"
    browser.do(sign_in)
    browser.keep(**VALUES)
    assert browser.kept() == VALUES
    assert browser.who() == "ada"


def test_a_value_that_the_serializer_refuses_is_an_error_of_the_view(browser):
    with pytest.raises(TypeError, match="not JSON serializable"):
        browser.keep(when=timedelta(days=3))


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", "snö\x00\ud800", [], {}, {"a": [1, None]}, "x" * 100_000]
)
def test_a_value_comes_back_as_it_was(browser, storage_setting, value):
    browser.keep(value=value)
    assert browser.kept() == {"value": value}


@pytest.mark.parametrize(
    "key", ["", " ", "a.b", '"quoted"', "snö", "k\x00", "\\", "$x", "x" * 1000]
)
def test_a_key_comes_back_as_it_was(browser, storage_setting, key):
    browser.keep(**{key: 1})
    assert browser.kept() == {key: 1}


@pytest.mark.parametrize("key", [1, 1.5, True, None])
def test_a_key_that_is_no_text_becomes_what_json_makes_of_it(browser, storage_setting, key):
    """As in Django."""

    def task(request):
        request.session[key] = "value"

    browser.do(task)
    assert browser.kept() == json.loads(json.dumps({key: "value"}))


def test_a_value_that_was_changed_in_place_is_kept_if_the_view_says_so(browser, storage_setting):
    browser.keep(cart=["lamp"])

    def add(request):
        request.session["cart"].append("sofa")
        request.session.modified = True

    browser.do(add)
    assert browser.kept() == {"cart": ["lamp", "sofa"]}


def test_a_value_that_was_changed_in_place_is_lost_if_nobody_says_so(browser, storage_setting):
    """As in Django, which documents it."""
    browser.keep(cart=["lamp"])
    browser.do(lambda request: request.session["cart"].append("sofa"))
    assert browser.kept() == {"cart": ["lamp"]}


def test_saving_every_request_renews_the_cookie(browser, settings, storage_setting):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    browser.keep(cart=1)
    assert cookie(browser.get("/plain/")).value == browser.key


def test_saving_every_request_starts_no_session(browser, settings, journal):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    assert cookie(browser.get("/home/")) is None
    assert journal == []


@pytest.mark.parametrize("use_tz", [True, False])
def test_it_works_with_and_without_time_zones(browser, user, settings, storage_setting, use_tz):
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "America/St_Johns"
    browser.do(sign_in)
    browser.do(lambda request: request.session.set_expiry(timedelta(hours=1)))
    assert browser.who() == "ada"


def test_the_test_cookie_works(browser, storage_setting):
    def place(request):
        yield step(request.session, "set_test_cookie")

    def look(request):
        return (yield step(request.session, "test_cookie_worked"))

    def remove(request):
        yield step(request.session, "delete_test_cookie")

    browser.do(place)
    assert browser.do(look).answer
    browser.do(remove)
    assert not browser.do(look).answer, "Django's adelete_test_cookie() forgets to set modified"


def test_an_explicit_save_is_kept_though_the_answer_fails(browser, storage_setting):
    browser.keep(cart=1)

    def task(request):
        request.session["cart"] = 2
        request.session.save()
        return HttpResponse(status=500)

    browser.do(task)
    assert browser.kept() == {"cart": 2}


def test_a_view_may_create_a_session_to_learn_its_key(browser, storage_setting):
    def task(request):
        if not request.session.session_key:
            request.session.create()
        return request.session.session_key

    key = browser.do(task).answer
    assert browser.key == key
    assert browser.do(task).answer == key


# --- management ---------------------------------------------------------------------------------------


def test_clearsessions_removes_the_expired_and_nothing_else(
    new_browser, storage_setting, clock, tmp_path
):
    old, young = new_browser(), new_browser()
    old.do(lambda request: request.session.set_expiry(60))
    clock.move(minutes=2)
    young.keep(cart=1)
    call_command("clearsessions", stdout=StringIO())
    if storage_setting in {"memory", "file"}:
        assert digest_of(old.key) not in contents(storage_setting)
    assert young.kept() == {"cart": 1}
    clock.move(minutes=-3)  # what was only expired would be back
    assert storage_setting in {"cache", "redis", "redis cluster"} or stored(old.key) is None


def contents(name):
    storage = get_storage()
    if name == "memory":
        return set(storage._slots)
    return {path.name for path in storage._root.rglob("*")}


def test_clearsessions_goes_on_until_nothing_is_left(db, clock, monkeypatch):
    from frontdesk import purging
    from frontdesk.models import Session

    monkeypatch.setattr(purging, "BATCH", 2)
    for _ in range(5):
        SessionStore().create()
    clock.move(days=31)
    call_command("clearsessions", stdout=StringIO())
    assert Session.objects.count() == 0


# --- the admin ----------------------------------------------------------------------------------------


@pytest.fixture
def admin(browser, user):
    User.objects.update(is_staff=True, is_superuser=True)
    browser.post("/admin/login/?next=/admin/", {"username": "ada", "password": PASSWORD})
    return browser


def test_the_admin_signs_in(admin, storage_setting):
    assert admin.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    "page", ["auth/user/", "auth/user/add/", "auth/group/", "password_change/"]
)
def test_the_admins_pages_work(admin, page):
    assert admin.get(f"/admin/{page}").status_code == 200


def test_changing_ones_password_in_the_admin_keeps_one_signed_in(admin):
    fields = {
        "old_password": PASSWORD,
        "new_password1": "a drawer full of keys",
        "new_password2": "a drawer full of keys",
    }
    assert admin.post("/admin/password_change/", fields).status_code == 302
    assert admin.get("/admin/").status_code == 200


def test_deleting_a_user_with_a_session_works(admin, new_browser, other_user, storage_setting):
    other = new_browser()
    other.force_login(other_user)
    other_user.delete()
    assert other.who() == ""
    assert admin.get("/admin/").status_code == 200


def test_the_admin_signs_out(admin):
    admin.post("/admin/logout/")
    assert admin.get("/admin/").status_code == 302


# --- only the engine changed --------------------------------------------------------------------------

STOCK = {
    "frontdesk.middleware.SessionMiddleware": "django.contrib.sessions.middleware.SessionMiddleware",
    "frontdesk.middleware.AuthenticationMiddleware": (
        "django.contrib.auth.middleware.AuthenticationMiddleware"
    ),
}


@pytest.fixture(params=["both", "session", "authentication"])
def stock(request, settings):
    """Django's own middleware in the place of one of ours, or of both."""
    ours = {"session": "Session", "authentication": "Authentication"}.get(request.param, "")
    settings.MIDDLEWARE = [
        STOCK[path] if path in STOCK and (not ours or ours in path) else path
        for path in settings.MIDDLEWARE
    ]


def test_djangos_middleware_works_with_this_engine(stock, new_browser, user, storage_setting):
    browser = new_browser()
    browser.keep(cart=["lamp"])
    before = browser.key
    browser.do(sign_in)
    assert browser.key != before
    assert browser.who() == "ada"
    assert browser.kept() == {"cart": ["lamp"]}
    browser.do(sign_out)
    assert browser.who() == ""
    assert browser.kept() == {}


def test_the_limits_hold_with_djangos_middleware(stock, new_browser, user, clock, limits):
    browser = new_browser()
    limits(idle=3600)
    browser.do(sign_in)
    clock.move(hours=1)
    assert browser.who() == ""


def test_a_password_change_signs_out_with_djangos_middleware(stock, new_browser, user):
    browser = new_browser()
    browser.do(sign_in)
    user.set_password("another one")
    user.save()
    assert browser.who() == ""


@pytest.mark.parametrize("engine", ["db", "cache", "signed_cookies"])
def test_this_middleware_works_with_djangos_engines(new_browser, user, settings, engine, own_cache):
    """A check says what that costs; but nobody's sign-in is lost without a word."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    browser = new_browser()
    browser.do(sign_in)
    browser.keep(cart=["lamp"])
    assert browser.who() == "ada"
    assert browser.kept() == {"cart": ["lamp"]}


def test_without_session_middleware_the_error_is_djangos(new_browser, settings):
    settings.MIDDLEWARE = ["frontdesk.middleware.AuthenticationMiddleware"]
    with pytest.raises(ImproperlyConfigured, match="session middleware"):
        new_browser().get("/home/")


def test_settings_may_be_overridden_in_a_test(browser):
    with override_settings(SESSION_COOKIE_NAME="badge"):
        browser.keep(cart=1)
        assert browser.cookies["badge"].value
