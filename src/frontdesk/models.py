"""The tables: sessions of the database storage, sign-in history, API tokens, and counts of the throttle.

Times and durations are whole microseconds, as everywhere in this library (see
:mod:`frontdesk.core.clock`). They mean the same under ``USE_TZ = False``.
"""

from functools import cache
from typing import Any, ClassVar, TypeAlias

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.db import models
from django.utils.translation import gettext_lazy as _

# What a field takes and gives, for type checkers that do not run the plugin of django-stubs.
Text: TypeAlias = "models.CharField[str, str]"
LongText: TypeAlias = "models.TextField[str, str]"
Integer: TypeAlias = "models.BigIntegerField[int, int]"
OptionalInteger: TypeAlias = "models.BigIntegerField[int | None, int | None]"
Count: TypeAlias = "models.PositiveIntegerField[int, int]"
Flag: TypeAlias = "models.BooleanField[bool, bool]"


@cache
def is_plain(users: type[models.Model]) -> bool:
    """Return whether the default manager of ``users`` looks up any row of their table by its key."""
    kind = type(users._default_manager)
    methods = ("get", "aget", "get_queryset")
    if any(getattr(kind, name) is not getattr(models.Manager, name) for name in methods):
        return False
    plain = type(users._default_manager.all()) is models.QuerySet
    return plain and not isinstance(users._meta.pk, models.CompositePrimaryKey)


class UserKey(models.ForeignKey[Any, Any]):
    """A foreign key to the user model.

    Django has no foreign keys to a model with a composite primary key. Such a key is stored as text, in the
    form in which ``login()`` writes it, and the user is not joined.
    """

    @property
    def is_text(self) -> bool:
        """Whether the user model has a composite primary key."""
        return isinstance(super().target_field, models.CompositePrimaryKey)

    @property
    def joinable_users(self) -> Any:
        """The user model, if a row and its user can be read in the same query; otherwise ``None``."""
        users = get_user_model()
        return users if self.related_model is users and is_plain(users) else None

    @property
    def target_field(self) -> Any:
        return _text if self.is_text else super().target_field

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return [
            each
            for each in super().check(**kwargs)
            if each.id != "fields.E347"  # the relation to a composite primary key
        ]


# Belongs to no model, so it needs the name that contribute_to_class() would set.
_text: Any = models.CharField(max_length=255)
_text.attname = "key"


class Session(models.Model):
    """A session, or for some seconds after its end the record that it has ended."""

    id: Text = models.CharField(_("session id"), max_length=15, primary_key=True)
    secret: Text = models.CharField(max_length=64)
    # JSON in ASCII, or nothing. The database never looks into it.
    former: LongText = models.TextField(blank=True, default="")
    data: LongText = models.TextField(default="{}")
    # Without a constraint, because the users may be in another database. Deleting a user needs no look
    # in here either: a session without its user is anonymous.
    user = UserKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    created: Integer = models.BigIntegerField()
    authenticated: OptionalInteger = models.BigIntegerField(null=True)
    last_seen: Integer = models.BigIntegerField()
    idle: Integer = models.BigIntegerField()
    deadline: Integer = models.BigIntegerField()
    # When the row may be deleted, for the index that the purge uses.
    expires: Integer = models.BigIntegerField(db_index=True)
    ended: OptionalInteger = models.BigIntegerField(null=True)
    ip: Text = models.CharField(_("address"), max_length=45)
    user_agent: Text = models.CharField(_("browser"), max_length=255)
    carrier: Text = models.CharField(max_length=16)
    version: Integer = models.BigIntegerField()

    objects: ClassVar[models.Manager["Session"]] = models.Manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        # Staff may view sessions and end them. Sessions are not edited.
        default_permissions = ("view",)
        permissions = [("end_session", "Can end session")]

    def __str__(self) -> str:
        return self.id


class What(models.TextChoices):
    """What an entry of the history is about."""

    SIGNED_IN = "signed_in", _("Signed in")
    FAILED = "failed", _("Failed sign-in attempt")
    REAUTHENTICATED = "reauthenticated", _("Entered the password again")
    PASSWORD = "password", _("Password changed")
    ENDED = "ended", _("Session ended")
    TOKEN_CREATED = "token_created", _("API token created")
    TOKEN_NETWORK = "token_network", _("First use of an API token from a network")
    TOKEN_ENDED = "token_ended", _("API token ended")


