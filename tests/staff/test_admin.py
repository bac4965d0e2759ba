"""The admin's pages about sessions: what staff see and may end, on every storage."""

import re

import pytest
from django.contrib import admin as django_admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from frontdesk import sessions
from frontdesk.admin import (
    SessionAdmin,
    SessionsUserAdminMixin,
    UserAdmin,
    extend_django_user_admin,
)
from frontdesk.models import Session
from frontdesk.signals import Reason
from frontdesk.staff import operations, session_admin
from frontdesk.staff.rows import values_shown
from frontdesk.storages import get_storage
from tests.staff.conftest import (
    SAFARI,
    enter,
    in_a_cache,
    in_memory,
    in_the_database,
    is_live,
    where_all_can_be_listed,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/frontdesk/session/"
USERS = "/admin/auth/user/"


def page_of(session) -> str:
    return f"{LIST}{session.session_id}/change/"


def end_page_of(session) -> str:
    return f"{LIST}{session.session_id}/end/"


def shown(response) -> set[str]:
    """Return the ids of the sessions in a list."""
    assert response.status_code == 200
    return set(re.findall(r'name="_selected_action" value="([0-9a-z]{15})"', response.text))


def listed(client, query="") -> set[str]:
    """Return the ids of the sessions in a list, without those of the member of staff."""
    own = {info.id for info in sessions.for_user(get_user_model().objects.get(username="eve"))}
    return shown(client.get(f"{LIST}{query}")) - own


def choose(client, *ids, url=LIST, action="end_selected", **more):
    """Send the form of a list."""
    form = {"action": action, "_selected_action": ids, "index": "0", **more}
    return client.post(url, form, follow=True)


def confirm(client, page, url):
    """Send the form of a confirmation page as it is."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    form = {}
    for name, value in fields:
        form.setdefault(name, []).append(value)
    assert form["confirmed"] == ["yes"]
    return client.post(url, form, follow=True)


def text_of(page) -> str:
    """Return the words of a page, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text))


# --- the list -----------------------------------------------------------------------------------


@where_all_can_be_listed
def test_list_has_all_live_sessions(storage, admin, user, other_user):
    found = {enter(user).session_id, enter(other_user).session_id, enter(cart=1).session_id}
    assert listed(admin) == found


def test_ended_session_is_not_listed(storage, admin, user):
    session = enter(user)
    id = session.session_id
    session.flush()
    assert listed(admin) == set()
    assert listed(admin, f"?q={id}") == set()


@in_a_cache
def test_storage_that_cannot_list_says_to_search(storage, admin, user):
    enter(user)
    page = admin.get(LIST)
    assert shown(page) == set()
    assert "cannot list its sessions" in page.text


@pytest.mark.parametrize("term", ["ada", "AD", "pk", "session"])
def test_search_by_name_user_id_or_session_id(storage, admin, user, other_user, term):
    session = enter(user)
    enter(other_user)
    query = {"pk": str(user.pk), "session": session.session_id}.get(term, term)
    assert listed(admin, f"?q={query}") == {session.session_id}


@pytest.mark.parametrize("term", ["nobody", "%25", "_", "'", "9" * 50, "a" * 15])
def test_search_without_a_match_is_empty(storage, admin, user, term):
    enter(user)
    assert listed(admin, f"?q={term}") == set()


def test_list_of_one_user(storage, admin, user, other_user):
    session = enter(user)
    enter(other_user)
    assert listed(admin, f"?user={user.pk}") == {session.session_id}
    assert listed(admin, "?user=nonsense") == set()
    assert listed(admin, "?user=987654") == set()


@in_the_database
def test_filters_by_sign_in_and_activity(storage, admin, clock, user):
    old = enter(user)
    clock.move(days=2)
    recent, anonymous = enter(user), enter(cart=1)
    ids = {"old": old.session_id, "recent": recent.session_id, "anonymous": anonymous.session_id}

    def kept(query):
        found = listed(admin, query)
        return {name for name, id in ids.items() if id in found}

    assert kept("?signed_in=yes") == {"old", "recent"}
    assert kept("?signed_in=no") == {"anonymous"}
    assert kept("?used=hour") == {"recent", "anonymous"}
    assert kept("?used=week") == set(ids)
    assert kept("?used=not-day") == {"old"}
    assert kept("?used=not-week") == set()
    assert kept("?signed_in=yes&used=hour") == {"recent"}
    assert kept("?signed_in=x") == kept("?used=x") == set(ids)


