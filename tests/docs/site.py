"""A site with one page, which does what the test wants."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import path


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


act: Callable[[HttpRequest], HttpResponse] = who


def page(request: HttpRequest) -> HttpResponse:
    return act(request)


urlpatterns = [path("", page)]
