"""The table of the database storage."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Session(models.Model):
    """One session, or for half a minute after its end the memory that there was one.

    Instants and durations are whole microseconds, instants since 1970-01-01 UTC: they compare and merge
    in SQL, and mean the same under ``USE_TZ = False``.
    """

    digest = models.CharField(_("session id"), max_length=64, primary_key=True)
    # Each value is a string that holds the value's own encoding, so that the database merges key by key
    # and never looks into a value.
    data = models.JSONField(_("data"), default=dict)
    # No constraint: the user may live in another database, and deleting one needs no look in here, as
    # a session whose user is gone is nobody's at the next request.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    created = models.BigIntegerField(_("created"))
    authenticated = models.BigIntegerField(_("signed in"), null=True)
    last_seen = models.BigIntegerField(_("last seen"))
    idle = models.BigIntegerField(_("may go unseen for"))
    deadline = models.BigIntegerField(_("ends for good"))
    # min(last_seen + idle, deadline), kept for the index that purging walks.
    expires = models.BigIntegerField(_("expires"), db_index=True)
    ended = models.BooleanField(_("ended"), default=False)
    # Where it went, in the memory of one that has got a new key.
    moved_to = models.CharField(_("moved to"), max_length=64, blank=True, default="")
    ip = models.CharField(_("address"), max_length=45)
    user_agent = models.CharField(_("browser"), max_length=255)
    version = models.BigIntegerField(_("version"), default=1)

    objects: ClassVar[models.Manager["Session"]] = models.Manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        # Staff may see sessions, and may end them. Nobody edits one.
        default_permissions = ("view",)
        permissions = [("end_session", _("Can end session"))]

    def __str__(self) -> str:
        return self.digest[:12]  # enough to tell it from others, and fits a heading
