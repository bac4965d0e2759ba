"""The site of tests/requests with the front desk's pages, and views that want a recent sign-in."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.views.generic import View

from frontdesk.decorators import recent_login_required
from frontdesk.mixins import RecentLoginRequiredMixin
from tests.requests import site

seen: list[Any] = []
"""What the guarded views were given, oldest first."""


def _note(request) -> HttpResponse:
    posted = {name: request.POST.getlist(name) for name in request.POST}
    posted.pop("csrfmiddlewaretoken", None)
    seen.append(posted)
    return HttpResponse("done")


@recent_login_required
def delicate(request):
    return _note(request)


@recent_login_required()
async def adelicate(request):
    return _note(request)


class Delicate(RecentLoginRequiredMixin, View):
    def get(self, request):
        return _note(request)

    post = put = get


class ADelicate(RecentLoginRequiredMixin, View):
    async def get(self, request):
        return _note(request)

    post = put = get


class Room(View):
    """A view of the project's, to be guarded."""


class WrongOrder(Room, RecentLoginRequiredMixin):
    def get(self, request):
        return _note(request)


@recent_login_required(max_age=timedelta(days=1))
def daily(request):
    return _note(request)


@login_required
def facts(request):
    """Return what the session keeps, for a test to compare."""
    return JsonResponse({"kept": dict(request.session.items())})


urlpatterns = [
    path("delicate/function/", delicate),
    path("delicate/afunction/", adelicate),
    path("delicate/class/", Delicate.as_view()),
    path("delicate/aclass/", ADelicate.as_view()),
    path("daily/", daily),
    path("facts/", facts),
    path("desk/", include("frontdesk.urls")),
    *site.urlpatterns,
]
