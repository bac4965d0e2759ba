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
                ("secret", models.CharField(max_length=64)),
                ("former", models.TextField(blank=True, default="")),
                ("data", models.TextField(default="{}")),
                ("created", models.BigIntegerField()),
                ("authenticated", models.BigIntegerField(null=True)),
                ("last_seen", models.BigIntegerField()),
                ("idle", models.BigIntegerField()),
                ("deadline", models.BigIntegerField()),
                ("expires", models.BigIntegerField(db_index=True)),
                ("ended", models.BigIntegerField(null=True)),
                ("ip", models.CharField(max_length=45, verbose_name="address")),
                ("user_agent", models.CharField(max_length=255, verbose_name="browser")),
                ("carrier", models.CharField(max_length=16)),
                ("version", models.BigIntegerField()),
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
                            ("signed_in", "Signed in"),
                            ("failed", "Failed sign-in attempt"),
                            ("reauthenticated", "Entered the password again"),
                            ("password", "Password changed"),
                            ("ended", "Session ended"),
                            ("token_created", "API token created"),
                            ("token_network", "First use of an API token from a network"),
                            ("token_ended", "API token ended"),
                        ],
                        max_length=16,
                    ),
                ),
                ("at", models.BigIntegerField()),
                ("count", models.PositiveIntegerField(default=1)),
                ("until", models.BigIntegerField(null=True)),
                (
                    "period",
                    models.BigIntegerField(null=True),
                ),
                (
                    "name_hash",
                    models.CharField(blank=True, default="", max_length=64),
                ),
                (
                    "session_id",
                    models.CharField(blank=True, default="", max_length=15),
                ),
                (
                    "token_id",
                    models.CharField(blank=True, default="", max_length=15),
                ),
                (
                    "token_name",
                    models.CharField(blank=True, default="", max_length=100),
                ),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=32),
                ),
                (
                    "methods",
                    models.CharField(blank=True, default="", max_length=255),
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
                ("secret", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("scopes", models.TextField(blank=True, default="")),
                ("created", models.BigIntegerField()),
                ("expires", models.BigIntegerField(db_index=True)),
                ("last_used", models.BigIntegerField(null=True)),
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
                    models.CharField(blank=True, default="", max_length=1000),
                ),
                (
                    "mailed",
                    models.BigIntegerField(null=True),
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
                    models.CharField(max_length=120, primary_key=True, serialize=False),
                ),
                ("since", models.BigIntegerField()),
                ("until", models.BigIntegerField(db_index=True)),
                ("attempts", models.PositiveIntegerField()),
                ("before", models.PositiveIntegerField()),
                ("reported", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "sign-in throttle",
                "verbose_name_plural": "sign-in throttles",
                "default_permissions": ("view", "delete"),
            },
        ),
    ]
