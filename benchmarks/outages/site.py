"""The pages, each sync and async, and the two applications.

``/plain/`` needs no session. The others say who is asking. Nothing here asks a database of its own accord:
a view that does is as exposed to an outage as the same view in stock Django.
"""

from typing import Any

from django.contrib.auth import alogin, alogout, get_user_model, login, logout, user_logged_in
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

BACKEND = "django.contrib.auth.backends.ModelBackend"


def person(number: int) -> Any:
    """Return a person without looking them up."""
    return get_user_model()(pk=number, username=f"person-{number}", password="!")


def plain(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


def look(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"user": request.user.pk, "n": request.session.get("n", 0)})


def add(request: HttpRequest) -> HttpResponse:
    n = request.session.modify("n", lambda n: n + 1, default=0)
    return JsonResponse({"user": request.user.pk, "n": n})


def sign_in(request: HttpRequest) -> HttpResponse:
    login(request, person(int(request.GET["user"])), BACKEND)
    return JsonResponse({"user": request.user.pk, "n": request.session.get("n", 0)})


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return JsonResponse({})


async def aplain(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


async def alook(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    return JsonResponse({"user": user.pk, "n": await request.session.aget("n", 0)})


async def aadd(request: HttpRequest) -> HttpResponse:
    n = await request.session.amodify("n", lambda n: n + 1, default=0)
    user = await request.auser()
    return JsonResponse({"user": user.pk, "n": n})


async def asign_in(request: HttpRequest) -> HttpResponse:
    await alogin(request, person(int(request.GET["user"])), BACKEND)
    user = await request.auser()
    return JsonResponse({"user": user.pk, "n": await request.session.aget("n", 0)})


async def asign_out(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return JsonResponse({})


_pages = {"plain": plain, "look": look, "add": add, "login": sign_in, "logout": sign_out}
_apages = {"plain": aplain, "look": alook, "add": aadd, "login": asign_in, "logout": asign_out}
urlpatterns = [path("ready/", plain)]
urlpatterns += [path(f"{name}/", view) for name, view in _pages.items()]
urlpatterns += [path(f"async/{name}/", view) for name, view in _apages.items()]

application = get_wsgi_application()
asgi = get_asgi_application()
# Django's own note of when somebody has signed in is one more statement, on the database of the people.
user_logged_in.disconnect(dispatch_uid="update_last_login")