def test_session_over_by_todays_limits_is_not_listed(storage, admin, clock, limits, user):
    session = enter(user)
    clock.move(minutes=6)
    limits(absolute=300)
    # The member of staff, too, has signed in too long ago.
    admin.force_login(get_user_model().objects.get(username="eve"))
    assert listed(admin, "?q=ada") == set()
    assert admin.get(page_of(session)).status_code == 302


def test_list_names_user_device_and_address(storage, admin, user):
    enter(user, agent=SAFARI, ip="192.0.2.7")
    page = admin.get(f"{LIST}?q=ada").text
    assert "Safari on iPhone" in page
    assert "192.0.2.7" in page
    assert f'<a href="{USERS}{user.pk}/change/">ada</a>' in page


def test_own_session_is_marked(storage, admin, user):
    enter(user)
    assert "(this session)" not in admin.get(f"{LIST}?q=ada").text
    assert "(this session)" in admin.get(f"{LIST}?q=eve").text


def test_session_of_a_deleted_user_says_so(storage, admin, user):
    enter(user)
    pk = user.pk
    get_user_model().objects.filter(pk=pk)._raw_delete("default")
    assert f"deleted user {pk}" in admin.get(f"{LIST}?user={pk}").text


def test_last_use_is_in_the_language_of_staff(storage, admin, clock, user):
    enter(user)
    clock.move(minutes=2)
    with translation.override("de"):
        assert "vor 2\xa0Minuten" in admin.get(f"{LIST}?q=ada").text


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Live sessions"), ("de", "Aktive Sitzungen")]
)
def test_title_reads_well(admin, language, title):
    with translation.override(language):
        assert f"<h1>{title}</h1>" in admin.get(LIST).text


@in_the_database
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["By last use", "In the last 24 hours", "Not in the last 7 days"]),
        (
            "de",
            ["Nach letzter Benutzung", "In den letzten 24 Stunden", "Nicht in den letzten 7 Tagen"],
        ),
    ],
)
def test_filters_read_well(storage, admin, user, language, words):
    enter(user)
    with translation.override(language):
        page = text_of(admin.get(LIST))
    assert [each for each in words if each not in page] == []


@in_memory
def test_app_and_list_have_different_names(storage, admin):
    crumbs = re.search(r'class="breadcrumbs">(.*?)</(?:ol|div)>', admin.get(LIST).text, re.DOTALL)[
        1
    ]
    names = re.findall(r"(?<=>)\s*([\w -]+?)\s*(?=<)|; (\w+)", crumbs)
    assert [first or second for first, second in names] == [
        "Home",
        "Sign-ins and sessions",
        "Sessions",
    ]


@where_all_can_be_listed
def test_most_recently_used_come_first(storage, admin, clock, user):
    ids = []
    for _ in range(3):
        ids.append(enter(user).session_id)
        clock.move(minutes=1)
    page = admin.get(LIST).text
    assert sorted(ids, key=page.index) == ids[::-1]


@pytest.mark.parametrize(
    "query",
    ["data__icontains=x", "id__startswith=a", "user__password__startswith=a", "secret=x", "ip=x"],
)
def test_no_lookup_finds_out_what_is_not_shown(storage, admin, query):
    assert admin.get(f"{LIST}?{query}").status_code == 400


@pytest.mark.parametrize(
    "query", ["q=%00", "p=99", "p=x", "o=1.2.3", "o=-6", "all=", "_popup=1", "e=1"]
)
def test_strange_address_is_no_error(storage, admin, user, query):
    enter(user)
    assert admin.get(f"{LIST}?{query}", follow=True).status_code == 200


@pytest.mark.parametrize("storage", ["memory", "file"], indirect=True)
def test_list_without_a_table_is_bounded_and_says_so(storage, admin, user, monkeypatch):
    monkeypatch.setattr(session_admin, "PAGE", 3)
    for _ in range(5):
        enter(user)
    page = admin.get(LIST)
    assert len(shown(page)) == 3
    assert "not all sessions" in page.text


