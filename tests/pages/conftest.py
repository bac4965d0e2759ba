"""A project that uses frontdesk's pages, and the two people who visit them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.pages.catalogue import PAGES, PASSWORD


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = "tests.pages.urls"
    settings.LOGIN_URL = "login"
    # Without it, Django 6.1 warns about the name that the setting had in 5.2.
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
    ]


@pytest.fixture
def user(db):
    return User.objects.create_user("o'neil & co", "post@desk.example", PASSWORD)


@pytest.fixture
def visitor():
    return Client()


@pytest.fixture
def member(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def show(user, request):
    """show("login") fetches that page as the person who would see it."""

    def fetch(name: str):
        _, who, get = PAGES[name]
        return get(request.getfixturevalue(who), user)

    return fetch
