"""The admin: who sees what, and who may end what, on every storage."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from frontdesk import sessions
from frontdesk.conf import options
from frontdesk.signals import Reason
from frontdesk.storages import get_storage
from tests.requests.conftest import PASSWORD
from tests.staff.conftest import SAFARI, enter, is_live, name_of, sees_anonymous

pytestmark = pytest.mark.django_db

LIST = "/admin/frontdesk/session/"
USERS = "/admin/auth/user/"


def page_of(session) -> str:
    return f"{LIST}{name_of(session)}/change/"


@pytest.fixture
def staff(storage_setting):
    """A member of staff with these permissions, at the admin: ``staff("view_session")``."""

    def signed_in(*permissions, superuser=False):
        person = get_user_model().objects.create_user(
            "eve", password=PASSWORD, is_staff=True, is_superuser=superuser
        )
        person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.post("/admin/login/", {"username": "eve", "password": PASSWORD})
        return client

    return signed_in


@pytest.fixture
def chief(staff):
    return staff(superuser=True)


def shown(response) -> set[str]:
    """The ids of the sessions that a list shows."""
    assert response.status_code == 200
    return set(re.findall(r'name="_selected_action" value="([0-9a-f]{64})"', response.text))


def listed(client, query="") -> set[str]:
    """The ids of the sessions of others than eve that a list shows."""
    own = {info.id for info in sessions.for_user(get_user_model().objects.get(username="eve"))}
    return shown(client.get(f"{LIST}{query}")) - own


def end(client, *names, url=LIST, action="end_selected", **more):
    form = {"action": action, "_selected_action": names, "index": "0", "post": "yes", **more}
    return client.post(url, form, follow=True)


# --- the list ---------------------------------------------------------------------------------------


def test_staff_see_who_is_in(chief, user, other_user):
    mine, other = enter(user), enter(other_user)
    query = "" if sees_anonymous() else "?q=b"
    expected = {name_of(mine), name_of(other)} if sees_anonymous() else {name_of(other)}
    assert listed(chief, query) == expected


@pytest.mark.parametrize("storage_setting", ["cache"], indirect=True)
def test_where_nothing_can_be_listed_staff_are_told_to_search(chief, user):
    enter(user)
    page = chief.get(LIST)
    assert shown(page) == set()
    assert "cannot list its sessions" in page.text


@pytest.mark.parametrize("term", ["ada", "AD", "pk"])
def test_a_search_finds_the_sessions_of_a_user(chief, user, other_user, term):
    mine = enter(user)
    enter(other_user)
    assert listed(chief, f"?q={user.pk if term == 'pk' else term}") == {name_of(mine)}


@pytest.mark.parametrize("term", ["nobody", "%", "_", "'", "9" * 50])
def test_a_search_for_nobody_finds_nothing(chief, user, term):
    enter(user)
    assert listed(chief, f"?q={term}") == set()


def test_the_link_from_a_user_shows_that_users_sessions(chief, user, other_user):
    mine = enter(user)
    enter(other_user)
    assert listed(chief, f"?user={user.pk}") == {name_of(mine)}
    assert listed(chief, "?user=nonsense") == set()
    assert listed(chief, "?user=987654") == set()


needs_a_list = pytest.mark.parametrize(
    "storage_setting", ["memory", "database", "file"], indirect=True
)


@needs_a_list
def test_filters_keep_what_their_names_say(chief, clock, user):
    old = enter(user, agent=SAFARI)
    clock.move(days=2)
    recent, anonymous = enter(user), enter(cart=1, agent="curl/8.14")
    names = {"old": name_of(old), "recent": name_of(recent), "anonymous": name_of(anonymous)}

    def kept(query):
        found = listed(chief, query)
        return {name for name, digest in names.items() if digest in found}

    assert kept("?who=user") == {"old", "recent"}
    assert kept("?who=nobody") == {"anonymous"}
    assert kept("?activity=hour") == {"recent", "anonymous"}
    assert kept("?activity=idle-hour") == kept("?activity=idle-day") == {"old"}
    assert kept("?activity=idle-week") == set()
    assert kept("?browser=Safari") == {"old"}
    assert kept("?browser=Firefox") == {"recent"}
    assert kept("?browser=Chrome") == set()
    assert kept("?browser=other") == {"anonymous"}
    assert kept("?browser=Safari&who=user&activity=hour") == set()
    assert kept("?who=x") == kept("?activity=x") == kept("?browser=x") == set(names)


@needs_a_list
@pytest.mark.parametrize(
    ("agent", "family"),
    [
        (SAFARI, "Safari"),
        ("Mozilla/5.0 (X11) Chrome/140.0.0.0 Safari/537.36", "Chrome"),
        ("Mozilla/5.0 (X11) Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge"),
        ("Mozilla/5.0 (iPhone) CriOS/140.0 Mobile Safari/604.1", "Chrome"),
        ("Firefox", "Firefox"),  # masked
        ("Samsung Internet", "Samsung Internet"),
        ("Lynx/2.9", "other"),
        ("", "other"),
    ],
)
def test_a_browser_is_found_under_one_family_only(chief, user, agent, family):
    session = enter(user, agent=agent)
    families = ("Chrome", "Edge", "Firefox", "Opera", "Safari", "Samsung+Internet", "other")
    found = [one for one in families if name_of(session) in listed(chief, f"?browser={one}")]
    assert found == [family.replace(" ", "+")]


def test_what_is_over_by_todays_limits_is_not_shown(chief, clock, limits, user):
    over = enter(user)
    clock.move(minutes=4)
    chief.post("/admin/login/", {"username": "eve", "password": PASSWORD})
    clock.move(minutes=2)
    limits(absolute=300)
    assert listed(chief, "?q=ada") == set()
    assert chief.get(page_of(over)).status_code == 302


def test_the_list_says_who_on_what_and_marks_ones_own_session(chief, user):
    enter(user, agent=SAFARI, ip="192.0.2.7")
    page = chief.get(f"{LIST}?q=a").text
    assert "Safari on iPhone" in page
    assert "192.0.2.7" in page
    assert f'<a href="{USERS}{user.pk}/change/">ada</a>' in page
    assert "(this one)" not in page
    assert "(this one)" in chief.get(f"{LIST}?q=eve").text


def test_how_long_ago_is_said_in_the_readers_language_by_the_clock_of_sessions(chief, clock, user):
    enter(user)
    clock.move(minutes=2)
    with translation.override("de"):
        assert "vor 2\xa0Minuten" in chief.get(f"{LIST}?q=ada").text


def test_the_list_names_the_storage(chief):
    assert type(get_storage()).__name__ in chief.get(LIST).text


def test_those_seen_last_come_first(chief, clock, user):
    names = []
    for _ in range(3):
        names.append(name_of(enter(user)))
        clock.move(minutes=1)
    page = chief.get(f"{LIST}?q=ada").text
    assert sorted(names, key=page.index) == names[::-1]


@pytest.mark.parametrize(
    "query",
    ["data__icontains=x", "digest__startswith=a", "user__password__startswith=a", "ip=x"],
)
def test_no_lookup_gets_at_what_the_columns_do_not_show(chief, query):
    assert chief.get(f"{LIST}?{query}").status_code == 400


@pytest.mark.parametrize("query", ["p=99", "p=x", "o=1.2.3", "o=-6", "all=", "_popup=1", "e=1"])
def test_a_strange_address_is_no_error(chief, user, query):
    enter(user)
    assert chief.get(f"{LIST}?{query}", follow=True).status_code == 200


@pytest.mark.parametrize("storage_setting", ["memory", "file"], indirect=True)
def test_without_a_table_only_a_page_is_shown_and_it_says_so(chief, user, monkeypatch):
    from frontdesk.staff import changelists

    monkeypatch.setattr(changelists, "LOOKED_AT", 3)
    for _ in range(5):
        enter(user)
    page = chief.get(LIST)
    assert len(shown(page)) == 3
    assert "These are not all." in page.text


# --- the page of a session --------------------------------------------------------------------------


def test_the_page_of_a_session_shows_what_is_known_and_nothing_to_save(chief, user):
    session = enter(user, agent=SAFARI, ip="192.0.2.7")
    page = chief.get(page_of(session)).text
    for words in ("Safari on iPhone", SAFARI.split()[0], "192.0.2.7", name_of(session), ">ada</a>"):
        assert words in page
    assert 'name="_save"' not in page
    assert "deletelink" not in page


@pytest.mark.parametrize("name", ["a" * 64, "A" * 64, "x", "_5F" * 30])
def test_a_session_that_is_not_there_leads_back(chief, name):
    assert chief.get(f"{LIST}{name}/change/").status_code == 302


def test_nothing_can_be_added_changed_or_deleted(chief, user):
    session = enter(user)
    assert chief.get(f"{LIST}add/").status_code == 403
    assert chief.get(f"{LIST}{name_of(session)}/delete/").status_code == 403
    assert chief.post(page_of(session), {"ip": "192.0.2.9"}).status_code == 403
    assert is_live(session)


def everything_about(client, session) -> str:
    pages = [LIST, f"{LIST}?q=ada", page_of(session), f"{LIST}{name_of(session)}/history/"]
    return "".join(client.get(page).text for page in pages)


@pytest.mark.parametrize("shows_data", [True, False])
def test_no_page_has_a_key_or_a_secret(chief, settings, user, shows_data):
    session = enter(user, note="in the margin", _csrftoken="c" * 32, api_token="t0ps3cret")
    settings.FRONTDESK["ADMIN_SHOWS_DATA"] = shows_data
    options.cache_clear()
    seen = everything_about(chief, session)
    assert session.session_key not in seen
    for secret in (user.get_session_auth_hash(), "c" * 32, "t0ps3cret"):
        assert secret not in seen
    assert ("in the margin" in seen) is shows_data


def test_what_would_take_a_session_over_is_hidden_whatever_django_hides(user, monkeypatch):
    from django.views.debug import SafeExceptionReporterFilter

    from frontdesk.staff.data import data_shown

    monkeypatch.setattr(SafeExceptionReporterFilter, "hidden_settings", re.compile("nothing"))
    session = enter(user, _csrftoken="c" * 32, _password_reset_token="d" * 32, note="to be seen")
    shown = data_shown(get_storage().read(name_of(session)))
    assert "to be seen" in shown
    for secret in (user.get_session_auth_hash(), "c" * 32, "d" * 32):
        assert secret not in shown


def test_values_that_cannot_be_decoded_are_said_to_be_so(chief, settings, user):
    session = enter(user)
    settings.FRONTDESK["ADMIN_SHOWS_DATA"] = True
    options.cache_clear()
    settings.SESSION_SERIALIZER = "tests.staff.test_admin.Refusing"
    from frontdesk.staff.data import data_shown

    assert data_shown(get_storage().read(name_of(session))) == "It cannot be decoded."


class Refusing:
    def loads(self, data):
        raise ValueError(data)


def test_values_are_text_and_not_html(chief, settings, user):
    session = enter(user, note="<script>alert(1)</script>")
    settings.FRONTDESK["ADMIN_SHOWS_DATA"] = True
    options.cache_clear()
    page = chief.get(page_of(session)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# --- ending -----------------------------------------------------------------------------------------


def test_selected_sessions_end_and_others_do_not(chief, user, other_user):
    one, two, other = enter(user), enter(other_user), enter(user)
    page = end(chief, name_of(one), name_of(two))
    assert [is_live(session) for session in (one, two, other)] == [False, False, True]
    assert "2 sessions were ended." in page.text


def test_it_is_asked_first(chief, user):
    session = enter(user)
    form = {"action": "end_selected", "_selected_action": name_of(session), "index": "0"}
    page = chief.post(LIST, form)
    assert "End 1 session?" in page.text
    assert is_live(session)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    chief.post(LIST, fields)
    assert not is_live(session)


def test_who_ended_what_is_in_the_admins_log(chief, user):
    session = enter(user)
    end(chief, name_of(session))
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("eve", name_of(session))
    assert entry.is_deletion()


def test_what_ended_before_is_said_and_not_counted(chief, user):
    session = enter(user)
    end(chief, name_of(session))
    assert "No session was ended" in end(chief, name_of(session)).text
    assert LogEntry.objects.count() == 1


def test_nonsense_is_not_ended(chief, user):
    session = enter(user)
    for name in ("x", "a" * 64, session.session_key, "", "\0"):
        assert end(chief, name).status_code == 200
    assert is_live(session)


@pytest.mark.parametrize("storage_setting", ["database"], indirect=True)
def test_all_that_the_list_shows_end_and_nothing_else(chief, user, other_user, monkeypatch):
    from frontdesk.staff import session_admin

    monkeypatch.setattr(session_admin, "TOGETHER", 2)
    mine, other = [enter(user) for _ in range(5)], enter(other_user)
    page = end(chief, name_of(mine[0]), url=f"{LIST}?q=ada", select_across="1")
    assert "5 sessions were ended." in page.text
    assert not any(is_live(session) for session in mine)
    assert is_live(other)


def test_ending_ones_own_session_signs_out(chief):
    (own,) = sessions.for_user(get_user_model().objects.get(username="eve"))
    end(chief, own.id)
    assert chief.get("/admin/").status_code == 302


def test_the_reason_and_the_user_are_told(chief, user, told):
    session = enter(user)
    with told() as endings:
        end(chief, name_of(session))
    assert endings == [(name_of(session), str(user.pk), Reason.REVOKED_BY_STAFF)]


# --- the admin of users -----------------------------------------------------------------------------


def test_a_users_page_links_to_the_users_sessions(chief, user):
    enter(user)
    enter(user)
    page = chief.get(f"{USERS}{user.pk}/change/").text
    assert f'<a href="{LIST}?user={user.pk}">2 sessions</a>' in page


def test_a_users_page_can_still_be_saved(chief, user):
    page = chief.get(f"{USERS}{user.pk}/change/")
    form = page.context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value not in (None, [])}
    data |= {"first_name": "Augusta", "date_joined_0": "2026-05-01", "date_joined_1": "12:00"}
    chief.post(f"{USERS}{user.pk}/change/", data)
    user.refresh_from_db()
    assert user.first_name == "Augusta"


def test_a_new_user_has_no_sessions_to_link_to(chief):
    assert "live sessions" not in chief.get(f"{USERS}add/").text


def test_all_sessions_of_selected_users_end(chief, user, other_user):
    mine, also, other = enter(user), enter(user), enter(other_user)
    page = end(chief, user.pk, url=USERS, action="end_all_sessions")
    assert "2 sessions were ended." in page.text
    assert [is_live(session) for session in (mine, also, other)] == [False, False, True]
    assert LogEntry.objects.get().object_id == str(user.pk)


def test_before_that_it_is_asked_whose(chief, user):
    session = enter(user)
    form = {"action": "end_all_sessions", "_selected_action": user.pk, "index": "0"}
    page = chief.post(USERS, form).text
    assert "End all sessions of 1 user?" in page
    assert "<li>ada</li>" in page
    assert is_live(session)


# --- permissions ------------------------------------------------------------------------------------

ALLOWED = {
    (): (403, 403, False),
    ("view_session",): (200, 200, False),
    ("end_session",): (403, 403, False),
    ("view_session", "end_session"): (200, 200, True),
    ("view_user", "change_user"): (403, 403, False),
}


@pytest.mark.parametrize(("permissions", "allowed"), ALLOWED.items(), ids=str)
def test_view_and_end_are_separate_permissions(staff, user, permissions, allowed):
    client, session = staff(*permissions), enter(user)
    sees_list, sees_page, ends = allowed
    assert client.get(f"{LIST}?q=ada").status_code == sees_list
    assert client.get(page_of(session)).status_code == sees_page
    end(client, name_of(session))
    assert is_live(session) is not ends


USER_PERMISSIONS = {
    ("view_user",): (False, False),
    ("view_user", "view_session"): (True, False),
    ("view_user", "end_session"): (False, True),
    ("view_user", "view_session", "end_session"): (True, True),
    ("change_user",): (False, False),
}


@pytest.mark.parametrize(("permissions", "allowed"), USER_PERMISSIONS.items(), ids=str)
def test_the_admin_of_users_asks_for_the_same_permissions(staff, user, permissions, allowed):
    client, session = staff(*permissions), enter(user)
    sees, ends = allowed
    assert ("?user=" in client.get(f"{USERS}{user.pk}/change/").text) is sees
    end(client, user.pk, url=USERS, action="end_all_sessions")
    assert is_live(session) is not ends


@pytest.mark.parametrize("permissions", [("view_user",), ("view_user", "view_session")], ids=str)
@pytest.mark.parametrize(
    "fieldsets",
    [None, [(None, {"fields": ["username", ("email", "live_sessions"), ("live_sessions",)]})]],
    ids=["none", "own"],
)
def test_an_admin_of_users_with_no_fieldsets_or_own_ones_asks_for_them_too(
    rf, staff, user, permissions, fieldsets
):
    from django.contrib import admin

    from frontdesk.admin import SessionAdmin, SessionsUserAdminMixin
    from frontdesk.models import Session

    class Plain(SessionsUserAdminMixin, admin.ModelAdmin):
        exclude = ["password"]

    Plain.fieldsets = fieldsets
    staff(*permissions)
    site = admin.AdminSite()
    site.register(Session, SessionAdmin)
    site.register(get_user_model(), Plain)
    request = rf.get("/")
    request.user = get_user_model().objects.get(username="eve")
    enter(user)
    page = site.get_model_admin(get_user_model()).change_view(request, str(user.pk)).render().text
    assert ("1 session" in page) is ("view_session" in permissions)
    assert ("live sessions" in page.lower()) is ("view_session" in permissions)
    if fieldsets is None:
        assert page.count("?user=") == len(permissions) - 1


def test_a_user_who_is_no_staff_sees_nothing(storage_setting, user):
    session, client = enter(user), Client()
    client.post("/login/", {"username": "ada", "password": PASSWORD})
    assert client.get(LIST).status_code == 302
    assert client.get(page_of(session)).status_code == 302


def test_who_may_not_see_users_gets_no_link_to_them(staff, user):
    client = staff("view_session")
    enter(user)
    page = client.get(f"{LIST}?q=ada").text
    assert "ada" in page
    assert USERS not in page


# --- outages and costs ------------------------------------------------------------------------------


def test_while_the_storage_cannot_answer_the_page_is_a_503(flaky, user, monkeypatch):
    from frontdesk.errors import StorageUnavailable

    get_user_model().objects.create_superuser("eve", password=PASSWORD)
    client = Client()
    client.post("/admin/login/", {"username": "eve", "password": PASSWORD})
    session = enter(user)

    def scan(after=""):
        raise StorageUnavailable("the desk is closed")
        yield

    monkeypatch.setattr(flaky, "scan", scan)
    assert client.get(LIST).status_code == 503
    flaky.down.add("of_user")
    assert client.get(f"{LIST}?q=ada").status_code == 503
    assert client.get(f"{USERS}{user.pk}/change/").status_code == 503
    flaky.down.add("remove")
    assert end(client, name_of(session)).status_code == 503
    flaky.down.clear()
    assert is_live(session)


@pytest.mark.parametrize("storage_setting", ["database"], indirect=True)
def test_a_fault_of_the_database_is_a_503_too(chief, monkeypatch):
    from django.core.paginator import Paginator
    from django.db import OperationalError

    def count(self):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(Paginator, "count", property(count))
    assert chief.get(LIST).status_code == 503


@pytest.mark.parametrize("storage_setting", ["database"], indirect=True)
@pytest.mark.parametrize("query", ["", "?q=a", "?who=user&activity=hour&browser=Firefox"])
def test_the_list_takes_as_many_statements_for_100_sessions_as_for_1(
    chief, user, other_user, query
):
    def statements():
        with CaptureQueriesContext(connection) as seen:
            page = chief.get(f"{LIST}{query}")
        return len(shown(page)), len(seen)

    get_user_model().objects.filter(pk=other_user.pk).update(username="bab")
    enter(user)
    statements()
    few, before = statements()
    for number in range(98):
        enter(user if number % 2 else other_user)
    many, after = statements()
    assert many - few == 98
    # The session with its user, the count, the page, the names; a search is one more.
    assert before == after == (5 if "q=" in query else 4)


@pytest.mark.parametrize("storage_setting", ["database"], indirect=True)
def test_the_values_are_not_read_for_the_list(chief, user):
    enter(user, note="x" * 1000)
    with CaptureQueriesContext(connection) as seen:
        chief.get(LIST)
    (page,) = [query["sql"] for query in seen if "ORDER BY" in query["sql"]]
    assert '"data"' not in page


# --- the site ---------------------------------------------------------------------------------------


def test_the_sites_own_actions_are_not_offered(chief, user):
    from django.contrib import admin

    def export_as_csv(modeladmin, request, queryset):
        raise AssertionError

    admin.site.add_action(export_as_csv)
    try:
        enter(user)
        assert "export_as_csv" not in chief.get(f"{LIST}?q=ada").text
        assert "export_as_csv" in chief.get(USERS).text
    finally:
        admin.site.disable_action("export_as_csv")


class TestStockUserAdmin:
    """Django's own admin of users is extended where a project left it in place, and only there."""

    def site(self, *admins):
        from django.contrib import admin

        site = admin.AdminSite()
        for one in admins:
            site.register(get_user_model(), one)
        return site

    def test_djangos_own_is_extended(self):
        from django.contrib.auth.admin import UserAdmin as Stock

        from frontdesk.admin import UserAdmin, extend_stock_user_admin

        site = self.site(Stock)
        extend_stock_user_admin(site)
        assert type(site.get_model_admin(get_user_model())) is UserAdmin

    def test_one_of_the_projects_own_is_left_alone(self):
        from django.contrib.auth.admin import UserAdmin as Stock

        from frontdesk.admin import extend_stock_user_admin

        class Own(Stock):
            pass

        site = self.site(Own)
        extend_stock_user_admin(site)
        assert type(site.get_model_admin(get_user_model())) is Own

    def test_none_is_none(self):
        from frontdesk.admin import extend_stock_user_admin

        site = self.site()
        extend_stock_user_admin(site)
        assert not site.is_registered(get_user_model())

    def test_the_mixin_keeps_what_the_projects_admin_has(self, rf, chief):
        from django.contrib import admin
        from django.contrib.auth.admin import UserAdmin as Stock

        from frontdesk.admin import SessionsUserAdminMixin

        class Own(SessionsUserAdminMixin, Stock):
            actions = ["greet"]

            @admin.action
            def greet(self, request, queryset):
                pass

        site = self.site(Own)
        assert site.get_model_admin(get_user_model()).actions == ["greet", "end_all_sessions"]
        assert site.get_model_admin(get_user_model()).check() == []


def test_the_admins_pass_djangos_checks(db):
    from django.contrib import admin

    assert admin.site.get_model_admin(get_user_model()).check() == []
    from frontdesk.models import Session

    assert admin.site.get_model_admin(Session).check() == []