# --- the page of a session ----------------------------------------------------------------------


def test_page_shows_what_is_known_and_saves_nothing(storage, admin, user):
    session = enter(user, agent=SAFARI, ip="192.0.2.7")
    page = admin.get(page_of(session)).text
    for words in ("Safari on iPhone", SAFARI, "192.0.2.7", session.session_id, ">ada</a>"):
        assert words in page
    assert "password" in page  # how the user has signed in
    assert 'name="_save"' not in page


@pytest.mark.parametrize("id", ["a" * 15, "A" * 15, "x", "_5F" * 30, "/x"])
def test_page_of_an_unknown_session_leads_away(storage, admin, id):
    assert admin.get(f"{LIST}{id}/change/").status_code == 302
    assert admin.get(f"{LIST}{id}/end/").status_code in {302, 404}


def test_nothing_can_be_added_changed_or_deleted(storage, admin, user):
    session = enter(user)
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.get(f"{LIST}{session.session_id}/delete/").status_code == 403
    assert admin.post(page_of(session), {"ip": "192.0.2.9"}).status_code == 403
    assert is_live(session)


@pytest.mark.parametrize("shows_data", [True, False])
def test_no_page_has_a_key_or_a_secret(storage, admin, settings, user, shows_data):
    session = enter(user, note="in the margin", _csrftoken="c" * 32, api_token="t0ps3cret")
    settings.FRONTDESK["ADMIN_SHOWS_DATA"] = shows_data
    session_admin.options.cache_clear()
    pages = [LIST, f"{LIST}?q=ada", page_of(session), end_page_of(session)]
    text = "".join(admin.get(page).text for page in pages)
    record = get_storage().load([session.session_id])[0]
    for secret in (
        session.session_key,
        session.session_key[15:],
        record.secret,
        user.get_session_auth_hash(),
        "c" * 32,
        "t0ps3cret",
    ):
        assert secret not in text
    assert ("in the margin" in text) is shows_data


def record_of(session):
    return get_storage().load([session.session_id])[0]


@in_memory
def test_values_that_take_an_account_over_are_always_hidden(storage, user, monkeypatch):
    from django.views.debug import SafeExceptionReporterFilter

    monkeypatch.setattr(SafeExceptionReporterFilter, "hidden_settings", re.compile("nothing"))
    session = enter(user, _csrftoken="c" * 32, _password_reset_token="d" * 32, note="to be seen")
    text = values_shown(record_of(session))
    assert "to be seen" in text
    for secret in (user.get_session_auth_hash(), "c" * 32, "d" * 32):
        assert secret not in text


class Refusing:
    def loads(self, data):
        raise ValueError(data)


@in_memory
def test_values_that_cannot_be_decoded_say_so(storage, user, settings):
    session = enter(user)
    settings.SESSION_SERIALIZER = "tests.staff.test_admin.Refusing"
    assert values_shown(record_of(session)) == "The data cannot be read."


