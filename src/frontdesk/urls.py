"""The pages, under the paths and names that Django uses.

    path("accounts/", include("frontdesk.urls"))

The first group has the paths and names of ``django.contrib.auth.urls``, without a namespace. So
``LOGIN_URL = "login"``, ``{% url "password_reset" %}`` and the ``success_url`` of Django's own views keep
working. Source: https://docs.djangoproject.com/en/stable/topics/auth/default/#using-the-views
"""

from django.urls import path

from frontdesk import views

urlpatterns = [
    path("login/", views.LoginView.as_view(), name="login"),
    path("logout/", views.LogoutView.as_view(), name="logout"),
    path("password_change/", views.PasswordChangeView.as_view(), name="password_change"),
    path(
        "password_change/done/",
        views.PasswordChangeDoneView.as_view(),
        name="password_change_done",
    ),
    path("password_reset/", views.PasswordResetView.as_view(), name="password_reset"),
    path(
        "password_reset/done/",
        views.PasswordResetDoneView.as_view(),
        name="password_reset_done",
    ),
    path(
        "reset/<uidb64>/<token>/",
        views.PasswordResetConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path(
        "reset/done/",
        views.PasswordResetCompleteView.as_view(),
        name="password_reset_complete",
    ),
    path("reauthenticate/", views.ReauthenticateView.as_view(), name="reauthenticate"),
    path("sessions/", views.SessionsView.as_view(), name="frontdesk_sessions"),
    path("sessions/history/", views.HistoryView.as_view(), name="frontdesk_history"),
    path("sessions/tokens/new/", views.CreateTokenView.as_view(), name="frontdesk_create_token"),
    path(
        "sessions/tokens/<str:token_id>/end/",
        views.EndTokenView.as_view(),
        name="frontdesk_end_token",
    ),
    path("sessions/end/", views.EndSessionView.as_view(), name="frontdesk_end_session"),
    path("sessions/end-others/", views.EndOthersView.as_view(), name="frontdesk_end_others"),
    path("sessions/end-all/", views.EndAllView.as_view(), name="frontdesk_end_all"),
]
