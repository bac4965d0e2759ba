"""The site of tests/requests, with the pages of frontdesk."""

from django.urls import include, path

from tests.requests import site

urlpatterns = [*site.urlpatterns, path("accounts/", include("frontdesk.urls"))]
