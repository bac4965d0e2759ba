"""Making, listing and ending API tokens."""

import inspect
import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction

from frontdesk import api_tokens
from frontdesk.core import keys
from frontdesk.errors import ApiTokenLimitReached, UndeclaredScope
from frontdesk.models import ApiToken
from frontdesk.signals import (
    Reason,
    api_token_created,
    api_token_ended,
    api_token_used_from_new_network,
)
from tests import services
from tests.fixtures import create
from tests.requests.site import step
from tests.tokens.conftest import bearer

pytestmark = pytest.mark.django_db


def do(browser, name, *args, **kwargs):
    """Call a function of ``frontdesk.api_tokens``, or its twin in an async view."""

    def task(request):
        return (yield step(api_tokens, name, *args, **kwargs))

    return browser.do(task).answer


def test_a_token_is_made_and_listed(browser, user, clock):
    info, text = do(browser, "create", user, " nightly  backup ", ["orders:write", "orders:read"])
    assert text.startswith("fdt_" + info.id)
    assert info.name == "nightly  backup"
    assert info.scopes == ("orders:read", "orders:write")
    assert info.scopes_in_words == ["Read orders", "Change orders"]
    assert info.expires - info.created == timedelta(days=90)
    assert info.last_used is None
    assert do(browser, "for_user", user) == [info]
    assert info.user == user


def test_the_table_holds_only_a_digest(user):
    info, text = api_tokens.create(user, "backup", ["orders:read"])
    (row,) = ApiToken.objects.values()
    assert text[19:44] not in repr(row)
    assert row["secret"] == keys.digest(text[19:44])
    assert text[19:44] not in repr(info) + repr(text)


def test_a_token_has_no_scope_unless_it_is_given(user):
    info, _text = api_tokens.create(user, "backup")
    assert info.scopes == ()
    assert info.allows()
    assert not info.allows("orders:read")


@pytest.mark.parametrize("scope", ["orders:*", "*", "orders", "", "orders:read "])
def test_there_is_no_wildcard(browser, user, scope):
    with pytest.raises(UndeclaredScope, match="API_SCOPES"):
        do(browser, "create", user, "backup", [scope])


def test_a_text_is_no_list_of_scopes(user):
    with pytest.raises(TypeError, match="list"):
        api_tokens.create(user, "backup", "orders:read")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "\n"])
def test_a_name_has_1_to_100_characters(user, name):
    with pytest.raises(ValueError, match="1 to 100"):
        api_tokens.create(user, name)


def test_a_name_cannot_disturb_a_terminal_or_a_log(user):
    info, _text = api_tokens.create(user, "ba\x1bck\nup")
    assert info.name == "backup"


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=-1), timedelta(days=367)])
def test_every_token_expires(user, age):
    with pytest.raises(ValueError, match="up to 366 days"):
        api_tokens.create(user, "backup", age=age)


def test_a_maximum_of_less_than_a_day_is_said_in_hours(user, set_options):
    set_options(API_TOKEN_MAX_AGE=timedelta(hours=12))
    with pytest.raises(ValueError, match="up to 12:00:00 "):
        api_tokens.create(user, "backup", age=timedelta(days=1))


def test_the_usual_age_is_never_above_the_greatest(user, set_options):
    set_options(API_TOKEN_MAX_AGE=timedelta(days=7))
    info, _text = api_tokens.create(user, "backup")
    assert info.expires - info.created == timedelta(days=7)


def test_an_unsaved_user_has_no_token(user):
    with pytest.raises(ValueError, match="not saved"):
        api_tokens.create(type(user)(), "backup")


def test_a_user_has_50_at_most(browser, user, other_user, clock):
    for number in range(50):
        api_tokens.create(user, str(number), age=timedelta(days=1))
    with pytest.raises(ApiTokenLimitReached, match="50"):
        api_tokens.create(user, "one more")

    def task(request):
        yield step(api_tokens, "create", user, "one more")

    assert browser.do(task).status_code == 403
    assert len(api_tokens.for_user(user)) == 50
    api_tokens.create(other_user, "of another user")
    clock.move(days=2)
    api_tokens.create(user, "after the others have expired")


