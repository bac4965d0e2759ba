"""The demo's pages, and the pictures that take their time."""

from django.urls import include, path

from tests.browser.slow import picture

urlpatterns = [
    path("picture/<str:order>/<int:number>/", picture),
    path("", include("lobby.urls")),
]
