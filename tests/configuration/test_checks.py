"""System checks: each id appears with its advice, is silent in a good project, and is registered."""

import re
import subprocess
import sys
import types
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session as DjangoSession
from django.core import checks
from django.core.management import call_command
from django.utils import timezone

import frontdesk
from frontdesk.engine import SessionStore
from frontdesk.models import Session

pytestmark = pytest.mark.django_db  # Django's own checks ask the database

PACKAGE = Path(frontdesk.__file__).parent

SESSION = "frontdesk.middleware.SessionMiddleware"
AUTHENTICATION = "frontdesk.middleware.AuthenticationMiddleware"
THROTTLE = "frontdesk.backends.ThrottleBackend"
MODEL = "django.contrib.auth.backends.ModelBackend"
STOCK_SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
STOCK_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"
REDIS = "django.core.cache.backends.redis.RedisCache"


def run_checks(**chosen):
    """Run the checks on the one database that these tests may use."""
    return checks.run_checks(databases=["default"], **chosen)


def found(check_id):
    """Return what all checks of the project say under this id."""
    said = run_checks(include_deployment_checks=True)
    return [message for message in said if message.id == f"frontdesk.{check_id}"]


# --- what makes each of them fire -----------------------------------------------------------------------


def middleware(*paths):
    def arrange(settings, monkeypatch):
        settings.MIDDLEWARE = list(paths)

    return arrange


def frontdesk_setting(**given):
    def arrange(settings, monkeypatch):
        settings.FRONTDESK = given

    return arrange


def setting(name, value):
    def arrange(settings, monkeypatch):
        setattr(settings, name, value)

    return arrange


def storage(backend, **options):
    return frontdesk_setting(STORAGE={"BACKEND": backend, "OPTIONS": options})


def cache(backend, **more):
    def arrange(settings, monkeypatch):
        settings.CACHES = {"default": {"BACKEND": backend, **more}}
        settings.FRONTDESK = {"STORAGE": {"BACKEND": "frontdesk.storages.cache.CacheStorage"}}

    return arrange


def without_the_sessions_app(name, value):
    def arrange(settings, monkeypatch):
        apps = settings.INSTALLED_APPS
        settings.INSTALLED_APPS = [app for app in apps if app != "django.contrib.sessions"]
        setattr(settings, name, value)

    return arrange


def throttle_without_middleware(settings, monkeypatch):
    settings.MIDDLEWARE = [STOCK_SESSION, STOCK_AUTHENTICATION]
    settings.AUTHENTICATION_BACKENDS = [THROTTLE, MODEL]


DATABASE_STORAGE = "frontdesk.storages.database.DatabaseStorage"


def moves_from(origin):
    return frontdesk_setting(MIGRATE_FROM=origin)


def own_engine(*methods):
    """An engine of the project that replaces these methods."""

    def arrange(settings, monkeypatch):
        extended = type("SessionStore", (SessionStore,), dict.fromkeys(methods, lambda self: None))
        module = types.ModuleType("shop_engine")
        module.SessionStore = extended
        monkeypatch.setitem(sys.modules, "shop_engine", module)
        settings.SESSION_ENGINE = "shop_engine"

    return arrange


def without_a_directory(settings, monkeypatch):
    from django.contrib.sessions.backends.file import SessionStore

    monkeypatch.delattr(SessionStore, "_storage_path", raising=False)
    settings.SESSION_FILE_PATH = "/proc/nowhere"
    settings.FRONTDESK = {"MIGRATE_FROM": "django.contrib.sessions.backends.file"}


def redis_that_answers(**told):
    """A Redis without the server: tests/processes/test_redis_outages.py asks real ones."""

    def arrange(settings, monkeypatch):
        storage("frontdesk.storages.redis.RedisStorage", URL="redis://127.0.0.1")(settings, None)
        monkeypatch.setattr("redis.Redis.info", lambda client, *section: told)

    return arrange


