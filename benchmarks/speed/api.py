"""The views that are measured with credentials in a header: REST framework's, each with one class."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.views import APIView

from benchmarks.speed import pages


class Signed(APIView):
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(request.user.username)


class Anonymous(APIView):
    authentication_classes = ()

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse("ada")


def _session_key(request: HttpRequest, user: User) -> str:
    from frontdesk import sessions  # noqa: PLC0415 (the other subjects do without)

    sessions.use_header(request)
    login(request, user)
    return f"HTTP_AUTHORIZATION Bearer {sessions.header_key(request)}"


def _api_token(request: HttpRequest, user: User) -> str:
    from frontdesk import api_tokens  # noqa: PLC0415

    return f"HTTP_AUTHORIZATION Bearer {api_tokens.create(user, 'benchmark', ['orders:read'])[1]}"


def _drf_token(request: HttpRequest, user: User) -> str:
    from rest_framework.authtoken.models import Token  # noqa: PLC0415

    return f"HTTP_AUTHORIZATION Token {Token.objects.create(user=user).key}"


def _knox_token(request: HttpRequest, user: User) -> str:
    from knox.models import AuthToken  # noqa: PLC0415

    return f"HTTP_AUTHORIZATION Token {AuthToken.objects.create(user=user)[1]}"


def _allauth_session(request: HttpRequest, user: User) -> str:
    login(request, user)
    request.session.save()
    return f"HTTP_X_SESSION_TOKEN {request.session.session_key}"


_MAKERS: dict[str, Callable[[HttpRequest, User], str]] = {
    "frontdesk.contrib.rest_framework.SessionAuth": _session_key,
    "frontdesk.contrib.rest_framework.TokenAuth": _api_token,
    "rest_framework.authentication.TokenAuthentication": _drf_token,
    "knox.auth.TokenAuthentication": _knox_token,
    "allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication": _allauth_session,
}


def credentials(request: HttpRequest) -> HttpResponse:
    """Answer with what a client of ``ada`` sends: the name of the header, as WSGI has it, and its value."""
    (name,) = settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]
    return HttpResponse(_MAKERS[name](request, User.objects.get(username="ada")))


urlpatterns = [
    path("api/neither/", Anonymous.as_view()),
    path("api/user/", Signed.as_view()),
    path("api/credentials/", credentials),
    *pages.urlpatterns,
]
