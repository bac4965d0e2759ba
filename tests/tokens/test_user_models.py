"""API tokens work with each user model: this file is run again with the settings of each project."""

import os

import pytest
from asgiref.sync import async_to_sync
from django.test import RequestFactory

from frontdesk import api_tokens
from frontdesk.tokens import mail
from tests.requests.test_users import PROJECTS, run
from tests.tokens.conftest import bearer

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["sync", "async"])
def authenticate(request):
    twins = {
        "sync": api_tokens.authenticate,
        "async": async_to_sync(api_tokens.aauthenticate),
    }
    return lambda text: twins[request.param](RequestFactory().get("/", **bearer(text)))


def test_a_token_leads_to_its_user(user, other_user, text, authenticate):
    assert authenticate(text).user == user
    assert [token.name for token in api_tokens.for_user(user)] == ["backup"]
    assert api_tokens.for_user(other_user) == []


def test_it_stops_with_its_user(user, text, authenticate):
    user.is_active = False
    user.save()
    assert authenticate(text) is None
    user.is_active = True
    user.save()
    assert authenticate(text) is not None
    user.delete()
    assert authenticate(text) is None


def test_its_user_gets_a_mail_before_it_ends(user, text, clock, settings, mailoutbox):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    clock.move(days=25)
    assert mail.tell_all() == 1
    assert mailoutbox[0].to == [user.email]


def test_it_is_ended_by_its_user_alone(user, other_user, text, authenticate):
    assert not api_tokens.end(other_user, text[4:19])
    assert authenticate(text) is not None
    assert api_tokens.end(user, text[4:19])
    assert authenticate(text) is None


if "tests.projects" not in os.environ.get("DJANGO_SETTINGS_MODULE", ""):

    @pytest.mark.parametrize("project", PROJECTS)
    def test_all_this_holds_with_the_user_model_of(project):
        run(project, "pytest", "-q", "-p", "no:cacheprovider", "tests/tokens/test_user_models.py")
