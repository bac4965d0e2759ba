"""The application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FrontdeskConfig(AppConfig):
    """Registers the system checks and connects the receivers."""

    name = "frontdesk"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Sessions")

    def ready(self) -> None:
        pass
