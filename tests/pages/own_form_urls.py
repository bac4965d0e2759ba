"""A project that has Django's own form on the sign-in page."""

from django.contrib.auth.forms import AuthenticationForm
from django.urls import path

from frontdesk.views import LoginView
from tests.pages import urls

urlpatterns = [
    path("own/", LoginView.as_view(authentication_form=AuthenticationForm)),
    *urls.urlpatterns,
]