@in_memory
def test_values_are_text_and_not_html(storage, admin, settings, user):
    session = enter(user, note="<script>alert(1)</script>")
    settings.FRONTDESK["ADMIN_SHOWS_DATA"] = True
    session_admin.options.cache_clear()
    page = admin.get(page_of(session)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# --- ending -------------------------------------------------------------------------------------


def test_button_on_the_page_ends_the_session(storage, admin, user):
    session, other = enter(user), enter(user)
    assert f'href="{end_page_of(session)}"' in admin.get(page_of(session)).text
    page = admin.get(end_page_of(session))
    assert is_live(session)
    done = confirm(admin, page, end_page_of(session))
    assert "1 session was ended." in done.text
    assert (is_live(session), is_live(other)) == (False, True)


def test_confirmation_names_what_ends(storage, admin, user):
    page = admin.get(end_page_of(enter(user, agent=SAFARI, ip="192.0.2.7")))
    words = text_of(page)
    for expected in ("End 1 session?", "ada", "Safari on iPhone", "192.0.2.7", "just now"):
        assert expected in words
    crumbs = re.search(r'class="breadcrumbs">(.*?)</(?:ol|div)>', page.text, re.DOTALL)[1]
    assert f'href="{LIST}"' in crumbs


def test_selected_sessions_end_after_a_confirmation(storage, admin, user, other_user):
    one, two, other = enter(user), enter(other_user), enter(user)
    page = choose(admin, one.session_id, two.session_id)
    assert "End 2 sessions?" in page.text
    assert is_live(one)
    done = confirm(admin, page, LIST)
    assert "2 sessions were ended." in done.text
    assert [is_live(each) for each in (one, two, other)] == [False, False, True]


def test_confirmation_names_a_few_of_many_and_ends_all(storage, admin, user):
    many = [enter(user) for _ in range(25)]
    page = choose(admin, *(each.session_id for each in many))
    assert "End 25 sessions?" in page.text
    assert "and 5 more" in page.text
    confirm(admin, page, LIST)
    assert not any(map(is_live, many))


@in_the_database
def test_all_that_the_list_shows_can_be_ended(storage, admin, user, other_user, monkeypatch):
    monkeypatch.setattr(operations, "BATCH", 2)
    many, other = [enter(user) for _ in range(5)], enter(other_user)
    page = choose(admin, many[0].session_id, url=f"{LIST}?q=ada", select_across="1")
    assert "End 5 sessions?" in page.text
    done = confirm(admin, page, f"{LIST}?q=ada")
    assert "5 sessions were ended." in done.text
    assert not any(map(is_live, many))
    assert is_live(other)


def test_end_is_in_the_log_of_the_admin(storage, admin, user):
    session = enter(user)
    confirm(admin, admin.get(end_page_of(session)), end_page_of(session))
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("eve", session.session_id)
    assert entry.is_deletion()


def test_session_that_has_ended_before_is_not_counted(storage, admin, user):
    session = enter(user)
    page = admin.get(end_page_of(session))
    session.flush()
    assert "No session was ended" in confirm(admin, page, end_page_of(session)).text
    assert not LogEntry.objects.exists()


def test_nonsense_ends_nothing(storage, admin, user):
    session = enter(user)
    for id in ("x", "a" * 15, session.session_key, "", "\0"):
        assert choose(admin, id, confirmed="yes").status_code == 200
    assert is_live(session)


def test_ending_ones_own_session_signs_out(storage, admin):
    (own,) = sessions.for_user(get_user_model().objects.get(username="eve"))
    page = admin.get(f"{LIST}{own.id}/end/")
    confirm(admin, page, f"{LIST}{own.id}/end/")
    assert admin.get("/admin/").status_code == 302


def test_end_by_staff_is_reported_with_its_reason(storage, admin, user, ends):
    session = enter(user)
    page = admin.get(end_page_of(session))
    with ends() as found:
        confirm(admin, page, end_page_of(session))
    assert found == [(session.session_id, str(user.pk), Reason.REVOKED_BY_STAFF)]


# --- the admin of users -------------------------------------------------------------------------


def test_user_page_links_to_the_sessions_of_the_user(storage, admin, user):
    enter(user)
    enter(user)
    page = admin.get(f"{USERS}{user.pk}/change/").text
    assert f'<a href="{LIST}?user={user.pk}">2 sessions</a>' in page


def test_user_page_leads_to_ending_all_sessions(storage, admin, user, other_user):
    one, two, other = enter(user), enter(user), enter(other_user)
    url = f"{LIST}user/{user.pk}/end/"
    assert f'href="{url}"' in admin.get(f"{USERS}{user.pk}/change/").text
    page = admin.get(url)
    assert "End 2 sessions?" in page.text
    confirm(admin, page, url)
    assert [is_live(each) for each in (one, two, other)] == [False, False, True]


@in_memory
def test_user_without_sessions_offers_nothing_to_end(storage, admin, user):
    page = admin.get(f"{USERS}{user.pk}/change/").text
    assert ">0 sessions</a>" in page
    assert "End all sessions" not in page


@in_memory
def test_user_page_can_still_be_saved(storage, admin, user):
    page = admin.get(f"{USERS}{user.pk}/change/")
    form = page.context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value not in (None, [])}
    data |= {"first_name": "Augusta", "date_joined_0": "2026-05-01", "date_joined_1": "12:00"}
    admin.post(f"{USERS}{user.pk}/change/", data)
    user.refresh_from_db()
    assert user.first_name == "Augusta"


