"""The demo's two accounts. Their passwords are no secret: the demo serves this machine only."""

from typing import NamedTuple

from django.contrib.auth import get_user_model


class Account(NamedTuple):
    name: str
    password: str
    staff: bool
    what: str


ACCOUNTS = (
    Account("guest", "welcome-to-the-lobby", False, "signs in"),
    Account("staff", "keys-to-the-lobby", True, "signs in, and may use the admin"),
)


def ensure(account: Account) -> str:
    """Make the account unless it is there, and return what to say about its password.

    One that is there is left as it is, because its password may have been changed to try that out.
    """
    users = get_user_model().objects
    user = users.filter(username=account.name).first()
    if user is None:
        create = users.create_superuser if account.staff else users.create_user
        create(account.name, f"{account.name}@lobby.example", account.password)
        return account.password
    if user.check_password(account.password):
        return account.password
    return "(the one you chose; it was not reset)"
