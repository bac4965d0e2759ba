"""The site of tests/requests with views that ask for an API token."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.generic import View

from frontdesk.decorators import recent_login_required, scope_required
from tests.requests import site

seen: list[Any] = []
"""The requests that came through, oldest first."""


def _answer(request, user):
    seen.append(request)
    request.session["left"] = "behind"
    return JsonResponse({"user": user.get_username(), "token": request.auth.name})


@scope_required("orders:read")
def orders(request):
    return _answer(request, request.user)


@scope_required("orders:read")
async def aorders(request):
    return _answer(request, await request.auser())


class Orders(View):
    def get(self, request):
        return _answer(request, request.user)

    post = get


class AOrders(View):
    async def get(self, request):
        return _answer(request, await request.auser())

    post = get


@scope_required("orders:read", "orders:write")
def both(request):
    return _answer(request, request.user)


@scope_required()
def any_token(request):
    return _answer(request, request.user)


@scope_required("orders:read")
@login_required
def with_login_required(request):
    return _answer(request, request.user)


@scope_required("orders:read")
@recent_login_required
def sensitive(request):
    return _answer(request, request.user)


@scope_required("orders:read")
@cache_control(private=True, max_age=60)
def cached(request):
    return _answer(request, request.user)


def _page(request):
    template = engines["django"].from_string("{{ user.get_username }}")
    return TemplateResponse(request, template)


@scope_required("orders:read")
def page(request):
    return _page(request)


@scope_required("orders:read")
async def apage(request):
    return _page(request)


@scope_required("orders:read")
def broken(request):
    raise RuntimeError("It cannot be done.")


@recent_login_required
def only_sensitive(request):
    return HttpResponse("done")


urlpatterns = [
    path("orders/", orders),
    path("aorders/", aorders),
    path("class/", scope_required("orders:read")(Orders.as_view())),
    path("aclass/", scope_required("orders:read")(AOrders.as_view())),
    path("both/", both),
    path("any/", any_token),
    path("login-required/", with_login_required),
    path("sensitive/", sensitive),
    path("only-sensitive/", only_sensitive),
    path("cached/", cached),
    path("page/", page),
    path("apage/", apage),
    path("broken/", broken),
    path("reauthenticate/", site.plain, name="reauthenticate"),
    *site.urlpatterns,
]
