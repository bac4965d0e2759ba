"""Makes the tables and the users of the site: ``python -m tests.processes.site.prepare``."""

import django
from django.core.management import call_command

USERS = 64


def main() -> None:
    """Run the program."""
    django.setup()
    from tests.processes.site.pages import user

    call_command("migrate", verbosity=0)
    if not type(user(1)).objects.exists():
        type(user(1)).objects.bulk_create([user(number) for number in range(1, USERS + 1)])


if __name__ == "__main__":
    main()
