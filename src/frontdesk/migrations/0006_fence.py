from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("frontdesk", "0005_password_in_history"),
    ]

    operations = [
        migrations.CreateModel(
            name="Fence",
            fields=[
                (
                    "name",
                    models.CharField(
                        max_length=200, primary_key=True, serialize=False, verbose_name="name"
                    ),
                ),
                ("generation", models.CharField(max_length=32, verbose_name="generation")),
                ("server", models.CharField(blank=True, max_length=255, verbose_name="server")),
                ("open", models.BooleanField(default=True, verbose_name="open")),
            ],
            options={
                "verbose_name": "cache before the database",
                "verbose_name_plural": "caches before the database",
                "default_permissions": (),
            },
        ),
    ]
