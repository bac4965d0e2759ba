"""Nothing is lost: overlapping requests merge key by key, and ``modify()`` is an atomic step."""

import pytest

from frontdesk.engine import SessionStore
from tests.requests.site import meanwhile, step
from tests.requests.test_in_flight import during

pytestmark = pytest.mark.django_db


def overlap(browser, other, first, second):
    """Make two changes in overlapping requests; ``second`` is stored first."""

    def task(request):
        request.session.get("cart")
        other.do(second)
        first(request)

    return browser.do(task)


def putting(**values):
    return lambda request: request.session.update(values)


def removing(key):
    return lambda request: request.session.pop(key)


def test_changes_of_different_keys_both_count(browser, tab):
    browser.put(start=1)
    overlap(browser, tab(browser), putting(cart=["lamp"]), putting(language="de"))
    assert browser.values() == {"start": 1, "cart": ["lamp"], "language": "de"}


def test_of_changes_of_one_key_the_later_write_counts(browser, tab):
    browser.put(cart=[])
    overlap(browser, tab(browser), putting(cart=["lamp"]), putting(cart=["sofa"]))
    assert browser.values() == {"cart": ["lamp"]}


@pytest.mark.parametrize("removal_first", [False, True])
def test_a_removal_and_a_change_both_count(browser, tab, removal_first):
    browser.put(cart=1, language="en")
    changes = [putting(language="de"), removing("cart")]
    overlap(browser, tab(browser), *(changes[::-1] if removal_first else changes))
    assert browser.values() == {"language": "de"}


def test_a_value_that_was_not_changed_is_not_written(browser, tab):
    browser.put(cart=["lamp"], language="en")

    def touch_all(request):
        request.session["cart"] = list(request.session["cart"])
        request.session.modified = True

    overlap(browser, tab(browser), touch_all, putting(cart=["sofa"]))
    assert browser.values()["cart"] == ["sofa"]


def test_clear_takes_what_others_have_added_meanwhile(browser, tab):
    browser.put(cart=1)

    def start_over(request):
        request.session.clear()
        request.session["cart"] = 2

    overlap(browser, tab(browser), start_over, putting(language="de"))
    assert browser.values() == {"cart": 2}


def test_activity_does_not_undo_a_change(browser, tab, clock):
    browser.put(cart=1)
    clock.move(minutes=5)
    other = tab(browser)
    browser.do(during(lambda: other.put(cart=2)))
    assert browser.values() == {"cart": 2}


# --- modify() -----------------------------------------------------------------------------------


def count(request):
    return (yield step(request.session, "modify", "visits", lambda visits: visits + 1, default=0))


def test_modify_loses_no_step(browser, tab):
    browser.put(cart=1)

    def task(request):
        yield step(request.session, "get", "visits")
        yield meanwhile(lambda: tab(browser).do(count))
        return (yield from count(request))

    assert browser.do(task).answer == 2
    assert browser.do(count).answer == 3
    assert browser.values() == {"cart": 1, "visits": 3}


def test_modify_keeps_what_others_have_changed(browser, tab):
    browser.put(cart=1)

    def task(request):
        yield step(request.session, "get", "visits")
        yield meanwhile(lambda: tab(browser).put(cart=2))
        yield from count(request)

    browser.do(task)
    assert browser.values() == {"cart": 2, "visits": 1}


def test_modify_calls_its_function_again_after_a_conflict(browser):
    browser.put(visits=1)
    seen = []

    def function(visits):
        seen.append(visits)
        if len(seen) == 1:
            other = SessionStore(browser.key)
            other["visits"] = 5
            other.save()
        return visits + 1

    def task(request):
        return (yield step(request.session, "modify", "visits", function))

    assert browser.do(task).answer == 6
    assert seen == [1, 5]


def test_modify_writes_at_once_though_the_response_fails(new_browser):
    browser = new_browser(raise_request_exception=False)
    browser.put(cart=1)

    def task(request):
        request.session["cart"] = 2
        yield from count(request)
        raise ZeroDivisionError

    assert browser.do(task).status_code == 500
    assert browser.values() == {"cart": 1, "visits": 1}


def test_modify_without_a_session_starts_one(browser):
    assert browser.do(count).answer == 1
    assert browser.values() == {"visits": 1}


def test_modify_changes_a_default_of_its_own(browser):
    """A mutable default must not be shared by all who use it."""
    default = []

    def task(request):
        return (
            yield step(request.session, "modify", "cart", lambda cart: [*cart, "lamp"], default)
        )

    browser.do(task)
    browser.do(lambda request: request.session.pop("cart"))
    assert browser.do(task).answer == ["lamp"]
    assert default == []


@pytest.mark.parametrize(
    "take_away", [lambda session: session.clear(), lambda session: session.pop("cart")]
)
def test_modify_starts_from_what_this_request_took_away(db, take_away):
    stored = SessionStore()
    stored["cart"] = ["lamp"]
    stored.save()
    session = SessionStore(stored.session_key)
    take_away(session)
    assert session.modify("cart", lambda cart: [*cart, "sofa"], default=[]) == ["sofa"]


def test_modify_starts_from_this_requests_own_value(browser):
    browser.put(cart=["lamp"])

    def task(request):
        yield step(request.session, "get", "cart")
        request.session["cart"] = ["chair"]
        return (yield step(request.session, "modify", "cart", lambda cart: [*cart, "sofa"]))

    assert browser.do(task).answer == ["chair", "sofa"]
    assert browser.values() == {"cart": ["chair", "sofa"]}


@pytest.mark.parametrize(
    "key", ["_auth_user_id", "_auth_user_backend", "_auth_user_hash", "_session_expiry"]
)
def test_modify_refuses_the_keys_of_django(browser, key):
    def task(request):
        with pytest.raises(ValueError, match="login"):
            request.session.modify(key, lambda value: "1")

    browser.do(task)
