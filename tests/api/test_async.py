"""Under ASGI, no endpoint makes the event loop wait."""

import asyncio

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher

from tests.fixtures import PASSWORD, use

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["async"])
def mode(request):
    return request.param


@pytest.fixture(autouse=True)
def _blocking(_api, settings, monkeypatch):
    """A storage and a hasher that refuse to be called on an event loop."""
    use(settings, "tests.requests.doubles.Blocking")
    encode = MD5PasswordHasher.encode

    def refusing(self, *args):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return encode(self, *args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", refusing)


@pytest.mark.django_db(transaction=True)
def test_no_endpoint_blocks_the_event_loop(api, user):
    api.sign_in(user)
    new = {"new_password1": "a lamp in the cellar", "new_password2": "a lamp in the cellar"}
    statuses = [
        api.get("session").status_code,
        api.get("sessions").status_code,
        api.get("history").status_code,
        api.get("tokens").status_code,
        api.patch("session", password=PASSWORD).status_code,
        api.delete("sessions").status_code,
        api.delete("sessions/x").status_code,
        api.post("password", old_password=PASSWORD, **new).status_code,
        api.post("password/reset", email="nobody@example.com").status_code,
        api.delete("session").status_code,
    ]
    assert statuses == [200, 200, 200, 200, 200, 200, 404, 204, 204, 204]
