"""A project that uses the pages, and the two browsers that visit them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import gettext_lazy as _

from frontdesk import api_tokens
from tests.fixtures import MEMORY, acting_as, clock
from tests.pages.catalogue import PAGES, PASSWORD

__all__ = ["acting_as", "clock"]


@pytest.fixture(autouse=True)
def _project(settings):
    settings.ROOT_URLCONF = "tests.pages.urls"
    settings.LOGIN_URL = "login"
    settings.LOGIN_REDIRECT_URL = "/in/"
    settings.FRONTDESK = {"STORAGE": {"BACKEND": MEMORY}}
    # Without it, Django 6.1 warns about the name that the setting had in 5.2.
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
    ]


@pytest.fixture
def configure(settings):
    """Set keys of ``settings.FRONTDESK``. The storage begins empty."""

    def change(**options):
        settings.FRONTDESK = {**settings.FRONTDESK, **options}

    return change


@pytest.fixture
def user(db):
    return User.objects.create_user("o'neil & co", "post@example.com", PASSWORD)


@pytest.fixture
def other_user(db):
    return User.objects.create_user("bob", "bob@example.com", PASSWORD)


@pytest.fixture
def stranger(db):
    return Client()


@pytest.fixture
def member(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def programmer(user, settings):
    """A browser of a user who has an API token, on a site with scopes for them."""
    settings.FRONTDESK = {**settings.FRONTDESK, "API_SCOPES": {"orders:read": _("Delete")}}
    api_tokens.create(user, "o'neil & co", ["orders:read"])
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def show(user, request):
    """show("login") fetches that page in the browser that would see it."""

    def fetch(name: str):
        sight = PAGES[name]
        return sight.visit(request.getfixturevalue(sight.browser), user)

    return fetch
