"""What a project writes to get the API, and the pages that its mails link to."""

from django.urls import include, path

from tests.requests.site import urlpatterns as site

urlpatterns = [
    *site,
    path("api/auth/", include("frontdesk.api.urls")),
    path("accounts/", include("frontdesk.urls")),
]
