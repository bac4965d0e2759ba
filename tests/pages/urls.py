"""What a project writes to get the pages."""

from django.urls import include, path

urlpatterns = [path("accounts/", include("frontdesk.urls"))]
