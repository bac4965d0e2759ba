"""API tokens in the admin and in ``manage.py frontdesk tokens``."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from frontdesk import api_tokens, history
from frontdesk.models import ApiToken, HistoryEntry, What
from tests.staff.conftest import frontdesk

pytestmark = pytest.mark.django_db

LIST = "/admin/frontdesk/apitoken/"


@pytest.fixture(autouse=True)
def _scopes(settings):
    settings.FRONTDESK = {**settings.FRONTDESK, "API_SCOPES": {"orders:read": "Read orders"}}


@pytest.fixture
def token(user):
    info, _text = api_tokens.create(user, "nightly backup", ["orders:read"])
    return info


# --- the admin ----------------------------------------------------------------------------------


def test_staff_see_tokens_and_never_a_secret(admin, token, user):
    digest = ApiToken.objects.get().secret
    for address in (LIST, f"{LIST}{token.id}/change/"):
        page = admin.get(address)
        for words in ("nightly backup", "ada", "orders:read"):
            assert words in page.text
        assert digest not in page.text


@pytest.mark.parametrize(("searched", "there"), [("ada", 1), ("bob", 0), ("no", 0), ("", 1)])
def test_staff_search_for_a_user(admin, token, other_user, searched, there):
    page = admin.get(LIST, {"q": searched})
    assert page.text.count("nightly backup") >= there
    assert ("nightly backup" in page.text) == bool(there)


def test_staff_search_for_a_token_id(admin, token, other_user):
    api_tokens.create(other_user, "another")
    page = admin.get(LIST, {"q": token.id})
    assert "nightly backup" in page.text
    assert "another" not in page.text


def test_no_look_up_finds_out_a_digest(admin, token):
    assert admin.get(LIST, {"secret__startswith": "a"}).status_code == 400


def test_a_list_takes_one_query_for_the_names_of_any_number_of_users(
    admin, token, user, other_user
):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            admin.get(LIST)
        return len(seen)

    before = queries()
    for number in range(20):
        api_tokens.create(other_user, f"token {number}")
    assert queries() == before


@pytest.mark.django_db(transaction=True)
def test_staff_end_a_token(admin, token, user):
    asked = admin.get(f"{LIST}{token.id}/delete/")
    assert "nightly backup" in asked.text
    assert len(api_tokens.for_user(user)) == 1
    admin.post(f"{LIST}{token.id}/delete/", {"post": "yes"})
    assert api_tokens.for_user(user) == []
    assert "API token “nightly backup” ended by staff" in [e.in_words for e in history.recent(user)]
    assert LogEntry.objects.get().object_id == token.id


def test_staff_end_selected_tokens(admin, token, user):
    kept, _text = api_tokens.create(user, "kept")
    chosen = {"action": "delete_selected", "_selected_action": [token.id], "post": "yes"}
    admin.post(LIST, chosen)
    assert api_tokens.for_user(user) == [kept]


@pytest.mark.parametrize("path", ["add/", "{id}/change/"])
def test_nobody_adds_or_changes_a_token(admin, token, path):
    answer = admin.post(LIST + path.format(id=token.id), {"name": "changed"})
    assert answer.status_code == 403
    assert ApiToken.objects.get().name == "nightly backup"


def test_a_permission_to_view_is_none_to_end(client, token, other_user):
    other_user.is_staff = True
    other_user.save()
    other_user.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    client.force_login(other_user)
    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}{token.id}/delete/").status_code == 403
    other_user.user_permissions.add(Permission.objects.get(codename="delete_apitoken"))
    client.post(f"{LIST}{token.id}/delete/", {"post": "yes"})
    assert not ApiToken.objects.exists()


def test_a_site_without_scopes_has_no_such_page_in_the_index(admin, settings):
    assert "/frontdesk/apitoken/" in admin.get("/admin/").text
    settings.FRONTDESK = {**settings.FRONTDESK, "API_SCOPES": {}}
    assert "/frontdesk/apitoken/" not in admin.get("/admin/").text


def test_what_happened_to_tokens_is_in_the_history_of_the_admin(admin, user, token):
    HistoryEntry.objects.create(
        what=What.TOKEN_ENDED,
        at=history.oldest() + 10**12,
        user_id=user.pk,
        token_id=token.id,
        token_name="nightly backup",
        reason="expired",
    )
    page = admin.get("/admin/frontdesk/historyentry/")
    assert "API token “nightly backup” expired" in page.text


# --- the command --------------------------------------------------------------------------------


def test_tokens_are_listed(token, user, other_user):
    api_tokens.create(other_user, "another")
    result = frontdesk("tokens", "list", "--user", "ada")
    assert token.id in result.out
    assert "nightly backup" in result.out
    assert "another" not in result.out
    assert "1 API token" in result.err
    assert "2 API tokens" in frontdesk("tokens", "list", "--limit", "1").err


@pytest.mark.django_db(transaction=True)
def test_tokens_are_listed_as_json(user):
    info, text = api_tokens.create(user, "backup", ["orders:read"], timedelta(days=1))
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {text}"})
    assert api_tokens.authenticate(request)
    found = json.loads(frontdesk("tokens", "list", "--json").out)
    assert found.pop("last_used") >= found["created"]
    assert found == {
        "id": info.id,
        "user_id": str(user.pk),
        "username": "ada",
        "name": "backup",
        "scopes": ["orders:read"],
        "ip": "127.0.0.1",
        "user_agent": "",
        "created": info.created.isoformat(timespec="seconds"),
        "expires": info.expires.isoformat(timespec="seconds"),
    }


@pytest.mark.parametrize("arguments", [["--user", "ada"], ["--all"], ["--token", "{id}"]])
def test_tokens_are_ended(token, user, arguments):
    arguments = [each.format(id=token.id) for each in arguments]
    assert "1 API token would end." in frontdesk("tokens", "end", *arguments, "--dry-run").out
    assert len(api_tokens.for_user(user)) == 1
    assert "1 API token ended." in frontdesk("tokens", "end", *arguments, "--yes").out
    assert api_tokens.for_user(user) == []


def test_the_token_of_another_user_is_not_ended(token, user, other_user):
    assert "0 API tokens ended." in frontdesk("tokens", "end", "--user", "bob", "--yes").out
    assert api_tokens.for_user(user) == [token]


def test_only_tokens_that_were_not_used_for_long_are_ended(clock, user):
    _old, _text = api_tokens.create(user, "old")
    clock.move(days=31)
    fresh, _text = api_tokens.create(user, "fresh")
    assert frontdesk("tokens", "end", "--all", "--unused-for", "30d", "--yes").code == 0
    assert api_tokens.for_user(user) == [fresh]


def test_without_a_terminal_nothing_is_ended_unasked(token, user):
    result = frontdesk("tokens", "end", "--all")
    assert (result.code, "Add --yes" in result.err) == (1, True)
    assert api_tokens.for_user(user) == [token]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "ACTION"),
        (["end"], "--token"),
        (["end", "--token", "x", "--yes"], "'x' is not a token id"),
        (["list", "--user", "no"], "no user 'no'"),
        (["create", "--user", "ada"], "--name"),
        (["create", "--user", "no", "--name", "x"], "no user 'no'"),
        (["create", "--user-id", "999", "--name", "x"], "no user '999'"),
        (["create", "--user", "ada", "--name", "x", "--scope", "*"], "API_SCOPES"),
        (["create", "--user", "ada", "--name", "x", "--age", "90w"], "up to 366 days"),
        (["create", "--user", "ada", "--name", " "], "1 to 100 characters"),
    ],
)
def test_wrong_arguments_are_explained(token, user, arguments, said):
    result = frontdesk("tokens", *arguments)
    assert (result.code, said in result.err) == (1, True), result
    assert api_tokens.for_user(user) == [token]


def test_a_token_is_created_and_its_text_goes_to_stdout_alone(user):
    result = frontdesk(
        *("tokens", "create", "--user", "ada", "--name", "backup"),
        *("--scope", "orders:read", "--age", "30d"),
    )
    text = result.out.strip()
    assert text not in result.err
    assert re.search(r"It ends .*\d.*, and is not shown again\.$", result.err.strip())
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {text}"})
    token = api_tokens.authenticate(request)
    assert (token.user, token.scopes) == (user, ("orders:read",))
    assert token.expires - token.created == timedelta(days=30)


def test_a_token_is_created_as_json(user):
    made = json.loads(
        frontdesk("tokens", "create", "--user", "ada", "--name", "backup", "--json").out
    )
    assert made["token"].startswith("fdt_" + made["id"])
