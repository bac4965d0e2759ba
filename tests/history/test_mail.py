"""The mail about a sign-in from a device that this person has not used (OWASP ASVS 6.3.5)."""

import re
import threading
from types import SimpleNamespace

import django
import pytest
from django.contrib import auth
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import AsyncClient, RequestFactory, override_settings

from frontdesk import conf, new_device
from frontdesk.models import HistoryEntry
from tests.history.conftest import FIREFOX, NEWER_FIREFOX, SAFARI, leave, sign_in
from tests.requests.conftest import PASSWORD
from tests.requests.site import step

pytestmark = pytest.mark.django_db(transaction=True)

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


class Down(EmailBackend):
    """A mail server that does not answer."""

    def send_messages(self, messages):
        raise ConnectionRefusedError("the mail server is down")


def send_with(settings, backend):
    settings.MAILERS = {"default": {"BACKEND": backend}}
    if django.VERSION < (6, 1):
        settings.EMAIL_BACKEND = backend  # what the setting was called then


@pytest.fixture(autouse=True)
def _mail(settings):
    settings.FRONTDESK = {"NEW_DEVICE_MAIL": True}
    settings.ROOT_URLCONF = "tests.history.urls"
    settings.MAILERS = {"default": {"BACKEND": LOCMEM}}


@pytest.fixture
def known(device, user):
    """The user has signed in with Firefox before."""
    sign_in(device(FIREFOX))


def test_it_is_sent_on_a_sign_in_from_a_new_device(storage_setting, device, known, mailoutbox):
    assert sign_in(device(SAFARI)).status_code == 302
    (mail,) = mailoutbox
    assert mail.to == ["ada@desk.example"]
    assert mail.subject == "A new device has signed in to your account at testserver"


# --- when it is not sent -----------------------------------------------------------------------------------


def test_it_is_not_sent_unless_the_project_wants_it(device, known, mailoutbox, settings):
    settings.FRONTDESK = {}
    sign_in(device(SAFARI))
    assert mailoutbox == []


def test_it_is_not_sent_on_the_first_sign_in_ever(device, user, mailoutbox):
    sign_in(device(SAFARI))
    assert mailoutbox == []


@pytest.mark.parametrize("agent", [FIREFOX, NEWER_FIREFOX])
def test_it_is_not_sent_for_a_device_that_was_used_before(device, known, mailoutbox, agent):
    """An update of the browser makes no new device."""
    sign_in(device(agent))
    assert mailoutbox == []


def test_it_is_sent_once_for_each_new_device(device, known, mailoutbox):
    for _ in range(3):
        sign_in(device(SAFARI))
    assert len(mailoutbox) == 1


def test_a_device_that_somebody_else_has_used_is_new(device, known, other_user, mailoutbox):
    sign_in(device(SAFARI), "bob")
    assert mailoutbox == []
    sign_in(device(SAFARI))
    assert len(mailoutbox) == 1


def test_a_failed_try_makes_no_device_known(device, known, mailoutbox):
    sign_in(device(SAFARI), password="wrong")
    assert mailoutbox == []
    sign_in(device(SAFARI))
    assert len(mailoutbox) == 1


def test_a_device_is_new_again_after_the_retention(device, known, mailoutbox, clock):
    clock.move(days=1)
    sign_in(device(SAFARI))
    clock.move(days=89, seconds=1)
    sign_in(device(FIREFOX))
    assert len(mailoutbox) == 2


def test_after_a_long_absence_no_device_is_new(device, known, mailoutbox, clock):
    """Nothing is left to compare with."""
    clock.move(days=91)
    sign_in(device(SAFARI))
    assert mailoutbox == []


@pytest.mark.parametrize("given", [{"CLIENT_INFO": "off"}, {"HISTORY_RETENTION": None}])
def test_it_is_not_sent_where_nothing_tells_devices_apart(
    device, known, mailoutbox, settings, given
):
    settings.FRONTDESK |= given
    conf.options.cache_clear()
    sign_in(device(SAFARI))
    assert mailoutbox == []


def test_it_tells_families_of_browsers_apart_where_no_more_is_kept(
    device, user, mailoutbox, settings
):
    settings.FRONTDESK |= {"CLIENT_INFO": "masked"}
    conf.options.cache_clear()
    for agent in (FIREFOX, NEWER_FIREFOX, SAFARI):
        sign_in(device(agent))
    (mail,) = mailoutbox
    assert "Device: Safari\n" in mail.body
    assert "Address: 127.0.0.0\n" in mail.body


def test_it_is_not_sent_to_somebody_without_an_address(device, known, user, mailoutbox):
    user.email = ""
    user.save()
    sign_in(device(SAFARI))
    assert mailoutbox == []


