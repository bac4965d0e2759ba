"""The throttle in the admin and in ``manage.py frontdesk throttle``."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse
from django.utils import translation

from frontdesk.models import Throttle
from frontdesk.signin import throttle
from frontdesk.storages.outage import Outage
from tests.staff.conftest import frontdesk

pytestmark = pytest.mark.django_db

LIST = "/admin/frontdesk/throttle/"


@pytest.fixture(autouse=True)
def _throttled(_site, settings, monkeypatch):
    monkeypatch.setattr(throttle, "outage", Outage("The sign-in throttle", ""))
    settings.AUTHENTICATION_BACKENDS = [
        "frontdesk.backends.ThrottleBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]


@pytest.fixture
def failures(db):
    """Ten passwords for ada, so that she is refused, and two for bob, from two networks."""
    for name, times, ip in (("ada", 10, "203.0.113.7"), ("bob", 2, "198.51.100.7")):
        for _ in range(times):
            form = {"username": name, "password": "wrong"}
            Client().post("/login/", form, REMOTE_ADDR=ip)


def cells(page):
    body = page.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


@pytest.mark.parametrize(
    ("bucket", "name"),
    [
        (f"device:{'9ad83e47' * 3}:{'5c0f1a2b' * 8}", "device:9ad83e47:5c0f1a2b"),
        (f"network:{'5c0f1a2b' * 8}", "network:5c0f1a2b"),
        ("network:2001:db8:85a3:8d3::/64", "network:2001:db8:85a3:8d3::/64"),
    ],
)
def test_a_count_has_a_name_that_fits_a_heading(bucket, name):
    assert str(Throttle(bucket=bucket)) == name


# --- the command ----------------------------------------------------------------------------------


def test_list_shows_what_counts_and_what_is_refused(failures):
    result = frontdesk("throttle", "list")
    assert result.code == 0
    lines = result.out.splitlines()
    assert len(lines) == 5
    assert re.search(r"Account, on other devices +[0-9a-f]{8} +10/10 +refused", result.out)
    assert re.search(r"Network +203\.0\.113\.0/24 +10/100 +counting", result.out)
    assert result.err.strip() == "4 counts"


def test_list_never_shows_a_name(failures):
    assert "ada" not in frontdesk("throttle", "list").out


def test_list_of_one_user_or_network(failures):
    (found,) = frontdesk("throttle", "list", "--username", "Ada", "--json").json
    assert found["attempts"] == 10
    (found,) = frontdesk("throttle", "list", "--network", "203.0.113.99", "--json").json
    assert (found["kind"], found["which"]) == ("network", "203.0.113.0/24")
    assert (found["limit"], found["refused"]) == (100, False)


def test_list_is_limited(failures):
    result = frontdesk("throttle", "list", "--limit", "1")
    assert len(result.out.splitlines()) == 2
    assert result.err.strip() == "4 counts"


def test_clearing_a_user_lets_the_user_in(failures):
    from tests.fixtures import PASSWORD, create

    create("ada")
    form = {"username": "ada", "password": PASSWORD}
    assert Client().post("/login/", form).status_code == 200
    result = frontdesk("throttle", "clear", "--username", "ada")
    assert (result.code, result.out.strip()) == (0, "1 count cleared.")
    assert Client().post("/login/", form).status_code == 302


def test_clearing_a_network(failures):
    assert (
        frontdesk("throttle", "clear", "--network", "203.0.113.0/24").out.strip()
        == "1 count cleared."
    )
    assert not Throttle.objects.filter(pk="network:203.0.113.0/24").exists()


def test_clearing_all(failures):
    assert frontdesk("throttle", "clear", "--all", "--json").json == [{"cleared": 4}]
    assert Throttle.objects.count() == 0


@pytest.mark.parametrize("text", ["x", "", "203.0.113"])
def test_what_is_no_address_is_an_error(text):
    result = frontdesk("throttle", "clear", "--network", text)
    assert (result.code, "is not an address" in result.err) == (1, True)


def test_the_command_speaks_english_in_every_language(failures):
    with translation.override("de"):
        result = frontdesk("throttle", "list")
    assert "Account, on other devices" in result.out
    assert "refused" in result.out


# --- the admin ------------------------------------------------------------------------------------


def test_the_admin_lists_what_is_refused(failures, admin):
    rows = cells(admin.get(LIST))
    assert len(rows) == 4
    assert any("Account, on other devices" in row and "10/10 refused" in row for row in rows)
    assert any("203.0.113.0/24 10/100 counting" in row for row in rows)


def test_the_admin_lists_nothing_of_a_user_who_signed_in_at_once(admin):
    Client().post("/login/", {"username": "eve", "password": "x"})
    assert Throttle.objects.exists()
    assert cells(admin.get(LIST)) == []


@pytest.mark.parametrize(("term", "attempts"), [("ada", "10/10"), ("198.51.100.1", "2/100")])
def test_the_admin_finds_a_name_and_a_network(failures, admin, term, attempts):
    (row,) = cells(admin.get(LIST, {"q": term}))
    assert attempts in row


def test_the_admin_finds_nothing_by_a_part_of_a_name(failures, admin):
    assert cells(admin.get(LIST, {"q": "ad"})) == []


def test_the_admin_clears_what_is_selected(failures, admin):
    page = admin.get(LIST, {"q": "ada"})
    assert "Clear selected counts" in page.content.decode()
    (row,) = Throttle.objects.filter(attempts=10, pk__startswith="account:")
    sent = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    assert admin.post(LIST, sent).status_code == 302
    assert not Throttle.objects.filter(pk=row.pk).exists()
    assert LogEntry.objects.count() == 1


def test_each_row_has_a_page_that_changes_nothing(failures, admin):
    row = Throttle.objects.filter(pk__startswith="account:").first()
    url = reverse("admin:frontdesk_throttle_change", args=[quote(row.pk)])
    page = admin.get(url).content.decode()
    assert "Account, on other devices" in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize(
    ("permissions", "status", "clears"),
    [
        ([], 403, False),
        (["view_throttle"], 200, False),
        (["view_throttle", "delete_throttle"], 200, True),
    ],
)
def test_permissions(failures, staff, permissions, status, clears):
    page = staff(*permissions).get(LIST)
    assert page.status_code == status
    assert ("Clear selected counts" in page.content.decode()) == clears


def test_the_list_costs_the_same_for_many_rows(failures, admin, django_assert_num_queries):
    for number in range(30):
        Client().post("/login/", {"username": f"name{number}", "password": "wrong"})
    with django_assert_num_queries(3):
        assert len(cells(admin.get(LIST))) == 35
