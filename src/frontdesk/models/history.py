"""The table of the history of sign-ins."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class What(models.TextChoices):
    """What an entry of the history tells."""

    SIGNED_IN = "signed_in", _("signed in")
    FAILED = "failed", _("failed try")
    REENTERED = "reentered", _("entered the password again")
    PASSWORD = "password", _("password changed")
    ENDED = "ended", _("ended")


class HistoryEntry(models.Model):
    """A sign-in, a failed try, a re-entry or change of the password, or the end of a session.

    Never a key, a password, or a user name as somebody typed it.
    """

    what = models.CharField(_("what"), max_length=16, choices=What)
    # Microseconds since 1970-01-01 UTC, as in Session.
    at = models.BigIntegerField(_("when"))
    # No constraint, as in Session. Nobody in a failed try: whether the name that was given is
    # somebody's is not looked up, as that would take a time that tells.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    # In a failed try: the name that was given, hashed with the project's secret.
    name_hash = models.CharField(_("hash of the user name"), max_length=64, blank=True, default="")
    session_id = models.CharField(_("session id"), max_length=64, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=32, blank=True, default="")
    methods = models.CharField(_("how"), max_length=255, blank=True, default="")
    ip = models.CharField(_("address"), max_length=45, blank=True, default="")
    user_agent = models.CharField(_("browser"), max_length=255, blank=True, default="")

    objects: ClassVar[models.Manager["HistoryEntry"]] = models.Manager()

    class Meta:
        verbose_name = _("history entry")
        verbose_name_plural = _("history entries")
        # Nobody writes history by hand.
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["user", "at"], name="frontdesk_history_user"),
            models.Index(fields=["name_hash", "at"], name="frontdesk_history_name"),
            models.Index(fields=["at"], name="frontdesk_history_at"),
        ]

    def __str__(self) -> str:
        return str(self.get_what_display())