@in_memory
def test_page_for_a_new_user_has_no_sessions(storage, admin):
    assert "live sessions" not in admin.get(f"{USERS}add/").text.lower()


def test_all_sessions_of_selected_users_end(storage, admin, user, other_user):
    one, two, other = enter(user), enter(user), enter(other_user)
    page = choose(admin, user.pk, url=USERS, action="end_all_sessions")
    assert "End all sessions of 1 user?" in page.text
    assert "<li><bdi>ada</bdi></li>" in page.text
    assert is_live(one)
    done = confirm(admin, page, USERS)
    assert "2 sessions were ended." in done.text
    assert [is_live(each) for each in (one, two, other)] == [False, False, True]
    assert LogEntry.objects.get().object_id == str(user.pk)


# --- permissions --------------------------------------------------------------------------------

ALLOWED = {
    (): (403, False),
    ("view_session",): (200, False),
    ("end_session",): (403, False),
    ("view_session", "end_session"): (200, True),
    ("view_user", "change_user"): (403, False),
}


@in_memory
@pytest.mark.parametrize(("permissions", "allowed"), ALLOWED.items(), ids=str)
def test_view_and_end_are_separate_permissions(storage, staff, user, permissions, allowed):
    client, session = staff(*permissions), enter(user)
    sees, ends = allowed
    assert client.get(f"{LIST}?q=ada").status_code == sees
    assert client.get(page_of(session)).status_code == sees
    assert client.get(end_page_of(session)).status_code == (200 if ends else 403)
    assert (end_page_of(session) in client.get(page_of(session)).text) is ends
    choose(client, session.session_id, confirmed="yes")
    assert is_live(session) is not ends


@in_memory
@pytest.mark.parametrize("url", ["{id}/end/", "user/{user}/end/"])
def test_end_page_without_the_permission_is_forbidden(storage, staff, user, url):
    client, session = staff("view_session", "view_user"), enter(user)
    address = LIST + url.format(id=session.session_id, user=user.pk)
    assert client.post(address, {"confirmed": "yes"}).status_code == 403
    assert is_live(session)


USER_PERMISSIONS = {
    ("view_user",): (False, False),
    ("view_user", "view_session"): (True, False),
    ("view_user", "end_session"): (False, False),
    ("view_user", "view_session", "end_session"): (True, True),
    ("change_user",): (False, False),
}


@in_memory
@pytest.mark.parametrize(("permissions", "allowed"), USER_PERMISSIONS.items(), ids=str)
def test_user_pages_ask_for_the_same_permissions(storage, staff, user, permissions, allowed):
    client, session = staff(*permissions), enter(user)
    sees, ends = allowed
    page = client.get(f"{USERS}{user.pk}/change/").text
    assert ("?user=" in page) is sees
    assert ("End all sessions" in page) is ends
    choose(client, user.pk, url=USERS, action="end_all_sessions", confirmed="yes")
    assert is_live(session) is not ends


@in_memory
@pytest.mark.parametrize("permissions", [("view_user",), ("view_user", "view_session")], ids=str)
@pytest.mark.parametrize(
    "fieldsets",
    [None, [(None, {"fields": ["username", ("email", "live_sessions"), ("live_sessions",)]})]],
    ids=["none", "own"],
)
def test_mixin_fits_admins_with_other_fieldsets(storage, rf, staff, user, permissions, fieldsets):
    class Plain(SessionsUserAdminMixin, django_admin.ModelAdmin):
        exclude = ["password"]

    Plain.fieldsets = fieldsets
    staff(*permissions)
    site = django_admin.AdminSite()
    site.register(Session, SessionAdmin)
    site.register(get_user_model(), Plain)
    request = rf.get("/")
    request.user = get_user_model().objects.get(username="eve")
    enter(user)
    page = site.get_model_admin(get_user_model()).change_view(request, str(user.pk)).render().text
    assert ("1 session" in page) is ("view_session" in permissions)
    assert ("live sessions" in page.lower()) is ("view_session" in permissions)