class HistoryEntry(models.Model):
    """A sign-in, failed attempts, a re-authentication, a new password, the end of a session, or an API token.

    It never holds a key, a password, or the user name that was typed in.
    """

    what: Text = models.CharField(max_length=16, choices=What)
    at: Integer = models.BigIntegerField()
    # Failed attempts with the same name within a period are one row, so that a stranger cannot fill the
    # table with the name of one user.
    count: Count = models.PositiveIntegerField(default=1)
    until: OptionalInteger = models.BigIntegerField(null=True)
    period: OptionalInteger = models.BigIntegerField(null=True)
    # Without a constraint, as in Session. Empty for a failed attempt: looking up the user would take a
    # time that tells whether there is one.
    user = UserKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    # Of a failed attempt: the name that was typed in, hashed with the project's secret.
    name_hash: Text = models.CharField(max_length=64, blank=True, default="")
    session_id: Text = models.CharField(max_length=15, blank=True, default="")
    token_id: Text = models.CharField(max_length=15, blank=True, default="")
    token_name: Text = models.CharField(max_length=100, blank=True, default="")
    reason: Text = models.CharField(max_length=32, blank=True, default="")
    methods: Text = models.CharField(max_length=255, blank=True, default="")
    ip: Text = models.CharField(_("address"), max_length=45, blank=True, default="")
    user_agent: Text = models.CharField(_("browser"), max_length=255, blank=True, default="")

    objects: ClassVar[models.Manager["HistoryEntry"]] = models.Manager()

    class Meta:
        verbose_name = _("sign-in history entry")
        verbose_name_plural = _("sign-in history entries")
        # History is not written by hand.
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["user", "at"], name="frontdesk_history_user"),
            models.Index(fields=["at"], name="frontdesk_history_at"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["name_hash", "period"], name="frontdesk_history_name"),
        ]

    def __str__(self) -> str:
        return self.get_what_display()


class ApiToken(models.Model):
    """An API token of a user. It has no row any more when it has ended."""

    id: Text = models.CharField(_("token id"), max_length=15, primary_key=True)
    secret: Text = models.CharField(max_length=64)
    # Without a constraint, as in Session. A token without its user opens nothing.
    user = UserKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    user_id: Any
    name: Text = models.CharField(_("name"), max_length=100)
    # Separated by spaces, which no scope has (RFC 6749 section 3.3).
    scopes: LongText = models.TextField(blank=True, default="")
    created: Integer = models.BigIntegerField()
    expires: Integer = models.BigIntegerField(db_index=True)
    last_used: OptionalInteger = models.BigIntegerField(null=True)
    ip: Text = models.CharField(_("address"), max_length=45, blank=True, default="")
    user_agent: Text = models.CharField(_("browser"), max_length=255, blank=True, default="")
    # Those that it was used from, separated by spaces.
    networks: Text = models.CharField(max_length=1000, blank=True, default="")
    mailed: OptionalInteger = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager["ApiToken"]] = models.Manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        # Staff may view tokens and end them, which deletes them. Tokens are not edited, and staff make none.
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return self.name


def short_name(bucket: str) -> str:
    """Return the name of a bucket as people see it: a network, or the first characters of its hashes."""
    kind, _colon, rest = bucket.partition(":")
    if "/" in rest:
        return bucket
    return ":".join([kind, *(each[:8] for each in rest.split(":"))])


class Throttle(models.Model):
    """A bucket of the throttle, see :mod:`frontdesk.core.throttle`.

    It never holds a password, or in clear the name of an account.
    """

    bucket: Text = models.CharField(max_length=120, primary_key=True)
    since: Integer = models.BigIntegerField()
    until: Integer = models.BigIntegerField(db_index=True)
    attempts: Count = models.PositiveIntegerField()
    before: Count = models.PositiveIntegerField()
    reported: Flag = models.BooleanField(default=False)

    objects: ClassVar[models.Manager["Throttle"]] = models.Manager()

    class Meta:
        verbose_name = _("sign-in throttle")
        verbose_name_plural = _("sign-in throttles")
        # Staff may view the counts, and clear them.
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return short_name(self.bucket)
