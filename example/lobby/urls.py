"""Four pages of the demo, frontdesk's own, the JSON API, and the admin."""

from django.contrib import admin
from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import include, path
from django.views.generic import RedirectView

from . import views

urlpatterns = [
    path("", views.landing, name="landing"),
    path("badge/", views.badge, name="badge"),
    path("notebook/", views.notebook, name="notebook"),
    path("notebook/remove/", views.remove_note, name="remove_note"),
    path("api/", views.api, name="api"),
    path("api/auth/", include("frontdesk.api.urls")),
    path("api/badges/", views.badges, name="badges"),
    path("accounts/", include("frontdesk.urls")),
    path("admin/", admin.site.urls),
    # The admin's pages name no icon, so browsers ask for this one.
    path("favicon.ico", RedirectView.as_view(url=staticfiles_storage.url("lobby/badge.svg"))),
]
