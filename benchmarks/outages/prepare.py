"""Make the tables and the people of the site, once, before its worker processes start."""

import django
from django.core.management import call_command

PEOPLE = 64


def main() -> None:
    """Run the program."""
    django.setup()
    from benchmarks.outages.site import person  # noqa: PLC0415 (needs the registry)

    call_command("migrate", verbosity=0)
    for number in range(1, PEOPLE + 1):
        person(number).save()


if __name__ == "__main__":
    main()
