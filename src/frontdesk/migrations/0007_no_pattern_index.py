"""Drops PostgreSQL's second index on the digest, which Django makes for patterns: nobody looks for one."""

from typing import Any

from django.db import migrations


def _statement(apps: Any, schema_editor: Any, text: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        model = apps.get_model("frontdesk", "Session")
        column = model._meta.get_field("digest").column
        name = schema_editor._create_index_name(model._meta.db_table, [column], suffix="_like")
        names = {"index": name, "table": model._meta.db_table, "column": column}
        quoted = {key: schema_editor.quote_name(value) for key, value in names.items()}
        schema_editor.execute(text.format_map(quoted))


def drop(apps: Any, schema_editor: Any) -> None:
    _statement(apps, schema_editor, "DROP INDEX IF EXISTS {index}")


def make_again(apps: Any, schema_editor: Any) -> None:
    _statement(
        apps, schema_editor, "CREATE INDEX {index} ON {table} ({column} varchar_pattern_ops)"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("frontdesk", "0006_fence"),
    ]

    operations = [
        migrations.RunPython(drop, make_again, hints={"model_name": "session"}),
    ]
