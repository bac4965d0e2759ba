"""The pages of the hammered project, and its WSGI application.

Every page but ``/ready/`` reads the session first, waits as long as it is told, and only then writes: the
gap in which other requests may overtake it.
"""

import time

from django.conf import settings
from django.contrib.auth import get_user_model, login, logout
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from frontdesk.storages import get_storage

USERS = 8
BACKEND = "django.contrib.auth.backends.ModelBackend"


def _pause(request: HttpRequest) -> None:
    request.session.get("anything")
    time.sleep(float(request.GET.get("ms", 0)) / 1000)


def ready(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


def start(request: HttpRequest) -> HttpResponse:
    request.session["started"] = True
    return JsonResponse({})


def look(request: HttpRequest) -> HttpResponse:
    _pause(request)
    values = {key: value for key, value in request.session.items() if not key.startswith("_")}
    return JsonResponse({"user": request.user.pk, "values": values})


def put(request: HttpRequest) -> HttpResponse:
    _pause(request)
    request.session[request.GET["key"]] = request.GET["value"]
    return JsonResponse({})


def drop(request: HttpRequest) -> HttpResponse:
    _pause(request)
    request.session.pop(request.GET["key"], None)
    return JsonResponse({})


def add(request: HttpRequest) -> HttpResponse:
    _pause(request)
    return JsonResponse({"n": request.session.modify("n", lambda n: n + 1, default=0)})


def sign_in(request: HttpRequest) -> HttpResponse:
    _pause(request)
    login(request, get_user_model().objects.get(pk=request.GET["user"]), BACKEND)
    return JsonResponse({})


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return JsonResponse({})


def sessions(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"live": len(get_storage().of_user(request.GET["user"]))})


urlpatterns = [
    path("ready/", ready),
    path("start/", start),
    path("look/", look),
    path("put/", put),
    path("drop/", drop),
    path("add/", add),
    path("login/", sign_in),
    path("logout/", sign_out),
    path("sessions/", sessions),
]


def _prepare() -> None:
    """Make the tables and the people; and leave no connection for the worker processes to share."""
    call_command("migrate", verbosity=0)
    if any("DatabaseCache" in cache["BACKEND"] for cache in settings.CACHES.values()):
        call_command("createcachetable", verbosity=0)
    for number in range(1, USERS + 1):
        get_user_model().objects.get_or_create(pk=number, username=f"user-{number}")
    connections.close_all()


application = get_wsgi_application()
# gunicorn imports this once, before it starts its workers.
_prepare()
