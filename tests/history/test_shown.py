"""The history as people and staff see it."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.template import engines
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path
from django.utils import translation

from frontdesk import clock, history
from frontdesk.history_admin import HistoryAdmin
from frontdesk.models import HistoryEntry
from tests.history.conftest import FIREFOX, SAFARI
from tests.pages.catalogue import Page
from tests.requests import site
from tests.requests.conftest import create

pytestmark = pytest.mark.django_db


def remember(user, **facts):
    given = {"what": "signed_in", "user": user, "at": clock.now(), "ip": "192.0.2.7"}
    if facts.get("what") == "failed":
        given |= {"user": None, "name_hash": history.hashes_of(user.get_username())[0]}
    return HistoryEntry.objects.create(**given | facts)


# --- the person ------------------------------------------------------------------------------------------


def partial(user):
    return render_to_string("frontdesk/history.html", {"history": history.recent(user)})


def test_each_entry_is_an_item_that_says_what_where_and_when(user, clock):
    remember(user, methods="password", user_agent=FIREFOX)
    clock.move(minutes=2)
    remember(user, what="failed", user_agent=SAFARI)
    found = Page(partial(user))
    assert len(found.all("li")) == 2
    titles = {time["title"] for time in found.all("time")}
    assert [words for words in found.words if words not in titles] == [
        "Failed try to sign in",
        "Safari on iPhone · 192.0.2.7 ·",
        "just now",
        "Signed in with password",
        "Firefox on Linux · 192.0.2.7 ·",
        "2 minutes ago",
    ]


def test_the_times_are_exact_for_programs_and_on_request(user):
    remember(user)
    (time,) = Page(partial(user)).all("time")
    assert time["datetime"].endswith("+00:00")
    assert time["title"]


def test_screen_readers_are_told_of_a_list_although_it_has_no_markers(user):
    remember(user)
    assert Page(partial(user)).all("ol") == [{"class": "fd-history", "role": "list"}]


def test_what_is_not_known_is_left_out(user):
    remember(user, ip="")
    assert Page(partial(user)).words[-1] == "just now"
    assert " · " not in partial(user)


def test_without_entries_it_says_so(user):
    assert Page(partial(user)).words == ["Nothing has been noted yet."]


def test_what_a_stranger_sent_as_a_browser_is_no_part_of_the_page(user):
    remember(user, what="failed", user_agent="<script>alert(1)</script>/1.0")
    html = partial(user)
    assert "script" not in html
    assert "Unknown device" in html


def test_it_is_shown_under_a_clock_without_time_zones(user, settings):
    settings.USE_TZ = False
    remember(user)
    assert "just now" in partial(user)


def test_in_another_language_the_time_is_too(user, clock):
    remember(user)
    clock.move(hours=2)
    with translation.override("de"):
        assert "2\xa0Stunden" in partial(user)


def test_the_example_of_the_template_works(user):
    remember(user)
    template = engines["django"].from_string(
        '{% include "frontdesk/history.html" with history=entries %}'
    )
    assert "Signed in" in template.render({"entries": history.recent(user)})


# --- staff -----------------------------------------------------------------------------------------------

office = admin.AdminSite(name="admin")
office.register(HistoryEntry, HistoryAdmin)
urlpatterns = [*site.urlpatterns[:-1], path("admin/", office.urls)]

LIST = "/admin/frontdesk/historyentry/"


@pytest.fixture
def clerk(settings):
    """A person of the staff who may view the history, and nothing else."""
    settings.ROOT_URLCONF = __name__
    person = create("clerk")
    person.is_staff = True
    person.save()
    permission = Permission.objects.get(codename="view_historyentry")
    person.user_permissions.add(permission)
    client = Client()
    client.force_login(User.objects.get(pk=person.pk))
    return client


def test_staff_who_may_view_it_find_a_list_in_words(clerk, user):
    remember(user, methods="password", user_agent=FIREFOX)
    page = clerk.get(LIST).content.decode()
    for words in ("Signed in with password", "ada", "Firefox on Linux", "192.0.2.7"):
        assert words in page


def test_staff_choose_why_sessions_ended_in_words(clerk, user):
    remember(user, what="ended", reason="revoked", ip="192.0.2.1")
    remember(user, what="ended", reason="idle", ip="192.0.2.2")
    page = clerk.get(LIST).content.decode()
    assert '<a href="?reason=idle">Ended after a long time without use</a>' in " ".join(
        page.split()
    )
    page = clerk.get(LIST, {"reason": "idle"}).content.decode()
    assert "192.0.2.2" in page
    assert "192.0.2.1" not in page


def test_staff_find_a_person_by_name_with_the_failed_tries(clerk, user, other_user):
    remember(user, ip="192.0.2.1")
    remember(user, what="failed", ip="192.0.2.2")
    remember(other_user, ip="192.0.2.3")
    page = clerk.get(LIST, {"q": " ada "}).content.decode()
    assert "192.0.2.1" in page
    assert "192.0.2.2" in page
    assert "192.0.2.3" not in page


def test_staff_find_what_belongs_to_a_session(clerk, user):
    remember(user, session_id="a" * 64, ip="192.0.2.1")
    remember(user, session_id="b" * 64, ip="192.0.2.2")
    page = clerk.get(LIST, {"q": "a" * 64}).content.decode()
    assert "192.0.2.1" in page
    assert "192.0.2.2" not in page


def test_the_list_takes_as_many_queries_for_many_entries(
    clerk, user, other_user, django_assert_max_num_queries
):
    for _ in range(20):
        remember(user)
        remember(other_user)
    clerk.get(LIST)
    with django_assert_max_num_queries(8):
        clerk.get(LIST)


def test_staff_look_at_an_entry_and_cannot_change_it(clerk, user):
    entry = remember(user, methods="password", user_agent=FIREFOX, session_id="a" * 64)
    page = clerk.get(f"{LIST}{entry.pk}/change/").content.decode()
    for words in ("Signed in with password", FIREFOX, "a" * 64):
        assert words in page
    assert 'name="_save"' not in page
    assert clerk.post(f"{LIST}{entry.pk}/change/", {}).status_code == 403


@pytest.mark.parametrize("verb", ["add", "delete"])
def test_staff_neither_add_nor_delete(clerk, user, verb):
    User.objects.update(is_superuser=True)
    entry = remember(user)
    place = "add/" if verb == "add" else f"{entry.pk}/delete/"
    assert clerk.get(LIST + place).status_code == 403
    assert clerk.post(LIST + place, {"post": "yes"}).status_code == 403
    assert "delete_selected" not in clerk.get(LIST).content.decode()


def test_staff_without_the_permission_see_nothing(clerk, user):
    User.objects.get(username="clerk").user_permissions.clear()
    assert clerk.get(LIST).status_code == 403


def test_an_entry_of_somebody_who_is_gone_is_shown(clerk, user):
    entry = remember(user)
    User.objects.filter(pk=user.pk)._raw_delete("default")
    assert clerk.get(LIST).status_code == 200
    assert str(user.pk) in clerk.get(f"{LIST}{entry.pk}/change/").content.decode()


def test_the_admin_does_without_time_zones(clerk, user, settings):
    settings.USE_TZ = False
    remember(user)
    assert clerk.get(LIST).status_code == 200


def test_the_admin_has_no_history_to_show_when_none_is_kept(clerk, settings):
    assert "History" in clerk.get("/admin/").content.decode()
    settings.FRONTDESK = {"HISTORY_RETENTION": None}
    assert "historyentry" not in clerk.get("/admin/").content.decode()
