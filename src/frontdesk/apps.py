"""The application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FrontdeskConfig(AppConfig):
    """Session-based authentication, finished."""

    name = "frontdesk"
    verbose_name = _("Front desk")

    def ready(self) -> None:
        from frontdesk import checks  # noqa: F401 (registers; models must be loaded first)
