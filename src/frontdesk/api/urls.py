"""The URLs of the JSON API: ``path("api/auth/", include("frontdesk.api.urls"))``."""

from itertools import groupby

from django.urls import path

from frontdesk.api.dispatch import view_of
from frontdesk.api.endpoints import ENDPOINTS

app_name = "frontdesk_api"

urlpatterns = [
    # "sessions/<str:session_id>" has the name "sessions", too. Its argument tells the two apart.
    path(route, view_of(group), name=route.partition("/<")[0].replace("/", "_"))
    for route, group in groupby(ENDPOINTS, key=lambda endpoint: endpoint.path)
]
