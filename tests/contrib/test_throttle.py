"""REST framework's BasicAuthentication, which checks a password with each request, and the throttle."""

import base64

import pytest
from django.db import connection
from django.urls import path
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from frontdesk.models import Throttle
from tests.fixtures import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


class Private(APIView):
    renderer_classes = [JSONRenderer]
    authentication_classes = [BasicAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response(request.user.get_username())


urlpatterns = [path("private/", Private.as_view())]


@pytest.fixture(params=[False, True], ids=["plain", "ATOMIC_REQUESTS"], autouse=True)
def _throttled(request, _site, settings, monkeypatch):
    """REST framework rolls a request back that it refuses."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", request.param)
    settings.ROOT_URLCONF = __name__
    settings.AUTHENTICATION_BACKENDS = [
        "frontdesk.backends.ThrottleBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]


def ask(browser, password):
    sent = base64.b64encode(f"ada:{password}".encode()).decode()
    return browser.get("/private/", headers={"Authorization": f"Basic {sent}"}).status_code


def test_passwords_that_are_right_leave_no_count_and_no_cookie(browser, user):
    assert {ask(browser, PASSWORD) for _ in range(15)} == {200}
    assert set(Throttle.objects.values_list("attempts", flat=True)) == {0}
    assert not browser.cookies


def test_passwords_that_are_wrong_count_until_none_is_checked(browser, user):
    assert {ask(browser, "wrong") for _ in range(10)} == {401}
    assert ask(browser, PASSWORD) == 401
    # The refused one is counted as well, unless the view is rolled back.
    refused = 0 if connection.settings_dict["ATOMIC_REQUESTS"] else 1
    assert Throttle.objects.get(pk__startswith="account:").attempts == 10 + refused
