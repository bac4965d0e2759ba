"""The pages that are measured. Each answers with the name of its user, who is ``ada`` without sessions."""

from itertools import count
from types import SimpleNamespace

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse
from django.urls import path

ADA = SimpleNamespace(username="ada")
numbers = count()


def neither(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ada")


def user(request: HttpRequest) -> HttpResponse:
    return HttpResponse(getattr(request, "user", ADA).username)


def write(request: HttpRequest) -> HttpResponse:
    request.session["n"] = next(numbers)
    return HttpResponse(request.user.username)


def sign_in(request: HttpRequest, name: str) -> HttpResponse:
    found = authenticate(request, username=name, password="open-sesame")
    assert found is not None
    login(request, found)
    return HttpResponse(name)


async def aneither(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ada")


async def auser(request: HttpRequest) -> HttpResponse:
    return HttpResponse((await request.auser()).username if hasattr(request, "auser") else "ada")


urlpatterns = [
    path("wsgi/neither/", neither),
    path("wsgi/user/", user),
    path("wsgi/write/", write),
    path("wsgi/sign_in/<name>/", sign_in),
    path("asgi/neither/", aneither),
    path("asgi/user/", auser),
]
