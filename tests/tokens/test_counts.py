"""What a request with an API token costs: one SELECT, and one UPDATE a minute."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.db import OperationalError, connection, connections, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from frontdesk import api_tokens
from frontdesk.core import credentials
from frontdesk.errors import StorageUnavailable
from frontdesk.models import ApiToken
from tests import services
from tests.tokens.conftest import bearer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def statements():
    """``statements(function)`` returns the verbs of the statements that a call takes."""

    def count(function, *args, **kwargs):
        with CaptureQueriesContext(connection) as seen:
            function(*args, **kwargs)
        return [query["sql"].split()[0] for query in seen.captured_queries]

    return count


@pytest.mark.parametrize("view", ["/orders/", "/aorders/"])
def test_a_request_takes_one_select_and_at_most_one_update_a_minute(
    browser, text, statements, clock, view
):
    def call():
        return statements(browser.get, view, **bearer(text))

    assert call() == ["SELECT", "UPDATE"]
    assert call() == ["SELECT"]
    clock.move(seconds=59)
    assert call() == ["SELECT"]
    clock.move(seconds=1)
    assert call() == ["SELECT", "UPDATE"]
    assert call() == ["SELECT"]


def test_the_view_has_the_user_without_another_query(text, user, statements):
    def authenticate():
        token = api_tokens.authenticate(RequestFactory().get("/", **bearer(text)))
        assert token.user == user
        assert token.user.email == "ada@example.com"

    authenticate()
    assert statements(authenticate) == ["SELECT"]


@pytest.mark.parametrize("sent", ["", "x", "fdt_" + "a" * 47, "fds_" + "a" * 47, "a" * 100_000])
def test_a_malformed_token_takes_none(browser, user, statements, sent):
    assert statements(browser.get, "/orders/", **bearer(sent)) == []


def test_one_that_has_ended_takes_one_select(browser, user, text, statements):
    assert api_tokens.end(user, text[4:19])
    assert statements(browser.get, "/orders/", **bearer(text)) == ["SELECT"]


def test_one_with_a_wrong_secret_takes_one_select(browser, text, statements):
    key = credentials.key_in(credentials.API_TOKEN, text).with_new_secret()
    forged = credentials.credential_of(credentials.API_TOKEN, key)
    assert statements(browser.get, "/orders/", **bearer(forged)) == ["SELECT"]


def test_no_token_takes_none(member, statements):
    assert statements(member.get, "/orders/") == []


def test_a_list_takes_one_select(user, text, statements):
    assert statements(api_tokens.for_user, user) == ["SELECT"]


def test_the_last_use_and_its_place_are_noted(clock, browser, user, text, set_options):
    set_options(TRUSTED_PROXY_COUNT=1)
    sent = {"X-Forwarded-For": "198.51.100.7", "User-Agent": "curl/8.14.1"}
    browser.get("/orders/", **bearer(text, **sent))
    (token,) = api_tokens.for_user(user)
    assert token.last_used == token.created
    assert (token.ip, token.user_agent) == ("198.51.100.7", "curl/8.14.1")
    assert token.device == "curl"
    clock.move(minutes=5)
    browser.get("/orders/", **bearer(text, **sent))
    (token,) = api_tokens.for_user(user)
    assert token.last_used - token.created == timedelta(minutes=5)


def test_a_last_use_ahead_of_the_clock_does_not_stop_the_notes(clock, browser, user, text):
    clock.move(hours=1)
    browser.get("/orders/", **bearer(text))
    clock.move(hours=-1)
    browser.get("/orders/", **bearer(text))
    (token,) = api_tokens.for_user(user)
    assert token.last_used == token.created


def test_what_is_noted_obeys_client_info(browser, user, text, set_options):
    set_options(CLIENT_INFO="off")
    browser.get("/orders/", **bearer(text))
    (token,) = api_tokens.for_user(user)
    assert token.last_used is not None
    assert (token.ip, token.user_agent) == ("", "")


def test_a_note_that_cannot_be_written_does_not_refuse_the_request(
    browser, text, statements, monkeypatch, caplog
):
    def fail(*_args, **_kwargs):
        raise RuntimeError("read-only")

    monkeypatch.setattr("django.db.models.query.QuerySet.update", fail)
    assert browser.get("/orders/", **bearer(text)).status_code == 200
    assert "read-only" in caplog.text


def test_the_note_waits_for_the_end_of_the_views_transaction(text, statements):
    """Otherwise, concurrent uses would wait for the row until the view is done."""
    request = RequestFactory().get("/", **bearer(text))

    def authenticate():
        with transaction.atomic():
            api_tokens.authenticate(request)
            assert ApiToken.objects.get().last_used is None

    authenticate()
    assert ApiToken.objects.get().last_used is not None


def test_a_network_is_remembered_up_to_a_limit(text):
    for number in range(60):
        meta = {"REMOTE_ADDR": f"10.0.{number}.1"}
        api_tokens.authenticate(RequestFactory().get("/", **bearer(text), **meta))
    assert len(ApiToken.objects.get().networks.split()) == 50


@services.each_database(transaction=True)
def test_of_a_hundred_concurrent_uses_one_writes(database, user):
    _info, text = api_tokens.create(user, "backup", ["orders:read"])
    ApiToken.objects.using(database).update(networks="127.0.0.0", last_used=1)
    wrote = []

    def watch(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE"):
            wrote.append(context["cursor"].rowcount)
        return result

    def call(_):
        try:
            with connections[database].execute_wrapper(watch):
                assert Client().get("/orders/", **bearer(text)).status_code == 200
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(100)))
    assert sum(wrote) == 1


@services.each_database(transaction=True)
def test_a_user_who_makes_tokens_at_once_does_not_exceed_the_limit(database, user, monkeypatch):
    monkeypatch.setattr(api_tokens, "MAX_PER_USER", 3)

    def make(_):
        try:
            api_tokens.create(user, "backup")
        except api_tokens.ApiTokenLimitReached:
            pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(24)))
    assert len(api_tokens.for_user(user)) <= 3
    api_tokens.end_all(user)
    api_tokens.create(user, "backup")


# --- users --------------------------------------------------------------------------------------


class Strict(ModelBackend):
    """A backend of a project, which lets in only users who have a first name."""

    def get_user(self, user_id):
        user = super().get_user(user_id)
        return user if user and user.first_name else None


class WithoutUsers(BaseBackend):
    """A backend that only knows permissions."""


def test_a_backend_of_the_project_decides_about_the_user(browser, user, text, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.WithoutUsers", f"{__name__}.Strict"]
    assert browser.get("/orders/", **bearer(text)).status_code == 401
    get_user_model().objects.update(first_name="Ada")
    assert browser.get("/orders/", **bearer(text)).status_code == 200


def test_users_in_another_database_are_read_from_there(browser, user, text, settings, statements):
    """They cannot be joined, so this takes two queries."""
    browser.get("/orders/", **bearer(text))
    settings.DATABASE_ROUTERS = ["tests.tokens.test_counts.ApiTokensApart"]
    assert statements(browser.get, "/orders/", **bearer(text)) == ["SELECT", "SELECT"]


class ApiTokensApart:
    """Says that users are written elsewhere, which is all that a join depends on."""

    def db_for_read(self, model, **_hints):
        return None

    def db_for_write(self, model, **_hints):
        return "other" if model is get_user_model() else None


# --- outages ------------------------------------------------------------------------------------


def test_an_outage_is_no_refusal(browser, text, monkeypatch):
    def fail(*_args):
        raise OperationalError("the server has gone")

    monkeypatch.setattr("frontdesk.storages.rows.OneRow.fetch", fail)
    answer = browser.get("/orders/", **bearer(text))
    assert answer.status_code == 503
    with pytest.raises(StorageUnavailable, match="API tokens"):
        api_tokens.authenticate(RequestFactory().get("/", **bearer(text)))
