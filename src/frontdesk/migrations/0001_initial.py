import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import frontdesk.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    models.CharField(
                        max_length=15, primary_key=True, serialize=False, verbose_name="session id"
                    ),
                ),
                ("secret", models.CharField(max_length=64, verbose_name="SHA-256 of the secret")),
                ("former", models.TextField(default="{}", verbose_name="former secrets")),
                ("data", models.TextField(default="{}", verbose_name="data")),
                ("created", models.BigIntegerField(verbose_name="created")),
                ("authenticated", models.BigIntegerField(null=True, verbose_name="signed in")),
                ("last_seen", models.BigIntegerField(verbose_name="last used")),
                ("idle", models.BigIntegerField(verbose_name="idle timeout")),
                ("deadline", models.BigIntegerField(verbose_name="ends at the latest")),
                ("expires", models.BigIntegerField(db_index=True, verbose_name="expires")),
                ("ended", models.BigIntegerField(null=True, verbose_name="ended")),
                ("ip", models.CharField(max_length=45, verbose_name="address")),
                ("user_agent", models.CharField(max_length=255, verbose_name="browser")),
                ("carrier", models.CharField(max_length=16, verbose_name="carrier")),
                ("version", models.BigIntegerField(verbose_name="version")),
                (
                    "user",
                    frontdesk.models.UserKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "permissions": [("end_session", "Can end session")],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="HistoryEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("signed_in", "signed in"),
                            ("failed", "failed sign-in attempt"),
                            ("reauthenticated", "entered the password again"),
                            ("password", "password changed"),
                            ("ended", "session ended"),
                            ("token_created", "API token created"),
                            ("token_network", "API token used from a new network"),
                            ("token_ended", "API token ended"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                ("at", models.BigIntegerField(verbose_name="when")),
                ("count", models.PositiveIntegerField(default=1, verbose_name="count")),
                ("until", models.BigIntegerField(null=True, verbose_name="last time")),
                (
                    "period",
                    models.BigIntegerField(null=True, verbose_name="period of failed attempts"),
                ),
                (
                    "name_hash",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="hash of the user name"
                    ),
                ),
                (
                    "session_id",
                    models.CharField(
                        blank=True, default="", max_length=15, verbose_name="session id"
                    ),
                ),
                (
                    "token_id",
                    models.CharField(
                        blank=True, default="", max_length=15, verbose_name="token id"
                    ),
                ),
                (
                    "token_name",
                    models.CharField(
                        blank=True, default="", max_length=100, verbose_name="token name"
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="reason"),
                ),
                (
                    "methods",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="method"),
                ),
                (
                    "ip",
                    models.CharField(blank=True, default="", max_length=45, verbose_name="address"),
                ),
                (
                    "user_agent",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="browser"
                    ),
                ),
                (
                    "user",
                    frontdesk.models.UserKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "sign-in history entry",
                "verbose_name_plural": "sign-in history entries",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["user", "at"], name="frontdesk_history_user"),
                    models.Index(fields=["at"], name="frontdesk_history_at"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name_hash", "period"), name="frontdesk_history_name"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.CharField(
                        max_length=15, primary_key=True, serialize=False, verbose_name="token id"
                    ),
                ),
                ("secret", models.CharField(max_length=64, verbose_name="SHA-256 of the secret")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("scopes", models.TextField(blank=True, default="", verbose_name="scopes")),
                ("created", models.BigIntegerField(verbose_name="created")),
                ("expires", models.BigIntegerField(db_index=True, verbose_name="expires")),
                ("last_used", models.BigIntegerField(null=True, verbose_name="last used")),
                (
                    "ip",
                    models.CharField(blank=True, default="", max_length=45, verbose_name="address"),
                ),
                (
                    "user_agent",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="browser"
                    ),
                ),
                (
                    "networks",
                    models.CharField(
                        blank=True, default="", max_length=1000, verbose_name="networks"
                    ),
                ),
                (
                    "mailed",
                    models.BigIntegerField(null=True, verbose_name="mail about the end sent"),
                ),
                (
                    "user",
                    frontdesk.models.UserKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "default_permissions": ("view", "delete"),
            },
        ),
        migrations.CreateModel(
            name="Throttle",
            fields=[
                (
                    "bucket",
                    models.CharField(
                        max_length=120, primary_key=True, serialize=False, verbose_name="bucket"
                    ),
                ),
                ("since", models.BigIntegerField(verbose_name="since")),
                ("until", models.BigIntegerField(db_index=True, verbose_name="until")),
                ("attempts", models.PositiveIntegerField(verbose_name="attempts")),
                ("before", models.PositiveIntegerField(verbose_name="earlier failures")),
                ("reported", models.BooleanField(default=False, verbose_name="reported")),
            ],
            options={
                "verbose_name": "sign-in throttle",
                "verbose_name_plural": "sign-in throttle",
                "default_permissions": ("view", "delete"),
            },
        ),
    ]
