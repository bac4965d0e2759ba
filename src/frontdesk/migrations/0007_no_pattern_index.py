"""Drops PostgreSQL's second index on the digest, which Django makes for patterns: nobody looks for one."""

from typing import Any

from django.db import migrations

NAME = "frontdesk_session_digest_24cc7f15_like"


class OnPostgreSQL(migrations.RunSQL):
    """No other database has it."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, *states)


class Migration(migrations.Migration):
    dependencies = [
        ("frontdesk", "0006_fence"),
    ]

    operations = [
        OnPostgreSQL(
            f"DROP INDEX IF EXISTS {NAME}",
            f"CREATE INDEX IF NOT EXISTS {NAME} ON frontdesk_session (digest varchar_pattern_ops)",
            hints={"model_name": "session"},
        ),
    ]
