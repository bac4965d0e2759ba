"""A site with one page, which does what the test wants."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import path


def name_of_user(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


act: Callable[[HttpRequest], HttpResponse] = name_of_user


def page(request: HttpRequest) -> HttpResponse:
    return act(request)


urlpatterns = [path("", page)]