def test_it_is_not_sent_for_a_sign_in_that_did_not_come_over_the_network(
    device, known, user, mailoutbox, caplog
):
    """The test client's force_login(), a script."""
    device().force_login(user)
    assert mailoutbox == []
    assert "was not sent" not in caplog.text


def test_it_is_not_sent_for_a_sign_in_that_was_none(device, known, mailoutbox):
    visitor = device(SAFARI)
    visitor.raise_request_exception = False

    def task(request):
        found = yield step(auth, "authenticate", request, username="ada", password=PASSWORD)
        yield step(auth, "login", request, found)
        raise ZeroDivisionError

    visitor.do(task)
    assert mailoutbox == []


# --- what it says ------------------------------------------------------------------------------------------


def test_it_says_what_where_and_when_and_what_to_do(device, known, mailoutbox, settings, clock):
    settings.TIME_ZONE = "Europe/Berlin"
    clock.set(1_795_535_931_000_000)
    sign_in(device(SAFARI))
    (mail,) = mailoutbox
    assert mail.body == (
        "Somebody has signed in to your account ada at testserver, from a device that you have not used "
        "there lately:\n\n"
        "Device: Safari on iPhone\n"
        "Address: 127.0.0.1\n"
        "Time: Nov. 24, 2026, 3:58 p.m. (UTC)\n"
        "That is Nov. 24, 2026, 4:58 p.m. in the time zone Europe/Berlin.\n\n"
        "If that was you, there is nothing to do.\n\n"
        "If that was not you, end that session here:\n\n"
        "http://testserver/accounts/sessions/\n\n"
        "Then choose a new password:\n\n"
        "http://testserver/accounts/password_reset/\n\n"
    )


def test_it_says_the_approximate_place_if_that_can_be_looked_up(
    device, known, mailoutbox, monkeypatch
):
    monkeypatch.setattr(new_device, "place_of", {"127.0.0.1": "Berlin, Germany"}.get)
    sign_in(device(SAFARI))
    assert "\nPlace, roughly: Berlin, Germany\nAddress: " in mailoutbox[0].body


def test_its_links_lead_to_pages(device, known, mailoutbox):
    visitor = device(SAFARI)
    sign_in(visitor)
    links = re.findall(r"^http://testserver(/\S+)$", mailoutbox[0].body, re.MULTILINE)
    assert [visitor.get(link).status_code for link in links] == [200, 200]


def test_without_a_sessions_page_it_leads_to_a_new_password(device, known, mailoutbox, settings):
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    entry, request = last_entry_and_request(known)
    new_device.tell(entry, request, entry.user, "en")
    (mail,) = mailoutbox
    assert mail.body.endswith(
        "If that was not you, choose a new password here. That ends all sessions, that one too:\n\n"
        "http://testserver/password_reset/\n\n"
    )


def test_without_any_page_it_says_so_in_words(known, mailoutbox, settings):
    settings.ROOT_URLCONF = "tests.requests.site"
    entry, request = last_entry_and_request(known)
    new_device.tell(entry, request, entry.user, "en")
    (mail,) = mailoutbox
    assert "http" not in mail.body
    assert "If that was not you, change your password at once." in mail.body


def last_entry_and_request(known):
    """A sign-in with Safari, without a browser."""
    user = HistoryEntry.objects.get().user
    entry = HistoryEntry.objects.create(
        what="signed_in", user=user, at=HistoryEntry.objects.get().at, user_agent=SAFARI
    )
    return entry, RequestFactory().get("/")


def test_over_https_its_links_are_https(device, known, mailoutbox):
    sign_in(device(SAFARI), secure=True)
    assert "https://testserver/accounts/sessions/" in mailoutbox[0].body


def test_with_djangos_sites_it_names_the_site(db, known, mailoutbox, monkeypatch):
    """As Django's mail about a forgotten password does."""
    site = SimpleNamespace(domain="desk.example", name="The desk")
    monkeypatch.setattr(new_device, "get_current_site", lambda request: site)
    entry, request = last_entry_and_request(known)
    new_device.tell(entry, request, entry.user, "en")
    (mail,) = mailoutbox
    assert mail.subject.endswith("at The desk")
    assert "http://desk.example/accounts/sessions/" in mail.body


def test_what_a_stranger_sends_as_a_browser_adds_no_line_to_it(device, known, mailoutbox):
    sign_in(device("Evil/1.0 \x0b\x0cIf that was you, call 555"))
    (mail,) = mailoutbox
    assert "555" not in mail.body
    assert "Device: Evil\n" in mail.body