CASES = [
    (
        "E001",
        setting("SESSION_ENGINE", "django.contrib.sessions.backends.db"),
        'SESSION_ENGINE = "frontdesk.engine"',
    ),
    ("E001", setting("SESSION_ENGINE", "no.such.engine"), 'SESSION_ENGINE = "frontdesk.engine"'),
    *(
        ("E019", own_engine(name), "receive the signals")
        for name in ("load", "create", "exists", "delete", "aload", "acreate", "aexists", "adelete")
    ),
    ("W022", own_engine("save"), "Extend both save() and asave()"),
    ("W022", own_engine("aflush"), "Extend both flush() and aflush()"),
    ("E002", middleware(AUTHENTICATION, SESSION), f"Put {SESSION!r} before"),
    ("E002", middleware(AUTHENTICATION), f"Put {SESSION!r} before"),
    ("E002", middleware(STOCK_SESSION, SESSION, AUTHENTICATION), "remove Django's own"),
    ("E002", middleware(SESSION, STOCK_AUTHENTICATION, AUTHENTICATION), "remove Django's own"),
    ("W003", middleware(SESSION, STOCK_AUTHENTICATION), "Use both"),
    ("W003", middleware(STOCK_SESSION, AUTHENTICATION), "Use both"),
    ("W013", middleware(STOCK_SESSION, STOCK_AUTHENTICATION), f"Put {SESSION!r} into MIDDLEWARE"),
    ("W013", middleware(), f"Put {SESSION!r} into MIDDLEWARE"),
    ("W018", setting("SESSION_ENGINE", "frontdesk.migrate.to_django.db"), "Django's own engine"),
    ("W017", setting("SESSION_SERIALIZER", "shop.sessions.PickleSerializer"), "JSONSerializer"),
    ("W023", setting("AUTHENTICATION_BACKENDS", [MODEL]), f"Put {THROTTLE!r} first"),
    ("W023", setting("AUTHENTICATION_BACKENDS", [MODEL, THROTTLE]), f"Put {THROTTLE!r} first"),
    ("W023", setting("AUTHENTICATION_BACKENDS", ["no.such.Backend"]), f"Put {THROTTLE!r} first"),
    ("W023", throttle_without_middleware, f"or remove {THROTTLE!r}"),
    ("E004", frontdesk_setting(IDLE_TIMOUT=1), "Did you mean 'IDLE_TIMEOUT'?"),
    ("E004", frontdesk_setting(XYZZY=1), "The keys are: STORAGE, MIGRATE_FROM, IDLE_TIMEOUT"),
    ("E005", frontdesk_setting(IDLE_TIMEOUT=60), "positive datetime.timedelta"),
    ("E005", frontdesk_setting(CLIENT_INFO="some"), "one of 'full', 'masked', 'off'"),
    ("E005", setting("FRONTDESK", ["STORAGE"]), "should be a dictionary"),
    ("W006", setting("SESSION_COOKIE_AGE", 31 * 86_400), "FRONTDESK['ABSOLUTE_TIMEOUT']"),
    ("W035", frontdesk_setting(API_TOKEN_MAX_AGE=timedelta(days=30)), "API_TOKEN_AGE"),
    (
        "W007",
        without_the_sessions_app("SESSION_COOKIE_SECURE", False),
        "SESSION_COOKIE_SECURE = True",
    ),
    (
        "W008",
        without_the_sessions_app("SESSION_COOKIE_HTTPONLY", False),
        "SESSION_COOKIE_HTTPONLY = True",
    ),
    ("E009", storage("no.such.Storage"), "No module named"),
    ("E009", storage("datetime.timedelta"), "which is not a storage"),
    ("E009", storage("frontdesk.storages.memory.MemoryStorage", SIZE=1), "does not fit"),
    ("E009", storage("django.contrib.sessions.backends.db"), "not a storage"),
    ("E009", storage("frontdesk.storages.file.FileStorage", FOLDER="/tmp"), "DIRECTORY"),
    ("W036", setting("ROOT_URLCONF", "tests.api.urls_without_pages"), "Include frontdesk.urls"),
    ("E034", frontdesk_setting(API_USER="no.such.function"), "dotted path of a function"),
    ("E034", frontdesk_setting(API_USER="tests.settings.MIDDLEWARE"), "dotted path of a function"),
    ("E021", storage("frontdesk.storages.file.FileStorage", DIRECTORY="/proc"), "/proc"),
    ("E009", storage("frontdesk.storages.cache.CacheStorage", ALIAS="none"), "'none'"),
    ("E009", cache("django.core.cache.backends.dummy.DummyCache"), "compare-and-set"),
    ("W010", storage("frontdesk.storages.memory.MemoryStorage"), "the database"),
    ("W010", cache(LOCMEM, OPTIONS={"MAX_ENTRIES": 10_000}), "the database"),
    ("W011", cache(LOCMEM), "10000 or more"),
    (
        "W014",
        setting("GEOIP_PATH", "/proc/nowhere"),
        "/proc/nowhere: Path must be a valid database",
    ),
    ("W014", setting("GEOIP_PATH", "/proc/nowhere"), "or remove the setting"),
    (
        "W015",
        frontdesk_setting(NEW_DEVICE_MAIL=True, CLIENT_INFO="off"),
        "Set FRONTDESK['CLIENT_INFO'] to 'masked' or 'full'",
    ),
    (
        "W016",
        frontdesk_setting(NEW_DEVICE_MAIL=True, HISTORY_RETENTION=None),
        "Set FRONTDESK['HISTORY_RETENTION']",
    ),
    ("E005", frontdesk_setting(MIGRATE_FROM=7), "the dotted path of a session engine"),
    (
        "W030",
        redis_that_answers(maxmemory=1, maxmemory_policy="allkeys-lru"),
        "Set maxmemory-policy to noeviction",
    ),
    ("W033", cache(MEMCACHED, LOCATION="127.0.0.1:1"), "'connect_timeout': 1, 'timeout': 1."),
    (
        "W033",
        cache(MEMCACHED, LOCATION="127.0.0.1:1", OPTIONS={"connect_timeout": 2}),
        "in seconds: 'timeout': 1.",
    ),
    (
        "W033",
        cache(MEMCACHED, LOCATION="127.0.0.1:1", OPTIONS={"timeout": 2, "use_pooling": True}),
        "in seconds: 'connect_timeout': 1.",
    ),
    (
        "W033",
        cache(REDIS, LOCATION="redis://127.0.0.1:1", OPTIONS={"socket_timeout": None}),
        "'socket_timeout': 1.",
    ),
    ("E031", redis_that_answers(cluster_enabled=1), 'Add "CLUSTER": True'),
    ("E020", moves_from("no.such.engine"), "is not a session engine"),
    ("E020", moves_from("django.contrib.sessions.backends.signed_cookies"), "Django's db"),
    ("E020", moves_from("frontdesk.engine"), "Django's db"),
    ("E020", without_a_directory, "doesn't exist"),
    ("E020", moves_from({"BACKEND": DATABASE_STORAGE}), "where they lived before"),
    ("E009", moves_from({"BACKEND": "no.such.Storage"}), "FRONTDESK['MIGRATE_FROM']"),
]


