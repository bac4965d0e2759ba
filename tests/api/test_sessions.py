"""The user's own sessions and history: listed in pages, and ended (OWASP API1)."""

import pytest

from frontdesk import sessions
from frontdesk.history import recent
from tests.api.conftest import code
from tests.fixtures import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["sessions", "history"])
def test_a_list_needs_a_user(api, path):
    answer = api.get(path)
    assert answer.status_code == 401
    assert code(answer) == "not_signed_in"
    assert answer["WWW-Authenticate"] == "Bearer"


def test_only_the_users_own_sessions_are_listed_this_one_first(new_api, user, other_user):
    first, second, foreign = new_api(), new_api(), new_api()
    ids = [first.sign_in(user), second.sign_in(user)]
    foreign.sign_in(other_user)
    answer = first.get("sessions").json()
    assert [each["id"] for each in answer["sessions"]] == ids
    assert [each["current"] for each in answer["sessions"]] == [True, False]
    assert (answer["count"], answer["pages"]) == (2, 1)


def test_a_list_has_pages(member, new_browser, user, monkeypatch):
    monkeypatch.setattr("frontdesk.api.views.PER_PAGE", 2)
    for _ in range(4):
        new_browser().force_login(user)
    pages = [member.get(f"sessions?page={number}").json() for number in (1, 2, 3)]
    assert [len(page["sessions"]) for page in pages] == [2, 2, 1]
    assert len({each["id"] for page in pages for each in page["sessions"]}) == 5
    assert {(page["count"], page["pages"]) for page in pages} == {(5, 3)}
    assert code(member.get("sessions?page=4")) == "not_found"


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "1.5", "9" * 5000, "%00"])
def test_a_page_that_is_no_number_is_refused(member, page):
    answer = member.get(f"sessions?page={page}")
    assert code(answer) == "invalid_input"
    assert list(answer.json()["errors"]) == ["page"]


def test_one_session_is_ended(new_api, user):
    here, there = new_api(), new_api()
    here.sign_in(user)
    session_id = there.sign_in(user)
    assert here.delete(f"sessions/{session_id}").status_code == 204
    assert there.username() is None
    assert here.username() == "ada"
    assert code(here.delete(f"sessions/{session_id}")) == "not_found"


def test_ending_this_session_signs_out(member, user):
    (info,) = sessions.for_user(user)
    assert member.delete(f"sessions/{info.id}").status_code == 204
    assert member.username() is None


@pytest.mark.parametrize("text", ["x", "a" * 15, "%00", "%2e%2e", "'%20OR%201=1--", "é" * 300])
def test_owasp_api1_any_text_as_an_id_ends_nothing(member, user, text):
    assert code(member.delete(f"sessions/{text}")) == "not_found"
    assert sessions.count(user) == 1


def test_owasp_api1_the_session_of_another_user_is_not_found(member, new_api, other_user):
    foreign = new_api()
    session_id = foreign.sign_in(other_user)
    assert code(member.delete(f"sessions/{session_id}")) == "not_found"
    assert foreign.username() == "bob"


def test_all_others_are_ended(new_api, user, other_user):
    here, there, foreign = new_api(), new_api(), new_api()
    here.sign_in(user)
    there.sign_in(user)
    foreign.sign_in(other_user)
    assert here.delete("sessions").json() == {"ended": 1}
    assert [each.username() for each in (here, there, foreign)] == ["ada", None, "bob"]


def test_all_are_ended_with_this_one(new_api, user):
    here, there = new_api(), new_api()
    here.sign_in(user)
    there.sign_in(user)
    assert here.delete("sessions?current=1").json() == {"ended": 2}
    assert [each.username() for each in (here, there)] == [None, None]
    assert sessions.count(user) == 0


def test_a_choice_that_is_none_ends_nothing(member, user):
    for choice in ("yes", ""):
        assert code(member.delete(f"sessions?current={choice}")) == "invalid_input"
    assert sessions.count(user) == 1
    assert member.delete("sessions?current=0").json() == {"ended": 0}


@pytest.mark.parametrize("path", ["sessions", "sessions/x", "sessions?current=1"])
def test_ending_needs_a_recent_sign_in(member, user, clock, path):
    clock.move(minutes=15)
    assert code(member.delete(path)) == "recent_sign_in_required"
    assert sessions.count(user) == 1


@pytest.mark.django_db(transaction=True)
def test_the_history_is_the_users_own(member, new_api, user, other_user):
    new_api().sign_in(other_user)
    new_api().post("session", username="ada", password="wrong")
    new_api().post("session", username="ada", password="wrong")
    answer = member.get("history").json()["history"]
    assert [(each["what"], each["count"]) for each in answer] == [("failed", 2), ("signed_in", 1)]
    assert answer[0]["in_words"] == "2 failed sign-in attempts"
    assert answer[1]["session_id"] == sessions.for_user(user)[0].id
    assert answer[1]["methods"] == ["password"]


@pytest.mark.django_db(transaction=True)
def test_the_history_is_bounded(member, user):
    for _ in range(3):
        member.sign_in(user)
    assert len(recent(user)) == 4
    assert len(member.get("history?limit=2").json()["history"]) == 2
    for limit in ("0", "201", "x"):
        assert code(member.get(f"history?limit={limit}")) == "invalid_input"


def test_without_a_history_there_is_none(member, settings):
    settings.FRONTDESK["HISTORY_RETENTION"] = None
    from frontdesk import conf

    conf.options.cache_clear()
    assert code(member.get("history")) == "not_found"


def test_on_the_way_back_to_django_sessions_are_not_listed(new_api, user, settings):
    settings.SESSION_ENGINE = "frontdesk.migrate.to_django.db"
    client = new_api()
    answer = client.post("session", username="ada", password=PASSWORD)
    assert answer.json()["user"]["username"] == "ada"
    assert answer.json()["session"] is None
    assert code(client.get("sessions")) == "sessions_unlisted"
    assert client.patch("session", password=PASSWORD).status_code == 200
    assert code(client.delete("sessions")) == "sessions_unlisted"
    assert client.delete("session").status_code == 204
