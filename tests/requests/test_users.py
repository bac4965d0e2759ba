"""The user of a request: a project's own backends, managers, routers and user models."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User, UserManager
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.models import QuerySet
from django.test import override_settings

from frontdesk import models, sessions
from frontdesk.http import middleware
from tests import services
from tests.fixtures import DATABASE, MEMORY, create, sign_in, use
from tests.requests.site import current_user

pytestmark = pytest.mark.django_db

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
ALLOW_ALL = "django.contrib.auth.backends.AllowAllUsersModelBackend"


@pytest.fixture(params=[DATABASE, MEMORY], ids=["database", "memory"], autouse=True)
def storage(request, site, settings):
    """One storage that reads the user along with the session, and one that does not."""
    return use(settings, request.param)


def username(browser):
    """Return the name of the user in the browser's mode, which is what differs here."""

    def task(request):
        return (yield current_user(request)).get_username()

    return browser.do(task).answer


def test_the_user_is_of_the_projects_model_with_all_fields(member, user):
    def task(request):
        return (yield current_user(request))

    found = member.do(task).answer
    found = getattr(found, "_wrapped", found)
    assert type(found) is User
    assert found.__dict__.keys() - {"backend"} == User.objects.get().__dict__.keys()
    assert found == user
    assert found.email == "ada@example.com"
    assert found.get_deferred_fields() == set()
    assert (found._state.adding, found._state.db) == (False, "default")


# --- backends -----------------------------------------------------------------------------------


class OwnGetUser(ModelBackend):
    asked: list[int] = []

    def get_user(self, user_id):
        self.asked.append(user_id)
        return super().get_user(user_id)

    async def aget_user(self, user_id):
        self.asked.append(user_id)
        return await super().aget_user(user_id)


class OnlyAda(ModelBackend):
    def user_can_authenticate(self, user):
        return user.get_username() == "ada"


class Stranger:
    """A backend that inherits nothing, and signs in whom it wants."""

    def get_user(self, user_id):
        return User.objects.get(pk=user_id)

    async def aget_user(self, user_id):
        return await User.objects.aget(pk=user_id)

    def authenticate(self, request, username=None, password=None):
        return User.objects.filter(username=username).first()

    async def aauthenticate(self, request, username=None, password=None):
        return await User.objects.filter(username=username).afirst()


