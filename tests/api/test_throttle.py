"""The throttle at the endpoints that take a password or send a mail."""

import pytest
from django.core import mail

from frontdesk.models import Throttle
from frontdesk.signin import throttle
from frontdesk.storages.outage import Outage
from tests.api.conftest import code
from tests.fixtures import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _throttled(_api, settings, monkeypatch):
    monkeypatch.setattr(throttle, "outage", Outage("The sign-in throttle", ""))
    settings.AUTHENTICATION_BACKENDS = [
        "frontdesk.backends.ThrottleBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]


def test_owasp_api2_a_throttled_account_is_a_wrong_password(api, new_api, user):
    wrong = api.post("session", username="ada", password="wrong")
    for _ in range(9):
        api.post("session", username="ada", password="wrong")
    refused = new_api().post("session", username="ada", password=PASSWORD)
    assert (refused.status_code, refused.json()) == (wrong.status_code, wrong.json())
    assert code(refused) == "invalid_input"


def test_owasp_api4_a_throttled_network_is_told_when_to_try_again(api, user, clock):
    for number in range(100):
        api.post("session", username=f"name{number}", password="wrong")
    clock.move(minutes=5)
    refused = api.post("session", username="ada", password=PASSWORD)
    assert (refused.status_code, code(refused)) == (429, "too_many_attempts")
    assert refused["Retry-After"] == "600"
    (error,) = refused.json()["errors"]["__all__"]
    assert error["code"] == "throttled"


def test_a_sign_in_makes_the_device_of_a_cookie_client_known(api, new_api, user):
    api.sign_in(user)
    api.delete("session")
    for _ in range(12):
        new_api().post("session", username="ada", password="wrong")
    assert new_api().post("session", username="ada", password=PASSWORD).status_code == 400
    assert api.post("session", username="ada", password=PASSWORD).status_code == 200


def test_a_program_gets_no_cookie(settings, new_browser, user):
    settings.FRONTDESK["HEADER_CARRIER"] = "apps"
    from frontdesk import conf

    conf.options.cache_clear()
    body = {"username": "ada", "password": PASSWORD, "carrier": "header"}
    answer = new_browser().post("/api/auth/session", body, content_type="application/json")
    assert answer.status_code == 200
    assert not answer.cookies
    assert set(Throttle.objects.values_list("attempts", flat=True)) == {0}


def test_a_thief_of_a_session_cannot_guess_the_password(member, user):
    for _ in range(10):
        member.patch("session", password="wrong")
    assert member.patch("session", password=PASSWORD).status_code == 400
    new = {"new_password1": "one of my own", "new_password2": "one of my own"}
    assert member.post("password", old_password=PASSWORD, **new).status_code == 400


def test_an_address_gets_a_limited_number_of_mails(api, user):
    answers = {api.post("password/reset", email=user.email).status_code for _ in range(8)}
    assert answers == {204}
    assert len(mail.outbox) == 5