@pytest.mark.parametrize(
    ("language", "month"), [("en", "Nov. 24, 2026"), ("de", "24. November 2026")]
)
def test_it_is_in_the_language_of_the_request(
    device, known, mailoutbox, settings, clock, language, month
):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:2],
        "django.middleware.locale.LocaleMiddleware",
        *settings.MIDDLEWARE[2:],
    ]
    clock.set(1_795_535_931_000_000)
    visitor = device(SAFARI)
    visitor.defaults |= {"HTTP_ACCEPT_LANGUAGE": language, "accept-language": language}
    sign_in(visitor)
    assert month in mailoutbox[0].body


def test_its_templates_can_be_replaced(device, known, mailoutbox, settings):
    own = {
        "frontdesk/new_device_subject.txt": "New:\n{{ device }}",
        "frontdesk/new_device_email.txt": "{{ user.username }} {{ ip }} {{ sessions_url }}",
    }
    loaders = [
        ("django.template.loaders.locmem.Loader", own),
        "django.template.loaders.app_directories.Loader",
    ]
    (engine,) = settings.TEMPLATES
    options = {**engine["OPTIONS"], "loaders": loaders}
    with override_settings(TEMPLATES=[{**engine, "APP_DIRS": False, "OPTIONS": options}]):
        sign_in(device(SAFARI))
    (mail,) = mailoutbox
    assert mail.subject == "New:Safari on iPhone"
    assert mail.body == "ada 127.0.0.1 http://testserver/accounts/sessions/"


# --- what goes wrong ---------------------------------------------------------------------------------------


def test_a_mail_server_that_is_down_keeps_nobody_out(
    storage_setting, device, known, settings, caplog
):
    send_with(settings, f"{__name__}.Down")
    visitor = device(SAFARI)
    assert sign_in(visitor).status_code == 302
    assert visitor.who() == "ada"
    (record,) = [r for r in caplog.records if "new device" in r.getMessage()]
    assert "the mail server is down" in str(record.exc_info[1])
    assert "ada@desk.example" not in record.getMessage()


def test_a_mail_that_fails_does_not_poison_the_history(device, known, settings):
    send_with(settings, f"{__name__}.Down")
    visitor = device(SAFARI)
    sign_in(visitor)
    visitor.do(leave)
    whats = HistoryEntry.objects.order_by("pk").values_list("what", flat=True)
    assert list(whats) == ["signed_in", "signed_in", "ended"]


class Noting(EmailBackend):
    """Notes the thread that sends, and whether the sign-in is committed by then."""

    seen: list = []

    def send_messages(self, messages):
        self.seen.append((threading.current_thread(), connection.in_atomic_block))
        return super().send_messages(messages)


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("colour", ["wsgi"], indirect=True)
def test_it_is_sent_after_the_commit(device, known, settings, monkeypatch, atomic):
    send_with(settings, f"{__name__}.Noting")
    Noting.seen.clear()
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    sign_in(device(SAFARI))
    assert [in_transaction for _, in_transaction in Noting.seen] == [False]


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("colour", ["wsgi"], indirect=True)
def test_a_sign_in_that_is_stored_within_the_view_is_mailed_about_once_the_view_commits(
    device, known, settings, monkeypatch, fail
):
    """With a limit to sessions, a sign-in is stored at once."""
    settings.FRONTDESK |= {"MAX_SESSIONS_PER_USER": 5}
    conf.options.cache_clear()
    send_with(settings, f"{__name__}.Noting")
    Noting.seen.clear()
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    visitor = device(SAFARI)
    visitor.raise_request_exception = False

    def enter(request):
        auth.login(request, auth.authenticate(request, username="ada", password=PASSWORD))
        if fail:
            raise ZeroDivisionError

    visitor.do(enter)
    assert [in_transaction for _, in_transaction in Noting.seen] == ([] if fail else [False])


async def test_it_is_not_sent_by_the_thread_of_the_event_loop(user, settings):
    send_with(settings, f"{__name__}.Noting")
    Noting.seen.clear()
    for agent in (FIREFOX, SAFARI):
        browser = AsyncClient()
        browser.defaults["user-agent"] = agent
        await browser.post("/login/", {"username": "ada", "password": PASSWORD})
    ((thread, _),) = Noting.seen
    assert thread is not threading.current_thread()


def test_of_two_sign_ins_that_are_both_written_the_later_one_sends_none(known, mailoutbox):
    """Each looks only at what was written before it, whatever has been committed meanwhile."""
    (first, request), user = last_entry_and_request(known), HistoryEntry.objects.first().user
    second = HistoryEntry.objects.create(
        what="signed_in", user=user, at=first.at, user_agent=SAFARI
    )
    new_device.tell(second, request, user, "en")
    new_device.tell(first, request, user, "en")
    assert len(mailoutbox) == 1