@in_memory
def test_user_who_is_not_staff_sees_nothing(storage, client, user):
    session = enter(user)
    client.force_login(user)
    for url in (LIST, page_of(session), end_page_of(session)):
        assert client.get(url).status_code == 302


@in_memory
def test_no_link_to_users_whom_staff_may_not_see(storage, staff, user):
    client = staff("view_session")
    enter(user)
    page = client.get(f"{LIST}?q=ada").text
    assert "ada" in page
    assert USERS not in page


# --- outages and costs --------------------------------------------------------------------------


def test_page_without_an_answer_of_the_storage_is_503(flaky, staff, user):
    client = staff(superuser=True)
    session = enter(user)
    page = client.get(end_page_of(session))
    flaky.down.add("swap")
    form = {"confirmed": "yes"}
    assert page.status_code == 200
    assert client.post(end_page_of(session), form).status_code == 503
    flaky.down.add("ids_of")
    assert client.get(f"{LIST}?q=ada").status_code == 503
    assert client.get(f"{USERS}{user.pk}/change/").status_code == 503
    flaky.down.clear()
    assert is_live(session)


@in_the_database
@pytest.mark.parametrize("query", ["", "?q=a", "?signed_in=yes&used=hour"])
def test_list_of_100_takes_no_more_queries_than_of_one(storage, admin, user, other_user, query):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            page = admin.get(f"{LIST}{query}")
        return len(shown(page)), len(seen)

    get_user_model().objects.filter(pk=other_user.pk).update(username="bab")
    enter(user)
    queries()
    few, before = queries()
    for number in range(98):
        enter(user if number % 2 else other_user)
    many, after = queries()
    assert many - few == 98
    # The session with its user, the count, the page, the names; a search is one more.
    assert before == after == (5 if "q=" in query else 4)


@in_the_database
def test_list_does_not_read_values_or_secrets(storage, admin, user):
    enter(user, note="x" * 1000)
    with CaptureQueriesContext(connection) as seen:
        admin.get(LIST)
    (page,) = [query["sql"] for query in seen if "ORDER BY" in query["sql"]]
    assert '"data"' not in page
    assert '"secret"' not in page


# --- the admin site of a project ----------------------------------------------------------------


@in_memory
def test_actions_of_the_whole_site_are_not_offered(storage, admin, user):
    def export_as_csv(modeladmin, request, queryset):
        raise AssertionError

    django_admin.site.add_action(export_as_csv)
    try:
        enter(user)
        assert "export_as_csv" not in admin.get(f"{LIST}?q=ada").text
        assert "export_as_csv" in admin.get(USERS).text
    finally:
        django_admin.site.disable_action("export_as_csv")


def site_with(*admins):
    site = django_admin.AdminSite()
    for each in admins:
        site.register(get_user_model(), each)
    return site


def test_admin_of_users_is_extended_if_it_is_djangos():
    site = site_with(DjangoUserAdmin)
    extend_django_user_admin(site)
    assert type(site.get_model_admin(get_user_model())) is UserAdmin


def test_admin_of_users_of_the_project_is_left_alone():
    class Own(DjangoUserAdmin):
        pass

    site = site_with(Own)
    extend_django_user_admin(site)
    assert type(site.get_model_admin(get_user_model())) is Own


def test_site_without_an_admin_of_users_stays_without():
    site = site_with()
    extend_django_user_admin(site)
    assert not site.is_registered(get_user_model())


def test_mixin_keeps_the_actions_of_the_project():
    class Own(SessionsUserAdminMixin, DjangoUserAdmin):
        actions = ["greet"]

        @django_admin.action
        def greet(self, request, queryset):
            pass

    model_admin = site_with(Own).get_model_admin(get_user_model())
    assert model_admin.actions == ["greet", "end_all_sessions"]
    assert model_admin.check() == []


def test_admins_pass_djangos_checks():
    for model in (get_user_model(), Session):
        assert django_admin.site.get_model_admin(model).check() == []
