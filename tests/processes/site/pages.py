"""The pages of the site, and its applications for WSGI and ASGI.

A page reads the session, waits for as many milliseconds as ``ms`` says, and writes only then. Meanwhile
other requests may overtake it. No page asks a database itself, and ``plain`` needs no session.
"""

import time
from typing import Any

from django.contrib.auth import alogin, alogout, get_user_model, login, logout, user_logged_in
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

BACKEND = "django.contrib.auth.backends.ModelBackend"


def user(number: int) -> Any:
    """Return a user without looking it up."""
    return get_user_model()(pk=number, username=f"user-{number}", password="!")


def plain(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


def start(request: HttpRequest) -> HttpResponse:
    request.session["started"] = True
    return JsonResponse({})


def look(request: HttpRequest) -> HttpResponse:
    _wait(request)
    values = {key: value for key, value in request.session.items() if not key.startswith("_")}
    return JsonResponse({"user": request.user.pk, "values": values})


def put(request: HttpRequest) -> HttpResponse:
    _wait(request)
    request.session[request.GET["key"]] = request.GET["value"]
    return look(request)


def drop(request: HttpRequest) -> HttpResponse:
    _wait(request)
    request.session.pop(request.GET["key"], None)
    return JsonResponse({})


def add(request: HttpRequest) -> HttpResponse:
    _wait(request)
    session: Any = request.session
    if hasattr(session, "modify"):
        n = session.modify("n", lambda n: n + 1, default=0)
    else:
        n = session["n"] = session.get("n", 0) + 1
    return JsonResponse({"user": request.user.pk, "n": n})


def sign_in(request: HttpRequest) -> HttpResponse:
    _wait(request)
    login(request, user(int(request.GET["user"])), BACKEND)
    return JsonResponse({"user": request.user.pk})


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return JsonResponse({})


def sessions(request: HttpRequest) -> HttpResponse:
    """Say how many sessions a user has."""
    from frontdesk import sessions  # the site may also run on an engine of Django's

    return JsonResponse({"live": sessions.count(user(int(request.GET["user"])))})


async def aplain(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


async def alook(request: HttpRequest) -> HttpResponse:
    found = await request.auser()
    return JsonResponse({"user": found.pk, "values": {"n": await request.session.aget("n", 0)}})


async def aadd(request: HttpRequest) -> HttpResponse:
    session: Any = request.session
    n = await session.amodify("n", lambda n: n + 1, default=0)
    return JsonResponse({"user": (await request.auser()).pk, "n": n})


async def asign_in(request: HttpRequest) -> HttpResponse:
    await alogin(request, user(int(request.GET["user"])), BACKEND)
    return JsonResponse({"user": (await request.auser()).pk})


async def asign_out(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return JsonResponse({})


def _wait(request: HttpRequest) -> None:
    request.session.get("anything")
    time.sleep(float(request.GET.get("ms", 0)) / 1000)


urlpatterns = [
    path("plain/", plain),
    path("start/", start),
    path("look/", look),
    path("put/", put),
    path("drop/", drop),
    path("add/", add),
    path("login/", sign_in),
    path("logout/", sign_out),
    path("sessions/", sessions),
    path("async/plain/", aplain),
    path("async/look/", alook),
    path("async/add/", aadd),
    path("async/login/", asign_in),
    path("async/logout/", asign_out),
]

application = get_wsgi_application()
asgi = get_asgi_application()
# It would write to the database of the users, which an outage may have taken away.
user_logged_in.disconnect(dispatch_uid="update_last_login")
