"""The pages that are measured, in both colours, and the applications that serve them."""

from itertools import count

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import update_last_login
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.urls import path

from benchmarks.speed.limits import Limits
from benchmarks.speed.ways import ways

PASSWORD = "open-sesame"
NAME = "ada"
"""Whose name the pages answer with."""

_ways = ways()
_numbers = count()
_limits = Limits()
_by_driver = sync_to_async(_limits.by_driver)


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(NAME)


def user(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.username)


def session(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session["name"])


def write(request: HttpRequest) -> HttpResponse:
    request.session["number"] = next(_numbers)
    return HttpResponse(NAME)


def sign_in(request: HttpRequest, name: str) -> HttpResponse:
    known = authenticate(request, username=name, password=PASSWORD)
    login(request, known)
    if _ways.signed_in:
        _ways.signed_in(request)
    request.session["name"] = name
    return HttpResponse(known.username)


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse(NAME)


def listed(request: HttpRequest) -> HttpResponse:
    return HttpResponse(len(_ways.list(request)))


def end_others(request: HttpRequest) -> HttpResponse:
    _ways.end_others(request)
    return HttpResponse(NAME)


def brief(request: HttpRequest) -> HttpResponse:
    """Begin a session that expires in a second."""
    request.session["name"] = NAME
    request.session.set_expiry(1)
    return HttpResponse(NAME)


def statement(request: HttpRequest) -> HttpResponse:
    """Execute what the database storage executes, and do nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(_limits.statement, {"value": _limits.digest(request)})
        return HttpResponse(cursor.fetchone()[_limits.name])


def driver(request: HttpRequest) -> HttpResponse:
    """Execute the same past Django's cursor."""
    return HttpResponse(_limits.by_driver(request)[_limits.name])


def credentials(request: HttpRequest) -> HttpResponse:
    """Do what Django does at a sign-in, but for the session."""
    known = authenticate(request, username=NAME, password=PASSWORD)
    update_last_login(None, known)
    rotate_token(request)
    return HttpResponse(known.username)


async def abare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(NAME)


async def adriver(request: HttpRequest) -> HttpResponse:
    """Have the driver execute the one statement in the thread that Django keeps for it."""
    return HttpResponse((await _by_driver(request))[_limits.name])


async def auser(request: HttpRequest) -> HttpResponse:
    return HttpResponse((await request.auser()).username)


async def asession(request: HttpRequest) -> HttpResponse:
    return HttpResponse(await request.session.aget("name"))


async def awrite(request: HttpRequest) -> HttpResponse:
    await request.session.aset("number", next(_numbers))
    return HttpResponse(NAME)


# Without sessions, the page of a user's name is the same page with the name written in it.
_without = not settings.MIDDLEWARE

urlpatterns = [
    path("ready/", bare),
    path("wsgi/neither/", bare),
    path("wsgi/user/", bare if _without else user),
    path("wsgi/session/", session),
    path("wsgi/write/", write),
    path("wsgi/statement/", statement),
    path("wsgi/driver/", driver),
    path("wsgi/credentials/", credentials),
    path("wsgi/sign_in/<str:name>/", sign_in),
    path("wsgi/sign_out/", sign_out),
    path("wsgi/list/", listed),
    path("wsgi/end_others/", end_others),
    path("wsgi/brief/", brief),
    path("asgi/neither/", abare),
    path("asgi/user/", abare if _without else auser),
    path("asgi/session/", asession),
    path("asgi/write/", awrite),
    path("asgi/driver/", adriver),
]