@services.each_database(transaction=True)
def test_a_user_has_50_at_most_where_each_view_is_a_transaction(database, sent):
    user = create("ada")
    for number in range(49):
        api_tokens.create(user, str(number))
    committing, errors = threading.Barrier(4), []

    def view():
        try:
            with transaction.atomic(using=database):
                api_tokens.create(user, "one more")
                if connections[database].vendor != "sqlite":  # there, one after the other
                    committing.wait(timeout=60)
        except Exception as error:  # noqa: BLE001 (handed to the test)
            errors.append(type(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=view) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = len(errors)
    assert errors == [ApiTokenLimitReached] * refused
    assert len(api_tokens.for_user(user)) == 50
    ended = [facts["reason"] for name, facts in sent if name == "ended"]
    assert ended == [Reason.LIMIT] * (3 - refused)


def test_the_newest_is_listed_first(user, clock):
    for name in ("first", "second", "third"):
        api_tokens.create(user, name)
        clock.move(seconds=1)
    assert [token.name for token in api_tokens.for_user(user)] == ["third", "second", "first"]


def test_an_expired_token_is_not_listed(user, clock):
    api_tokens.create(user, "short", age=timedelta(hours=1))
    clock.move(hours=1)
    assert api_tokens.for_user(user) == []


def test_one_token_is_ended(browser, user, text):
    kept, _text = api_tokens.create(user, "kept")
    assert do(browser, "end", user, text[4:19])
    assert not do(browser, "end", user, text[4:19])
    assert api_tokens.for_user(user) == [kept]


@pytest.mark.parametrize("id", ["", "a" * 15, "é", "a' OR 1=1 --", "x" * 10_000])
def test_any_text_may_be_given_as_an_id(user, text, id):
    assert not api_tokens.end(user, id)
    assert len(api_tokens.for_user(user)) == 1


def test_the_token_of_another_user_is_never_ended(browser, other_user, text, user):
    """OWASP ASVS 8.2.2, API1:2023."""
    assert not do(browser, "end", other_user, text[4:19])
    assert do(browser, "end_all", other_user) == 0
    assert len(api_tokens.for_user(user)) == 1


def test_all_tokens_of_a_user_are_ended(browser, user, other_user, text):
    api_tokens.create(user, "second")
    api_tokens.create(other_user, "of another user")
    assert do(browser, "end_all", user) == 2
    assert api_tokens.for_user(user) == []
    assert len(api_tokens.for_user(other_user)) == 1


def test_every_function_has_its_twin_with_the_same_signature():
    functions = {
        name for name in api_tokens.__all__ if inspect.isroutine(getattr(api_tokens, name))
    }
    twins = {name for name in functions if inspect.iscoroutinefunction(getattr(api_tokens, name))}
    assert twins == {f"a{name}" for name in functions - twins}
    for name in functions - twins:
        one, other = getattr(api_tokens, name), getattr(api_tokens, f"a{name}")
        assert inspect.signature(one) == inspect.signature(other)


# --- signals ------------------------------------------------------------------------------------


@pytest.fixture
def sent():
    """The signals that were sent, oldest first: name, and what they said."""
    found = []
    signals = {
        "created": api_token_created,
        "ended": api_token_ended,
        "network": api_token_used_from_new_network,
    }
    receivers = []
    for name, signal in signals.items():

        def receive(sender, signal, name=name, **facts):
            assert sender is ApiToken
            found.append((name, facts))

        signal.connect(receive)
        receivers.append(receive)
    yield found
    for signal, receive in zip(signals.values(), receivers, strict=True):
        signal.disconnect(receive)


@pytest.mark.django_db(transaction=True)
def test_making_and_ending_is_reported(browser, user, sent):
    info, _text = do(browser, "create", user, "backup")
    do(browser, "end_all", user, reason=Reason.PASSWORD_CHANGE)
    assert sent == [
        ("created", {"token": info}),
        ("ended", {"token": info, "reason": Reason.PASSWORD_CHANGE}),
    ]


def test_nothing_is_reported_that_may_be_rolled_back(browser, user, sent):
    do(browser, "create", user, "backup")
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_the_first_use_from_each_network_is_reported_once(browser, text, sent, set_options):
    set_options(TRUSTED_PROXY_COUNT=1)
    sent.clear()
    for ip in ("198.51.100.7", "198.51.100.8", "203.0.113.1", "198.51.100.7", "203.0.113.9"):
        browser.get("/orders/", **bearer(text, **{"X-Forwarded-For": ip}))
    assert [(name, facts["ip"]) for name, facts in sent] == [
        ("network", "198.51.100.7"),
        ("network", "203.0.113.1"),
    ]