def test_a_backends_own_get_user_is_called_with_the_key(browser, user, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OwnGetUser"]
    sign_in(browser, user)
    OwnGetUser.asked.clear()
    assert username(browser) == "ada"
    assert OwnGetUser.asked == [user.pk]


def test_a_backend_that_inherits_nothing_works(browser, user, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Stranger"]
    sign_in(browser, user, password="any")
    assert username(browser) == "ada"


def test_a_backends_rule_holds_at_every_request(browser, user, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OnlyAda"]
    sign_in(browser, user)
    assert username(browser) == "ada"
    User.objects.update(username="eve")
    assert username(browser) == ""


@pytest.mark.parametrize(("backend", "expected"), [(MODEL_BACKEND, ""), (ALLOW_ALL, "ada")])
def test_the_backend_decides_on_a_deactivated_user(browser, user, settings, backend, expected):
    settings.AUTHENTICATION_BACKENDS = [backend]
    sign_in(browser, user)
    User.objects.update(is_active=False)
    assert username(browser) == expected


# --- managers -----------------------------------------------------------------------------------


class OwnQuerySet(UserManager):
    hidden: set[str] = set()

    def get_queryset(self):
        return super().get_queryset().exclude(username__in=self.hidden)


class OwnGet(UserManager):
    hidden: set[str] = set()

    def get(self, *args, **kwargs):
        found = super().get(*args, **kwargs)
        if found.get_username() in self.hidden:
            raise User.DoesNotExist
        return found

    async def aget(self, *args, **kwargs):
        return await sync_to_async(self.get)(*args, **kwargs)


class Filtered(QuerySet):
    hidden: set[str] = set()

    def get(self, *args, **kwargs):
        return QuerySet(self.model).exclude(username__in=self.hidden).get(*args, **kwargs)


class OfQuerySet(UserManager.from_queryset(Filtered)):
    hidden: set[str] = set()


@pytest.mark.parametrize("kind", [OwnQuerySet, OwnGet, OfQuerySet])
def test_the_default_manager_decides_which_users_there_are(
    browser, user, settings, monkeypatch, kind
):
    settings.AUTH_USER_MODEL = settings.AUTH_USER_MODEL  # a new storage, here and after the test
    manager = kind()
    manager.model, manager.auto_created = User, False
    monkeypatch.setattr(User._meta, "default_manager", manager)
    remembers_no_manager = models.is_plain.__wrapped__
    for module in (models, middleware):
        monkeypatch.setattr(module, "is_plain", remembers_no_manager)
    sign_in(browser, user)
    assert username(browser) == "ada"
    monkeypatch.setattr(kind, "hidden", {"ada"})
    monkeypatch.setattr(Filtered, "hidden", {"ada"})
    assert username(browser) == ""


@pytest.mark.parametrize("user_id", [10**30, 2**63, -(2**70), 2**31])
def test_a_user_id_that_no_database_has_is_nobodys(browser, user, user_id):
    sign_in(browser, user)
    browser.do(lambda request: request.session.update({"_auth_user_id": str(user_id)}))
    assert username(browser) == ""


# --- routers ------------------------------------------------------------------------------------


class ByTenant:
    """Sends the users, and only them, to the database of the current tenant."""

    tenant = "default"

    def db_for_read(self, model, **hints):
        return self.tenant if model is User else None

    db_for_write = db_for_read


DEFAULT = os.environ.get("FRONTDESK_TEST_DB", "sqlite")
OTHER = "mariadb" if DEFAULT == "postgresql" else "postgresql"


@pytest.mark.needs(OTHER)
@pytest.mark.django_db(databases=["default", OTHER])
@pytest.mark.parametrize("order", [["default", OTHER], [OTHER, "default"]])
def test_each_request_reads_the_user_of_its_tenant(new_browser, user, settings, monkeypatch, order):
    """Cloned tenants: their users have the same keys and the same password hashes."""
    settings.DATABASE_ROUTERS = [f"{__name__}.ByTenant", *settings.DATABASE_ROUTERS]
    User.objects.using(OTHER).create(pk=user.pk, username="bob", password=user.password)
    browsers = {}
    for tenant in order:
        monkeypatch.setattr(ByTenant, "tenant", tenant)
        browsers[tenant] = new_browser()
        sign_in(browsers[tenant], User.objects.get())
    names = {"default": "ada", OTHER: "bob"}
    for tenant in [*order, *order]:
        monkeypatch.setattr(ByTenant, "tenant", tenant)
        assert username(browsers[tenant]) == names[tenant]


def test_a_router_that_names_no_database_is_not_asked_for_more(browser, user, settings):
    """``None`` leaves the choice to the next router."""
    settings.DATABASE_ROUTERS = []
    sign_in(browser, user)
    assert username(browser) == "ada"


# --- user models --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_user_model_overridden_in_a_test_is_read(new_browser, settings):
    """Beside a user of the usual model with the same primary key."""
    pk = create("ada").pk
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "tests.projects.email_users"]
    settings.AUTH_USER_MODEL = "email_users.Person"
    from tests.projects.email_users.models import Person

    with connections["default"].schema_editor() as editor:
        editor.create_model(Person)
    try:
        browser = new_browser()
        person = Person.objects.create(pk=pk, email="eve@example.com", password="!")
        browser.force_login(person, backend=MODEL_BACKEND)
        assert username(browser) == "eve@example.com"
        assert sessions.count(person) == 1
        assert sessions.end_all(person) == 1
        assert username(browser) == ""
    finally:
        with connections["default"].schema_editor() as editor:
            editor.delete_model(Person)


@pytest.mark.parametrize("name", ["email_users.Undefined", "no_such_app.User", "no-dot"])
def test_a_test_may_override_the_user_model_with_none(name):
    with override_settings(AUTH_USER_MODEL=name), pytest.raises(ImproperlyConfigured):
        get_user_model()


ROOT = Path(services.__file__).parent.parent
VISITS = "tests/requests/test_every_storage.py"
PROJECTS = ("uuid_users", "email_users", "composite_users")
# All visits on SQLite, and on the servers those that look for the sessions of a user.
CHOICE = "not async and (database-sqlite or (database and list))"


def run(project, *arguments, **variables):
    """Run Python in another process, with the settings of a project of tests/projects."""
    # Without the directory of this run, that process uses databases of its own.
    environment = {
        name: value for name, value in os.environ.items() if name != "FRONTDESK_TEST_DIR"
    }
    environment |= {"DJANGO_SETTINGS_MODULE": f"tests.projects.{project}.settings", **variables}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("storage", [MEMORY], indirect=True)
@pytest.mark.parametrize("project", PROJECTS)
def test_whole_visits_work_with_the_user_model_of(project, storage):
    """A process has only one user model."""
    run(project, "pytest", "-q", "-p", "no:cacheprovider", "-k", CHOICE, VISITS)


@pytest.mark.parametrize("storage", [MEMORY], indirect=True)
@pytest.mark.parametrize("project", PROJECTS)
def test_the_system_check_accepts_the_user_model_of(project, storage):
    """On SQLite. The check asks MariaDB, whose database only tests make."""
    away = f"mysql://root@127.0.0.1:{services.free_port()}"
    run(project, "django", "check", "--fail-level", "ERROR", FRONTDESK_TEST_MARIADB=away)