@pytest.mark.parametrize(
    ("check_id", "arrange", "advice"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_a_check_fires_with_its_advice(settings, monkeypatch, check_id, arrange, advice):
    arrange(settings, monkeypatch)
    messages = found(check_id)
    assert messages
    assert advice in f"{messages[0].msg} {messages[0].hint}"
    kind = checks.ERROR if check_id.startswith("E") else checks.WARNING
    assert [message.level for message in messages] == [kind] * len(messages)


@pytest.fixture
def right(settings):
    """A project where everything is as it should be."""
    del settings.FRONTDESK
    settings.SESSION_COOKIE_SECURE = True
    settings.AUTHENTICATION_BACKENDS = [THROTTLE, MODEL]


@pytest.mark.parametrize("check_id", sorted({check_id for check_id, _, _ in CASES}))
def test_a_check_is_silent_when_all_is_right(right, check_id):
    assert found(check_id) == []


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        (MEMCACHED, {"timeout": 1, "connect_timeout": 1}),
        (REDIS, {"socket_timeout": 1, "socket_connect_timeout": 1}),
    ],
)
def test_a_cache_with_timeouts_is_right(settings, monkeypatch, backend, options):
    location = "redis://127.0.0.1:1" if backend == REDIS else "127.0.0.1:1"
    cache(backend, LOCATION=location, OPTIONS=options)(settings, monkeypatch)
    assert found("W033") == []


