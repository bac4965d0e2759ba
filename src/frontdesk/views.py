"""The views of the pages. ``frontdesk.urls`` has them under Django's names."""

from frontdesk.pages.auth import (
    LoginView,
    LogoutView,
    PasswordChangeDoneView,
    PasswordChangeView,
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
)
from frontdesk.pages.history import HistoryView
from frontdesk.pages.reauth import ReauthenticateView
from frontdesk.pages.sessions import EndAllView, EndOthersView, EndSessionView, SessionsView
from frontdesk.pages.tokens import CreateTokenView, EndTokenView

__all__ = [
    "CreateTokenView",
    "EndAllView",
    "EndOthersView",
    "EndSessionView",
    "EndTokenView",
    "HistoryView",
    "LoginView",
    "LogoutView",
    "PasswordChangeDoneView",
    "PasswordChangeView",
    "PasswordResetCompleteView",
    "PasswordResetConfirmView",
    "PasswordResetDoneView",
    "PasswordResetView",
    "ReauthenticateView",
    "SessionsView",
]
