"""A small project with the pages, a page of its own, and pictures that take their time."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.urls import include, path

from frontdesk.decorators import recent_login_required
from frontdesk.errors import StorageUnavailable
from frontdesk.http.unavailable import unavailable

HOME = """{% extends "frontdesk/base.html" %}
{% block title %}Home{% endblock %}
{% block content %}<h1>Home of {{ user.get_username }}</h1>
<p>Notes: {{ request.session.notes|join:", " }}</p>
<form class="fd-form" method="post" action="/close/">{% csrf_token %}
<div class="fd-field"><label for="reason">Reason</label><textarea id="reason" name="reason"></textarea></div>
<button class="fd-button" type="submit">Close the account</button></form>{% endblock %}"""


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(HOME).render({}, request))


@recent_login_required(action="close your account")
def close(request: HttpRequest) -> HttpResponse:
    request.session["notes"] = [request.POST["reason"]]
    messages.success(request, "Closed.")
    return redirect("/")


def note(request: HttpRequest) -> HttpResponse:
    request.session["notes"] = ["written without signing in"]
    return redirect("/accounts/login/")


def outage(request: HttpRequest) -> HttpResponse:
    return unavailable(StorageUnavailable("the server is gone"))


# --- pictures that wait until the test lets them go -----------------------------------------------

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)

LOAD = """urls => {
    window.pictures = Promise.all(urls.map(url => new Promise(done => {
        const picture = new Image();
        picture.onload = picture.onerror = done;
        picture.src = url;
    })));
}"""

_numbers = itertools.count()
_arrived = threading.Semaphore(0)
_gate = threading.Event()


def picture(request: HttpRequest, order: str, number: int) -> HttpResponse:
    """Use the session before the gate opens ("early"), after it ("late"), or at both times."""
    if order in {"early", "both"}:
        _use(request)
    _arrived.release()
    if not _gate.wait(timeout=60):
        return HttpResponse("the test never opened the gate", status=504)
    if order in {"late", "both"}:
        _use(request)
    return HttpResponse(PIXEL, content_type="image/gif")


def icon(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PIXEL, content_type="image/gif")


def _use(request: HttpRequest) -> None:
    request.session["pictures"] = request.session.get("pictures", 0) + 1
    bool(request.user.is_authenticated)


@contextmanager
def pictures_under_way(tab: Any, *orders: str) -> Iterator[None]:
    """Start loading pictures in ``tab``; they arrive now, and are answered when the block is left."""
    _gate.clear()
    # Under new addresses, as a browser keeps pictures that it has loaded once.
    tab.evaluate(LOAD, [f"/picture/{order}/{next(_numbers)}/" for order in orders])
    for _ in orders:
        assert _arrived.acquire(timeout=60), "a picture was never asked for"
    yield
    _gate.set()
    tab.evaluate("() => window.pictures")


urlpatterns = [
    path("", home),
    path("close/", close),
    path("note/", note),
    path("outage/", outage),
    path("favicon.ico", icon),
    path("picture/<str:order>/<int:number>/", picture),
    path("accounts/", include("frontdesk.urls")),
    path("admin/", admin.site.urls),
]
