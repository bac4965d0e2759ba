"""A project with an API on Django REST framework."""

from django.urls import path
from drf_spectacular.openapi import AutoSchema
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from frontdesk.contrib.rest_framework import SessionAuth, TokenAuth
from tests.requests import site

Orders = TokenAuth.requiring("orders:read")


class View(APIView):
    """Answers who asks, and how."""

    schema = AutoSchema()
    renderer_classes = [JSONRenderer]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"user": request.user.get_username(), "auth": type(request.auth).__name__})

    post = get


class Session(View):
    authentication_classes = [SessionAuth]


class Token(View):
    authentication_classes = [Orders]


class AnyToken(View):
    authentication_classes = [TokenAuth]


class SessionOrToken(View):
    authentication_classes = [SessionAuth, Orders]


class TokenOrSession(View):
    authentication_classes = [Orders, SessionAuth]


class TokenOrPassword(View):
    authentication_classes = [Orders, BasicAuthentication]


class Other(BaseAuthentication):
    """Another package's credentials, which are called Bearer as well."""

    def authenticate(self, request):
        return (Named(), "other") if request.headers.get("Authorization") == "Bearer jwt" else None


class Named:
    is_authenticated = True

    def get_username(self):
        return "other"


class WithOther(View):
    authentication_classes = [SessionAuth, Orders, Other]


class Public(View):
    authentication_classes = [SessionAuth, Orders]
    permission_classes = [AllowAny]


class Refusing(View):
    """Asks for a newer sign-in, which has nothing to do with the credentials."""

    authentication_classes = [SessionAuth, Orders]

    def get(self, request):
        raise exceptions.NotAuthenticated


urlpatterns = [
    path("session/", Session.as_view()),
    path("token/", Token.as_view()),
    path("any/", AnyToken.as_view()),
    path("session-or-token/", SessionOrToken.as_view()),
    path("token-or-session/", TokenOrSession.as_view()),
    path("token-or-password/", TokenOrPassword.as_view()),
    path("with-other/", WithOther.as_view()),
    path("public/", Public.as_view()),
    path("refusing/", Refusing.as_view()),
    *site.urlpatterns,
]
