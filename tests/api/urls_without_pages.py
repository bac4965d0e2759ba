"""A project with the API and without the pages that its mails link to."""

from django.urls import include, path

urlpatterns = [path("api/auth/", include("frontdesk.api.urls"))]
