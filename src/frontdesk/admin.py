"""The front desk in the admin.

Django's own admin of users, where a project uses that as it is, learns to end sessions; one of the
project's own does with :class:`SessionsUserAdminMixin`.
"""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from frontdesk.history_admin import HistoryAdmin
from frontdesk.models import HistoryEntry, Session
from frontdesk.staff.session_admin import SessionAdmin
from frontdesk.staff.user_admin import SessionsUserAdminMixin

__all__ = ["HistoryAdmin", "SessionAdmin", "SessionsUserAdminMixin", "UserAdmin"]


if TYPE_CHECKING:
    StockUserAdmin = auth_admin.UserAdmin[User]
else:
    StockUserAdmin = auth_admin.UserAdmin


class UserAdmin(SessionsUserAdminMixin, StockUserAdmin):
    """Django's admin of users, with their sessions."""


def extend_stock_user_admin(site: admin.AdminSite) -> None:
    """Put ``UserAdmin`` in the place of Django's own; leave whatever else the project has there."""
    model = get_user_model()
    if site.is_registered(model) and type(site.get_model_admin(model)) is auth_admin.UserAdmin:
        site.unregister(model)
        site.register(model, UserAdmin)


admin.site.register(Session, SessionAdmin)
admin.site.register(HistoryEntry, HistoryAdmin)
extend_stock_user_admin(admin.site)
