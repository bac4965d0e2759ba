"""How many statements each endpoint takes on the database storage."""

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from frontdesk.api.endpoints import ENDPOINTS
from tests.api.conftest import filled_in
from tests.fixtures import DATABASE, PASSWORD, use

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORDS = {"new_password1": "a lamp in the cellar", "new_password2": "a lamp in the cellar"}
NEW = {"old_password": PASSWORD, **PASSWORDS}
LINK = {"uid": "x", "token": "y", **PASSWORDS}

RECORDS = ("frontdesk_historyentry", "frontdesk_throttle")

SCOPES = {"orders:read": "Read orders"}
TOKEN = {"name": "backup", "scopes": list(SCOPES)}

READ, CHANGE = ["SELECT"], ["SELECT", "UPDATE"]

COSTS = {
    ("GET", "session"): (None, READ),
    # The user by name, the session that is there, the last sign-in, the session with a new key.
    ("POST", "session"): (
        {"username": "ada", "password": PASSWORD},
        ["SELECT", "SELECT", "UPDATE", "UPDATE"],
    ),
    # The session with its user, the user again by authenticate().
    ("PATCH", "session"): ({"password": PASSWORD}, ["SELECT", "SELECT", "UPDATE"]),
    ("DELETE", "session"): (None, CHANGE),
    ("GET", "sessions"): (None, ["SELECT", "SELECT"]),
    ("DELETE", "sessions"): (None, ["SELECT", "SELECT", "UPDATE"]),
    ("DELETE", "sessions/<str:session_id>"): (None, ["SELECT", "SELECT", "UPDATE"]),
    ("GET", "history"): (None, ["SELECT", "SELECT"]),
    # The session with its user, the password as it is now, the new one, the session's new hash; the other
    # sessions; the API tokens; the session.
    ("POST", "password"): (
        NEW,
        ["SELECT", "SELECT", "UPDATE", "UPDATE", "SELECT", "UPDATE", "SELECT", "UPDATE"],
    ),
    ("GET", "tokens"): (None, ["SELECT", "SELECT"]),
    # Inserted first and counted then, so that concurrent requests cannot exceed the limit. Then the session
    # once more, which may have ended meanwhile.
    ("POST", "tokens"): (TOKEN, ["SELECT", "INSERT", "SELECT", "SELECT"]),
    ("DELETE", "tokens/<str:token_id>"): (
        None,
        ["SELECT", "SELECT", "BEGIN", "DELETE", "COMMIT"],
    ),
    ("POST", "password/reset"): ({"email": "nobody@example.com"}, ["SELECT"]),
    ("POST", "password/reset/confirm"): (LINK, []),
}


@pytest.fixture(autouse=True)
def _database(_api, settings):
    """No history is written beside the session, and none is counted for a limit."""
    settings.FRONTDESK |= {"MAX_SESSIONS_PER_USER": None, "API_SCOPES": SCOPES}
    use(settings, DATABASE)


@pytest.mark.parametrize("endpoint", COSTS, ids=" ".join)
def test_an_endpoint_takes(new_api, member, user, endpoint):
    other = new_api()
    public_id = other.sign_in(user)
    if "token_id" in endpoint[1]:
        public_id = member.post("tokens", **TOKEN).json()["id"]
    (method, path), (body, expected) = endpoint, COSTS[endpoint]
    with CaptureQueriesContext(connection) as seen:
        answer = member.call(method, filled_in(path, public_id), body)
    assert answer.status_code in {200, 201, 204, 400}
    found = [query["sql"] for query in seen.captured_queries]
    verbs = [
        sql.split()[0]
        for sql in found
        # tests/history and tests/signin/test_throttle.py count what is recorded of a change.
        if method == "GET" or not any(table in sql for table in RECORDS)
    ]
    assert verbs == expected, [s[:60] for s in found]


def verbs_of(function, *args, **kwargs):
    """Return the verbs of the statements of a call, without those of the history."""
    with CaptureQueriesContext(connection) as seen:
        function(*args, **kwargs)
    found = [query["sql"] for query in seen.captured_queries]
    return [sql.split()[0] for sql in found if "frontdesk_historyentry" not in sql]


def test_signing_in_takes_no_statement_beside_djangos_own_and_one_insert(api, user):
    api.get("session")
    assert verbs_of(api.sign_in, user) == ["SELECT", "UPDATE", "INSERT"]


def test_a_reset_takes(new_api, user):
    new_api().sign_in(user)
    user.refresh_from_db()
    link = {
        **LINK,
        "uid": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    api = new_api()
    api.get("session")
    # The user of the link; the sessions to end; the new password; the API tokens to end.
    expected = ["SELECT", "SELECT", "UPDATE", "UPDATE", "SELECT"]
    assert verbs_of(api.post, "password/reset/confirm", **link) == expected


@pytest.mark.parametrize("path", ["session", "sessions", "history"])
def test_without_a_cookie_reading_takes_none(api, path):
    with CaptureQueriesContext(connection) as seen:
        api.get(path)
    assert list(seen.captured_queries) == []


@pytest.mark.parametrize("number", [1, 40])
def test_a_list_takes_no_more_for_more_sessions(member, new_browser, user, number):
    for _ in range(number):
        new_browser().force_login(user)
    with CaptureQueriesContext(connection) as seen:
        assert member.get("sessions").json()["count"] == number + 1
    assert len(seen.captured_queries) == 2


def test_each_endpoint_with_a_session_is_counted():
    counted = {(each.method, each.path) for each in ENDPOINTS if not each.is_public}
    assert counted == set(COSTS)
