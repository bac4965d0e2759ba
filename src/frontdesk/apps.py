"""The application."""

from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.translation import gettext_lazy as _


class FrontdeskConfig(AppConfig):
    """Registers the system checks and connects the receivers."""

    name = "frontdesk"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Sign-ins and sessions")

    def ready(self) -> None:
        # The app registry must be loaded first. Importing the checks registers them.
        from frontdesk import checks  # noqa: F401

        self._listen()
        # A test may replace the user model, whose signals are received.
        setting_changed.connect(self._user_model_changed, dispatch_uid="frontdesk.apps")

    def _user_model_changed(self, *, setting: str, **_: Any) -> None:
        if setting == "AUTH_USER_MODEL":
            # A test may name a model that it defines later, or none at all.
            with suppress(ImproperlyConfigured):
                self._listen()

    def _listen(self) -> None:
        from frontdesk.history import recording
        from frontdesk.signin import deleted, limit, throttle
        from frontdesk.tokens import purge

        limit.listen()
        throttle.listen()
        recording.listen()  # after the limit, which may refuse a sign-in
        deleted.listen()
        purge.listen()
