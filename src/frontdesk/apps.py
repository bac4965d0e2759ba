"""The application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FrontdeskConfig(AppConfig):
    """Session-based authentication, finished."""

    name = "frontdesk"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Front desk")

    def ready(self) -> None:
        # The app registry must be loaded first. Importing the checks registers them.
        from django.contrib.auth import get_user_model
        from django.contrib.auth.signals import user_logged_in
        from django.db.models.signals import post_delete

        from frontdesk import checks, recording  # noqa: F401
        from frontdesk.admission import hold_to_limit
        from frontdesk.departures import user_deleted

        user_logged_in.connect(hold_to_limit, dispatch_uid="frontdesk.admission")
        recording.listen()  # after the limit, which may refuse a sign-in
        post_delete.connect(
            user_deleted, sender=get_user_model(), dispatch_uid="frontdesk.departures"
        )
