"""Anna, whose browser it is, and Bob: in a dictionary, or as rows where the storage joins them."""

from __future__ import annotations

import itertools
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend

PASSWORDS: dict[int, str] = {}
_numbers = itertools.count(1)


class Directory(ModelBackend):
    """Finds the users of :class:`InMemory`."""

    path = "tests.interleavings.people.Directory"

    def get_user(self, user_id: Any) -> Any:
        if user_id not in PASSWORDS:
            return None
        return get_user_model()(pk=user_id, password=PASSWORDS[user_id])

    async def aget_user(self, user_id: Any) -> Any:
        return self.get_user(user_id)


class InMemory:
    """New people for each order, so that the indexes of their sessions stay short."""

    backend = Directory.path

    def begin(self) -> tuple[Any, Any]:
        PASSWORDS.clear()
        return self._new(), self._new()

    async def abegin(self) -> tuple[Any, Any]:
        return self.begin()

    def set_password(self, user: Any, password: str) -> None:
        user.password = PASSWORDS[user.pk] = password

    async def aset_password(self, user: Any, password: str) -> None:
        self.set_password(user, password)

    def _new(self) -> Any:
        number = next(_numbers)
        PASSWORDS[number] = "old"
        return Directory().get_user(number)


class InDatabase:
    """The same two rows for all orders; what one order did to a password is undone for the next."""

    backend = "django.contrib.auth.backends.ModelBackend"

    def __init__(self) -> None:
        self._changed = True

    def begin(self) -> tuple[Any, Any]:
        manager = get_user_model().objects
        if self._changed:
            self._both = [
                manager.update_or_create(username=name, defaults={"password": "old"})[0]
                for name in ("anna", "bob")
            ]
            self._changed = False
        anna, bob = self._both
        return anna, bob

    def set_password(self, user: Any, password: str) -> None:
        self._changed = True
        user.password = password
        user.save(update_fields=["password"])

    async def abegin(self) -> tuple[Any, Any]:
        return await sync_to_async(self.begin)() if self._changed else self.begin()

    async def aset_password(self, user: Any, password: str) -> None:
        await sync_to_async(self.set_password)(user, password)
