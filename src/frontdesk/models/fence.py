"""The table of the fences, a row for each cache that stands before the database of the sessions."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Fence(models.Model):
    """Whether the copies in a cache may be trusted; the rules are in ``storages/trust.py``."""

    name = models.CharField(_("name"), max_length=200, primary_key=True)
    # Random, and part of the name of every copy: another one makes all copies unreachable at once.
    generation = models.CharField(_("generation"), max_length=32)
    # Which server holds the copies, and since which of its starts.
    server = models.CharField(_("server"), max_length=255, blank=True)
    open = models.BooleanField(_("open"), default=True)

    objects: ClassVar[models.Manager["Fence"]] = models.Manager()

    class Meta:
        verbose_name = _("cache before the database")
        verbose_name_plural = _("caches before the database")
        # Nobody opens or closes one by hand.
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