def test_a_second_session_middleware_with_its_own_cookie_is_right(right, settings, monkeypatch):
    """As that of djangosaml2, which inherits from Django's and has another cookie."""
    from django.contrib.sessions.middleware import SessionMiddleware

    own = type("SamlSessionMiddleware", (SessionMiddleware,), {})
    monkeypatch.setattr(sys.modules[__name__], own.__name__, own, raising=False)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.SamlSessionMiddleware"]
    assert run_checks() == []


def test_a_project_may_have_no_urls(right, settings):
    del settings.ROOT_URLCONF
    assert run_checks() == []


@pytest.mark.parametrize(
    ("name", "ours", "djangos"),
    [
        ("SESSION_COOKIE_SECURE", "frontdesk.W007", "security.W010"),
        ("SESSION_COOKIE_HTTPONLY", "frontdesk.W008", "security.W013"),
    ],
)
@pytest.mark.parametrize("arranged", [setting, without_the_sessions_app])
def test_a_wrong_cookie_is_reported_once(right, settings, name, ours, djangos, arranged):
    arranged(name, False)(settings, None)
    said = {message.id for message in run_checks(include_deployment_checks=True)}
    assert said & {ours, djangos} == {djangos if arranged is setting else ours}


@pytest.fixture
def about_to_switch(right, db, monkeypatch):
    """A user is signed in with Django's engine, and ``migrate`` has not made frontdesk's tables yet."""
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session["_auth_user_id"] = "1"
    session.save()
    monkeypatch.setattr(Session._meta, "db_table", "frontdesk_not_there")


def test_a_switch_that_signs_users_out_is_told_before_it_is_made(about_to_switch):
    (message,) = found("W024")
    assert "MIGRATE_FROM = 'django.contrib.sessions.backends.db'" in message.hint


def test_a_switch_that_moves_the_sessions_needs_no_word(about_to_switch, settings):
    settings.FRONTDESK = {"MIGRATE_FROM": "django.contrib.sessions.backends.db"}
    assert found("W024") == []


def test_a_switch_without_live_sessions_needs_no_word(about_to_switch):
    DjangoSession.objects.update(expire_date=timezone.now() - timedelta(days=1))
    assert found("W024") == []


def test_after_the_switch_old_sessions_are_not_asked_for(about_to_switch, monkeypatch):
    monkeypatch.undo()
    assert found("W024") == []


