"""The addresses that examples in the documentation use."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("frontdesk.urls")),
]
