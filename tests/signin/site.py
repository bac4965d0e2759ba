"""The site of tests/requests with views that need a recent sign-in."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.urls import path
from django.views.generic import View

from frontdesk.decorators import RecentLoginRequiredMixin, recent_login_required
from tests.requests import site

seen: list[Any] = []
"""What the sensitive views were sent, oldest first."""


def _note(request) -> HttpResponse:
    posted = {name: request.POST.getlist(name) for name in request.POST}
    posted.pop("csrfmiddlewaretoken", None)
    seen.append(posted)
    return HttpResponse("done")


@recent_login_required
def sensitive(request):
    return _note(request)


@recent_login_required()
async def asensitive(request):
    return _note(request)


class Sensitive(RecentLoginRequiredMixin, View):
    action = "close the account"

    def get(self, request):
        return _note(request)

    post = put = get


class ASensitive(RecentLoginRequiredMixin, View):
    async def get(self, request):
        return _note(request)

    post = put = get


class Plain(View):
    """A view of a project, before a mixin is added to it."""


class WrongOrder(Plain, RecentLoginRequiredMixin):
    def get(self, request):
        return _note(request)


@recent_login_required(max_age=timedelta(days=1))
def daily(request):
    return _note(request)


urlpatterns = [
    path("sensitive/function/", sensitive),
    path("sensitive/afunction/", asensitive),
    path("sensitive/class/", Sensitive.as_view()),
    path("sensitive/aclass/", ASensitive.as_view()),
    path("daily/", daily),
    # The page itself is in tests/pages. The views only redirect to it.
    path("reauthenticate/", site.plain, name="reauthenticate"),
    *site.urlpatterns,
]
