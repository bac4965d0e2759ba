"""Overlapping requests under each isolation level of PostgreSQL and MariaDB.

What one more try would pass is tried again. Inside a view's transaction, where the database will not let
it pass, it fails at once and without effect.
"""

import sys
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Barrier

import pytest
from django.contrib import auth
from django.contrib.auth.models import Group, User
from django.core.signals import got_request_exception
from django.db import ProgrammingError, connection, connections, transaction
from django.http import HttpResponse

from frontdesk import api_tokens, sessions
from frontdesk.core.flow import run
from frontdesk.engine import SessionStore
from frontdesk.storages import get_storage
from tests.fixtures import DATABASE, is_anonymous, use
from tests.requests.browsers import WSGIBrowser, clears, cookie

LEVELS = {
    "postgresql": {"repeatable read": 3, "serializable": 4},
    "mariadb": {"repeatable read": "repeatable read", "serializable": "serializable"},
}

CASES = [
    pytest.param(
        (alias, level),
        marks=[
            pytest.mark.needs(alias),
            pytest.mark.django_db(databases=[alias], transaction=True),
        ],
        id=f"{alias} {level}",
    )
    for alias, levels in LEVELS.items()
    for level in levels
]


@pytest.fixture(params=CASES)
def database(request, settings, monkeypatch, site):
    """The alias of a database whose transactions have one of the levels."""
    alias, level = request.param
    monkeypatch.setattr("tests.services.RouteToCurrent.alias", alias)
    monkeypatch.setitem(
        connections[alias].settings_dict["OPTIONS"], "isolation_level", LEVELS[alias][level]
    )
    connections[alias].close()  # the level is that of a new connection
    use(settings, DATABASE)
    yield alias
    connections[alias].close()