def test_every_id_in_the_code_has_its_test():
    sources = (path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    ids = {name for source in sources for name in re.findall(r'id="frontdesk\.([EW]\d+)"', source)}
    assert ids == {check_id for check_id, _, _ in CASES} | {"W024"}


def test_every_check_is_registered():
    from frontdesk.checks import engine, signin, storage
    from frontdesk.checks import settings as values

    registry = checks.registry.registry
    registered = registry.registered_checks | registry.deployment_checks
    modules = (engine, values, storage, signin)
    written = {
        check for each in modules for name, check in vars(each).items() if name.startswith("check_")
    }
    assert len(written) > 5
    assert written <= registered


DEPLOYMENT = {"W007", "W008", "W010"}


@pytest.mark.parametrize("check_id", sorted(DEPLOYMENT))
def test_a_deployment_check_needs_the_deploy_option(settings, monkeypatch, check_id):
    for case, arrange, _ in CASES:
        if case == check_id:
            arrange(settings, monkeypatch)
    assert not [message for message in run_checks() if message.id == f"frontdesk.{check_id}"]


# --- what is fine ---------------------------------------------------------------------------------------


def test_without_limits_no_throttle_is_asked_for(right, settings):
    off = dict.fromkeys(["THROTTLE_DEVICE", "THROTTLE_ACCOUNT", "THROTTLE_NETWORK"])
    settings.FRONTDESK, settings.AUTHENTICATION_BACKENDS = off, [MODEL]
    assert run_checks() == []


def test_subclasses_are_recognized(right, settings, monkeypatch):
    from frontdesk import middleware as ours

    here = "tests.configuration.test_checks"
    for name in ("SessionMiddleware", "AuthenticationMiddleware"):
        own = type(f"Own{name}", (getattr(ours, name),), {})
        monkeypatch.setattr(sys.modules[here], own.__name__, own, raising=False)
    settings.MIDDLEWARE = [
        f"{here}.OwnSessionMiddleware",
        *settings.MIDDLEWARE[2:4],
        f"{here}.OwnAuthenticationMiddleware",
        *settings.MIDDLEWARE[5:],
    ]
    assert run_checks() == []


def test_an_engine_may_extend_what_is_called(right, settings, monkeypatch):
    called = (each for name in ("save", "flush", "cycle_key") for each in (name, f"a{name}"))
    own_engine(*called, "get_expiry_age", "reserve")(settings, monkeypatch)
    assert run_checks() == []


def test_only_the_engine_with_djangos_middleware_is_no_error(right, settings):
    replaced = {SESSION: STOCK_SESSION, AUTHENTICATION: STOCK_AUTHENTICATION}
    settings.MIDDLEWARE = [replaced.get(path, path) for path in settings.MIDDLEWARE]
    settings.AUTHENTICATION_BACKENDS = [MODEL]
    assert [message.id for message in run_checks()] == ["frontdesk.W013"]


def test_a_middleware_that_cannot_be_imported_is_left_to_django(right, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "no.such.Middleware"]
    assert run_checks() == []


def test_function_middleware_is_left_alone(right, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.requests.site.plain"]
    assert run_checks() == []


def test_the_admins_checks_pass(right):
    assert run_checks(tags=["admin"]) == []
    call_command("check", "admin", fail_level="WARNING", databases=["default"])


# --- Django's default project ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def default_project(tmp_path_factory):
    """What ``startproject`` makes; with frontdesk, by the lines that switch a project over."""
    folder = tmp_path_factory.mktemp("project")
    run(folder, "-m", "django", "startproject", "hotel", ".")
    stock = (folder / "hotel" / "settings.py").read_text("utf-8")
    switched = stock.replace(STOCK_SESSION, SESSION).replace(STOCK_AUTHENTICATION, AUTHENTICATION)
    switched += '\nINSTALLED_APPS += ["frontdesk"]\nSESSION_ENGINE = "frontdesk.engine"\n'
    backends = ["frontdesk.backends.ThrottleBackend", "django.contrib.auth.backends.ModelBackend"]
    switched += f"AUTHENTICATION_BACKENDS = {backends}\n"
    (folder / "hotel" / "switched.py").write_text(switched, "utf-8")
    secure = switched + "SESSION_COOKIE_SECURE = True\n"
    (folder / "hotel" / "secure.py").write_text(secure, "utf-8")
    return folder


def run(folder, *arguments):
    command = [sys.executable, *arguments]
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(PACKAGE.parent),
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def check(project, settings, *arguments):
    done = run(project, "manage.py", "check", f"--settings=hotel.{settings}", *arguments)
    said = re.findall(r"\((\w+\.[EW]\d+)\)", done.stdout + done.stderr)
    assert said or "no issues" in done.stdout, done.stderr
    return set(said)


def test_the_default_project_has_no_warnings(default_project):
    assert check(default_project, "switched") == set()


def test_a_deployment_of_the_default_project_has_only_djangos_warnings(default_project):
    stock = check(default_project, "settings", "--deploy")
    assert check(default_project, "switched", "--deploy") - stock == {
        "security.W010"  # of the cookie, instead of W012, since Django does not know the middleware
    }


def test_a_deployment_with_a_secure_cookie_has_only_djangos_warnings(default_project):
    stock = check(default_project, "settings", "--deploy")
    assert check(default_project, "secure", "--deploy") <= stock
