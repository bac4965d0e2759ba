"""The site that the tests visit: Django's own sign-in views, the admin, and a page that performs tasks.

A task is a function of the request. A plain function runs in a sync view and a coroutine function in an
async view. A generator function runs in a view of the browser's own mode: it yields
``step(target, "name", ...)``, which becomes ``target.name(...)`` or ``await target.aname(...)``.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import isgenerator
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import (
    login_not_required,
    login_required,
    permission_required,
)
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie

Task = Callable[[Any], Any]

_tasks: dict[int, Task] = {}
_numbers = itertools.count()


@contextmanager
def registered(task: Task) -> Iterator[int]:
    """Give ``task`` a number, under which the site performs it inside the ``with`` block."""
    number = next(_numbers)
    _tasks[number] = task
    try:
        yield number
    finally:
        del _tasks[number]


class Step(NamedTuple):
    target: Any
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}


def step(target: Any, name: str, *args: Any, **kwargs: Any) -> Step:
    return Step(target, name, args, kwargs)


class _User(NamedTuple):
    request: Any

    def user(self) -> Any:
        return self.request.user

    async def auser(self) -> Any:
        return await self.request.auser()


def current_user(request: Any) -> Step:
    """Return the step that reads ``request.user`` or ``await request.auser()``."""
    return Step(_User(request), "user")


class _Elsewhere(NamedTuple):
    function: Callable[[], Any]

    def call(self) -> Any:
        return self.function()

    async def acall(self) -> Any:
        return await sync_to_async(self.function)()


def meanwhile(function: Callable[[], Any]) -> Step:
    """Return the step that calls ``function``, for example for another request. It may block."""
    return Step(_Elsewhere(function), "call")


def perform(request, number):
    outcome = _tasks[number](request)
    if not isgenerator(outcome):
        return _response(outcome)
    try:
        todo = next(outcome)
        while True:
            todo = outcome.send(getattr(todo.target, todo.name)(*todo.args, **todo.kwargs))
    except StopIteration as stop:
        return _response(stop.value)


async def aperform(request, number):
    outcome = _tasks[number](request)
    if not isgenerator(outcome):
        return _response(await outcome)
    try:
        todo = next(outcome)
        while True:
            call = getattr(todo.target, "a" + todo.name)
            todo = outcome.send(await call(*todo.args, **todo.kwargs))
    except StopIteration as stop:
        return _response(stop.value)


def _response(outcome: Any) -> HttpResponse:
    if isinstance(outcome, HttpResponse):
        return outcome
    response = HttpResponse("done")
    response.answer = outcome  # the test client returns this very object
    return response


def plain(request):
    return HttpResponse("a page that reads no session")


def home(request):
    return HttpResponse(f"welcome, {request.user}")


async def ahome(request):
    return HttpResponse(f"welcome, {await request.auser()}")


class LoginView(auth_views.LoginView):
    """Django's sign-in view, which only lacks a template."""

    template_name = "frontdesk/login.html"


urlpatterns = [
    path("plain/", plain),
    path("open/", login_not_required(plain)),
    path("home/", home),
    path("ahome/", ahome),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(next_page="/plain/"), name="logout"),
    path("members/", login_required(home)),
    path("amembers/", login_required(ahome)),
    path("staff/", permission_required("auth.add_user", raise_exception=True)(home)),
    path("form/", ensure_csrf_cookie(plain)),
    path("do/<int:number>/", perform),
    path("ado/<int:number>/", aperform),
    *([path("admin/", admin.site.urls)] if apps.is_installed("django.contrib.admin") else []),
]