@pytest.fixture
def atomic(database, monkeypatch):
    """Each view runs in a transaction of its own."""
    monkeypatch.setitem(connections[database].settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def browser(database):
    User.objects.create_user("ada", password="x")
    browser = WSGIBrowser(raise_request_exception=False)
    browser.force_login(User.objects.get())
    return browser


def tab(browser):
    other = WSGIBrowser(raise_request_exception=False)
    other.key = browser.key
    return other


def elsewhere(function, *args):
    """Call ``function`` in another thread, and so on another connection."""

    def call():
        try:
            return function(*args)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(call).result()


def count(request):
    return request.session.modify("visits", lambda visits: visits + 1, default=0)


def test_overlapping_requests_merge(browser):
    browser.put(start=1)

    def task(request):
        request.session.get("start")
        elsewhere(tab(browser).do, lambda other: other.session.update({"second": 2}))
        request.session["first"] = 1

    assert browser.do(task).status_code == 200
    assert browser.values() == {"start": 1, "first": 1, "second": 2}


def test_modify_loses_no_step_and_no_request_fails(browser, database):
    key = browser.key

    def steps():
        try:
            for _ in range(5):
                SessionStore(key).modify("visits", lambda visits: visits + 1, default=0)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as executor:
        for future in [executor.submit(steps) for _ in range(4)]:
            future.result()
    assert SessionStore(key)["visits"] == 20


def test_a_sign_out_that_meets_a_write_signs_out(browser):
    key = browser.key

    def leave(request):
        request.session.get("cart")
        elsewhere(tab(browser).do, lambda other: other.session.cycle_key())
        auth.logout(request)

    assert clears(browser.do(leave))
    assert is_anonymous(WSGIBrowser, key)
    assert sessions.count(User.objects.get()) == 0


def test_ending_all_meets_a_write(browser):
    user = User.objects.get()

    def task(request):
        request.session["cart"] = 1
        assert elsewhere(sessions.end_all, user) == 1

    response = browser.do(task)
    assert (response.status_code, cookie(response)) == (200, None)
    assert sessions.count(user) == 0


def test_a_taken_id_leaves_the_projects_transaction_usable(browser, database):
    storage = get_storage()
    record = run(storage.read(browser.key[:15]))
    with transaction.atomic(using=database):
        assert run(storage.insert(record)) is False
        assert User.objects.count() == 1


# --- inside the view's transaction --------------------------------------------------------------

WAITING = {
    "postgresql": """
        SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """,
    "mysql": """
        SELECT COUNT(*) FROM information_schema.innodb_trx
        JOIN information_schema.processlist ON id = trx_mysql_thread_id
        WHERE db = DATABASE() AND trx_state = 'LOCK WAIT'
    """,
}


@pytest.fixture
def beside(atomic, database):
    """``beside(function, ...)`` returns when the call in another thread has ended, or waits for a lock.

    A serializable transaction of MariaDB locks each row that it reads.
    """
    with ThreadPoolExecutor(1) as executor:

        def call(function, *args):
            future = executor.submit(elsewhere, function, *args)
            while not future.done() and not waits_for_lock():
                wait([future], timeout=0.15)  # InnoDB's table is renewed every 0.1 seconds
            return future

        def waits_for_lock():
            with connections[database].cursor() as cursor:
                cursor.execute(WAITING[connections[database].vendor])
                return cursor.fetchone()[0] > 0

        yield call


def test_modify_beside_modify_works_or_fails_at_once(beside, browser):
    """MariaDB reads past its snapshot, PostgreSQL refuses to. No snapshot is read again and again."""
    tries, others = [], []

    def function(visits):
        tries.append(visits)
        return visits + 1

    def task(request):
        list(User.objects.all())  # the snapshot begins here at the latest
        request.session.get("visits")
        others.append(beside(tab(browser).do, count))
        return request.session.modify("visits", function, default=0)

    responses = [browser.do(task), others[0].result()]
    assert len(tries) <= 2
    assert {response.status_code for response in responses} <= {200, 503}
    assert [cookie(response) for response in responses] == [None, None]
    passed = [response.answer for response in responses if response.status_code == 200]
    assert sorted(passed) == list(range(1, len(passed) + 1))
    assert browser.do(count).answer == len(passed) + 1 >= 2


def test_a_sign_out_beside_a_rotation_is_no_lie(beside, browser):
    """Either it is answered and the key is dead, or it is a 503 and the user is still signed in."""
    user, other, others = User.objects.get(), tab(browser), []

    def leave(request):
        list(User.objects.all())
        assert request.user.is_authenticated
        others.append(beside(other.do, lambda request: request.session.cycle_key()))
        auth.logout(request)

    response = browser.do(leave)
    others[0].result()
    if response.status_code == 503:
        assert cookie(response) is None
        assert other.username() == "ada"
    else:
        assert clears(response)
        assert other.username() == ""
        assert sessions.count(user) == 0


def test_a_write_beside_a_write_counts(beside, browser):
    """The session is saved after the view's transaction, so neither request fails."""
    browser.put(start=1)
    others = []

    def task(request):
        list(User.objects.all())
        request.session.get("start")
        second = tab(browser)
        others.append(beside(second.do, lambda request: request.session.update({"second": 2})))
        request.session["first"] = 1

    assert browser.do(task).status_code == 200
    assert others[0].result().status_code == 200
    assert browser.values() == {"start": 1, "first": 1, "second": 2}


def at_once(*functions):
    """Call all functions at once, each in a thread and on a connection of its own. Return the results."""
    together = Barrier(len(functions))

    def call(function):
        together.wait()
        return elsewhere(function)

    with ThreadPoolExecutor(len(functions)) as executor:
        return list(executor.map(call, functions))


def test_what_is_acknowledged_to_eight_requests_at_once_counts(atomic, browser):
    def steps():
        own = tab(browser)
        return [own.do(count).status_code for _ in range(3)]

    answers = [status for each in at_once(*[steps] * 8) for status in each]
    assert set(answers) <= {200, 503}
    assert browser.do(count).answer == answers.count(200) + 1 >= 2


def test_a_sign_out_amid_eight_requests_at_once_is_no_lie(atomic, browser):
    """Once it is answered, no key of the session opens anything, whatever the others were doing."""
    keys = [browser.key]

    def leave():
        return tab(browser).do(auth.logout)

    def rotate():
        own = tab(browser)
        response = own.do(lambda request: request.session.cycle_key())
        keys.append(own.key)
        return response

    def write():
        own = tab(browser)
        own.put(cart=1)
        return own.do(count)

    left, *others = at_once(leave, rotate, rotate, *[write] * 5)
    assert {response.status_code for response in others} <= {200, 503}
    if left.status_code == 200:
        assert clears(left)
        assert [key for key in keys if key and not is_anonymous(WSGIBrowser, key)] == []
        assert sessions.count(User.objects.get()) == 0
    else:
        assert (left.status_code, cookie(left)) == (503, None)
        assert sessions.count(User.objects.get()) == 1


def test_ending_all_ends_what_has_begun_since_the_snapshot(atomic, browser, settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "API_SCOPES": {"orders:read": "Read orders"}}
    user, other = User.objects.get(), WSGIBrowser(raise_request_exception=False)

    def task(request):
        list(Group.objects.all())
        elsewhere(other.force_login, user)
        elsewhere(api_tokens.create, user, "backup", ["orders:read"])
        sessions.end_all(user)
        api_tokens.end_all(user)

    assert browser.do(task).status_code == 200
    assert other.username() == ""
    assert sessions.count(user) == 0
    assert api_tokens.for_user(user) == []


# --- a transaction that the project has broken --------------------------------------------------


@pytest.mark.needs("postgresql")
@pytest.mark.django_db(databases=["postgresql"], transaction=True)
def test_a_transaction_broken_by_the_project_is_a_500(site, settings, monkeypatch, caplog):
    """Reported as in Django, and no outage of the sessions."""
    monkeypatch.setattr("tests.services.RouteToCurrent.alias", "postgresql")
    monkeypatch.setitem(connections["postgresql"].settings_dict, "ATOMIC_REQUESTS", True)
    use(settings, DATABASE)
    browser = WSGIBrowser(raise_request_exception=False)
    browser.force_login(User.objects.create_user("ada"))
    reported = []

    def report(**facts):
        reported.append(sys.exc_info()[0])

    def mistake(request):
        try:
            with connections["postgresql"].cursor() as cursor:
                cursor.execute("SELECT * FROM no_such_table")
        except ProgrammingError:
            pass
        return HttpResponse(str(request.user))

    got_request_exception.connect(report)
    try:
        response = browser.do(mistake)
    finally:
        got_request_exception.disconnect(report)
    assert response.status_code == 500
    assert reported
    assert [line for line in caplog.messages if "cannot answer" in line] == []
    assert browser.username() == "ada"
    assert connection.alias == "default"
