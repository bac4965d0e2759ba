"""The admin. Django finds this module.

Django's own admin of users also gets the user's sessions, unless the project has another one there, which
takes :class:`SessionsUserAdminMixin`.
"""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from frontdesk.models import ApiToken, HistoryEntry, Session, Throttle
from frontdesk.staff.history_admin import HistoryAdmin
from frontdesk.staff.session_admin import SessionAdmin
from frontdesk.staff.throttle_admin import ThrottleAdmin
from frontdesk.staff.token_admin import TokenAdmin
from frontdesk.staff.user_admin import SessionsUserAdminMixin

__all__ = [
    "HistoryAdmin",
    "SessionAdmin",
    "SessionsUserAdminMixin",
    "ThrottleAdmin",
    "TokenAdmin",
    "UserAdmin",
]

if TYPE_CHECKING:
    DjangoUserAdmin = auth_admin.UserAdmin[User]
else:
    DjangoUserAdmin = auth_admin.UserAdmin


class UserAdmin(SessionsUserAdminMixin, DjangoUserAdmin):
    """Django's admin of users, with their sessions."""


def extend_django_user_admin(site: admin.AdminSite) -> None:
    """Replace Django's own admin of users by :class:`UserAdmin`. One of the project's own stays."""
    model = get_user_model()
    if site.is_registered(model) and type(site.get_model_admin(model)) is auth_admin.UserAdmin:
        site.unregister(model)
        site.register(model, UserAdmin)


admin.site.register(Session, SessionAdmin)
admin.site.register(HistoryEntry, HistoryAdmin)
admin.site.register(ApiToken, TokenAdmin)
admin.site.register(Throttle, ThrottleAdmin)
extend_django_user_admin(admin.site)
