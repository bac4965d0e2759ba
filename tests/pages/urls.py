"""What a project writes to get the pages, and a page to go to."""

from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("frontdesk.urls")),
    path("in/", lambda request: HttpResponse(request.user.get_username())),
]
