"""The mail about a sign-in from a device that the user has not used before (OWASP ASVS 6.3.5)."""

import re
import threading
from types import SimpleNamespace

import django
import pytest
from django.contrib import auth
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, transaction
from django.test import AsyncClient, RequestFactory, override_settings

from frontdesk.core import clock as time
from frontdesk.history import mail
from frontdesk.models import HistoryEntry
from tests.fixtures import PASSWORD, sign_out
from tests.history.conftest import FIREFOX, NEWER_FIREFOX, SAFARI, log_in
from tests.requests.site import step

pytestmark = pytest.mark.django_db(transaction=True)

sync_only = pytest.mark.parametrize("mode", ["sync"], indirect=True)

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


class Down(EmailBackend):
    """A mail server that does not answer."""

    def send_messages(self, messages):
        raise ConnectionRefusedError("the mail server is down")


class Noting(EmailBackend):
    """Notes which thread sends, and whether the sign-in is committed by then."""

    seen: list = []

    def send_messages(self, messages):
        self.seen.append((threading.current_thread(), connection.in_atomic_block))
        return super().send_messages(messages)


def send_with(settings, backend):
    settings.MAILERS = {"default": {"BACKEND": backend}}
    if django.VERSION < (6, 1):
        settings.EMAIL_BACKEND = backend  # what the setting was called then
    Noting.seen.clear()


@pytest.fixture(autouse=True)
def _mail(_site, settings, set_options):
    set_options(NEW_DEVICE_MAIL=True)
    settings.ROOT_URLCONF = "tests.history.urls"
    settings.MAILERS = {"default": {"BACKEND": LOCMEM}}


@pytest.fixture
def known(device, user):
    """The user has signed in with Firefox before."""
    log_in(device(FIREFOX))
    return user


@pytest.fixture
def tell(known):
    """Tell ``user`` about a sign-in with Safari, without a browser."""

    def sign_in_and_tell():
        at = HistoryEntry.objects.get().at
        entry = HistoryEntry.objects.create(what="signed_in", user=known, at=at, user_agent=SAFARI)
        mail.tell(entry, RequestFactory().get("/"), known, "en")

    return sign_in_and_tell


def test_it_is_sent_on_a_sign_in_from_a_new_device(device, known, mailoutbox):
    assert log_in(device(SAFARI)).status_code == 302
    (sent,) = mailoutbox
    assert sent.to == ["ada@example.com"]
    assert "testserver" in sent.subject


@sync_only
@pytest.mark.parametrize("language", ["ar", "he"])
def test_from_right_to_left_device_and_address_keep_their_order(known, mailoutbox, language):
    """A mail is plain text, so marks do what ``<bdi>`` does on a page (Unicode UAX #9)."""
    at = HistoryEntry.objects.get().at
    facts = {"user_agent": SAFARI, "ip": "2001:db8::1"}
    entry = HistoryEntry.objects.create(what="signed_in", user=known, at=at, **facts)
    mail.tell(entry, RequestFactory().get("/"), known, language)
    (sent,) = mailoutbox
    assert re.search("^[^A-Za-z]+: \u200fSafari .*iPhone$", sent.body, re.MULTILINE)
    assert ": \u20662001:db8::1\u2069\n" in sent.body


# --- when it is not sent --------------------------------------------------------------------------


@sync_only
def test_it_is_sent_only_if_the_project_wants_it(device, known, mailoutbox, set_options):
    set_options(NEW_DEVICE_MAIL=False)
    log_in(device(SAFARI))
    assert mailoutbox == []


@sync_only
def test_it_is_not_sent_on_the_first_sign_in_ever(device, user, mailoutbox):
    log_in(device(SAFARI))
    assert mailoutbox == []


@sync_only
@pytest.mark.parametrize("agent", [FIREFOX, NEWER_FIREFOX])
def test_an_update_of_the_browser_is_no_new_device(device, known, mailoutbox, agent):
    log_in(device(agent))
    assert mailoutbox == []


@sync_only
def test_it_is_sent_once_for_each_new_device(device, known, mailoutbox):
    for _ in range(3):
        log_in(device(SAFARI))
    assert len(mailoutbox) == 1


@sync_only
def test_another_users_device_is_new(device, known, other_user, mailoutbox):
    log_in(device(SAFARI), "bob")
    assert mailoutbox == []
    log_in(device(SAFARI))
    assert len(mailoutbox) == 1


@sync_only
def test_a_failed_attempt_makes_no_device_known(device, known, mailoutbox):
    log_in(device(SAFARI), password="wrong")
    assert mailoutbox == []
    log_in(device(SAFARI))
    assert len(mailoutbox) == 1


@sync_only
def test_a_device_is_new_again_after_the_retention(device, known, mailoutbox, clock):
    clock.move(days=1)
    log_in(device(SAFARI))
    clock.move(days=89, seconds=1)
    log_in(device(FIREFOX))
    assert len(mailoutbox) == 2


@sync_only
def test_after_a_long_absence_no_device_is_new(device, known, mailoutbox, clock):
    """Nothing is left to compare with."""
    clock.move(days=91)
    log_in(device(SAFARI))
    assert mailoutbox == []


@sync_only
@pytest.mark.parametrize("given", [{"CLIENT_INFO": "off"}, {"HISTORY_RETENTION": None}])
def test_it_is_not_sent_where_devices_look_alike(device, known, mailoutbox, set_options, given):
    set_options(**given)
    log_in(device(SAFARI))
    assert mailoutbox == []


@sync_only
def test_families_of_browsers_differ_where_no_more_is_kept(device, user, mailoutbox, set_options):
    set_options(CLIENT_INFO="masked")
    for agent in (FIREFOX, NEWER_FIREFOX, SAFARI):
        log_in(device(agent))
    (sent,) = mailoutbox
    assert "Device: Safari\n" in sent.body
    assert "Address: 127.0.0.0\n" in sent.body


@sync_only
def test_a_user_without_an_address_gets_none(device, known, mailoutbox):
    known.email = ""
    known.save()
    log_in(device(SAFARI))
    assert mailoutbox == []


def test_it_is_not_sent_for_a_sign_in_by_a_program(device, known, mailoutbox, caplog):
    """The test client's force_login(), a script."""
    device().force_login(known)
    assert mailoutbox == []
    assert "was not sent" not in caplog.text


def test_it_is_not_sent_for_a_sign_in_that_is_not_stored(device, known, mailoutbox):
    def task(request):
        found = yield step(auth, "authenticate", request, username="ada", password=PASSWORD)
        yield step(auth, "login", request, found)
        raise ZeroDivisionError

    device(SAFARI, raise_request_exception=False).do(task)
    assert mailoutbox == []


# --- a bounded comparison -------------------------------------------------------------------------


@pytest.fixture
def words(monkeypatch):
    """Notes which user agents are put into words."""
    found = []
    in_words = mail.device_in_words
    monkeypatch.setattr(
        mail, "device_in_words", lambda agent: (found.append(agent), in_words(agent))[1]
    )
    return found


@sync_only
def test_many_user_agents_do_not_slow_down_a_sign_in(device, known, mailoutbox, words):
    """Each may take a millisecond, and an account can send any number of them."""
    agents = [f"Thing{place}/1.0" for place in range(300)]
    sign_ins = [
        HistoryEntry(what="signed_in", user=known, at=time.now(), user_agent=agent)
        for agent in agents
    ]
    HistoryEntry.objects.bulk_create(sign_ins)
    log_in(device(SAFARI))
    assert len(mailoutbox) == 1
    assert len(words) <= mail.USER_AGENTS + 2


@sync_only
def test_the_same_user_agent_needs_no_words(device, known, words):
    log_in(device(FIREFOX))
    assert words == []


# --- what it says ---------------------------------------------------------------------------------


@sync_only
def test_it_says_which_account_device_address_and_time(device, known, mailoutbox, settings, clock):
    settings.TIME_ZONE = "Europe/Berlin"
    clock.set(1_795_535_931_000_000)
    log_in(device(SAFARI))
    (sent,) = mailoutbox
    for line in (
        "Device: Safari on iPhone",
        "Address: 127.0.0.1",
        "Time: Nov. 24, 2026, 3:58 p.m. (UTC)",
        "That is Nov. 24, 2026, 4:58 p.m. in the time zone Europe/Berlin.",
    ):
        assert f"\n{line}\n" in sent.body
    assert "your account ada at testserver" in sent.body


@sync_only
def test_it_says_the_approximate_place_if_that_is_known(device, known, mailoutbox, monkeypatch):
    monkeypatch.setattr(mail, "place_of", {"127.0.0.1": "Berlin, Germany"}.get)
    log_in(device(SAFARI))
    assert "Berlin, Germany\n" in mailoutbox[0].body


def test_its_links_lead_to_pages(device, known, mailoutbox):
    browser = device(SAFARI)
    log_in(browser)
    links = re.findall(r"^http://testserver(/\S+)$", mailoutbox[0].body, re.MULTILINE)
    assert links == ["/accounts/sessions/", "/accounts/password_reset/"]
    assert [browser.get(link).status_code for link in links] == [200, 200]


def test_without_a_sessions_page_it_links_to_a_new_password(tell, mailoutbox, settings):
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    tell()
    links = re.findall(r"^http://\S+$", mailoutbox[0].body, re.MULTILINE)
    assert links == ["http://testserver/password_reset/"]


def test_without_any_page_it_has_no_link(tell, mailoutbox, settings):
    settings.ROOT_URLCONF = "tests.requests.site"
    tell()
    assert "http" not in mailoutbox[0].body
    assert "change your password at once" in mailoutbox[0].body


@sync_only
def test_over_https_its_links_are_https(device, known, mailoutbox):
    log_in(device(SAFARI), secure=True)
    assert "https://testserver/accounts/sessions/" in mailoutbox[0].body


def test_with_djangos_sites_it_names_the_site(tell, mailoutbox, monkeypatch):
    """As Django's mail about a forgotten password does."""
    site = SimpleNamespace(domain="shop.example", name="The shop")
    monkeypatch.setattr(mail, "get_current_site", lambda request: site)
    tell()
    assert "The shop" in mailoutbox[0].subject
    assert "http://shop.example/accounts/sessions/" in mailoutbox[0].body


@sync_only
def test_what_a_stranger_sends_as_a_browser_adds_no_line(device, known, mailoutbox):
    log_in(device("Evil/1.0 \x0b\x0cIf that was you, call 555"))
    assert "555" not in mailoutbox[0].body
    assert "Device: Evil\n" in mailoutbox[0].body


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
    browser = device(SAFARI)
    browser.defaults |= {"HTTP_ACCEPT_LANGUAGE": language, "accept-language": language}
    log_in(browser)
    assert month in mailoutbox[0].body


@sync_only
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
        log_in(device(SAFARI))
    (sent,) = mailoutbox
    assert sent.subject == "New:Safari on iPhone"
    assert sent.body == "ada 127.0.0.1 http://testserver/accounts/sessions/"


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_mail_server_that_is_down_keeps_no_user_out(device, known, settings, caplog):
    send_with(settings, f"{__name__}.Down")
    browser = device(SAFARI)
    assert log_in(browser).status_code == 302
    assert browser.username() == "ada"
    (record,) = [each for each in caplog.records if "new device" in each.getMessage()]
    assert "the mail server is down" in str(record.exc_info[1])
    assert "ada@example.com" not in record.getMessage()
    sign_out(browser)
    whats = HistoryEntry.objects.order_by("pk").values_list("what", flat=True)
    assert list(whats) == ["signed_in", "signed_in", "ended"]


@sync_only
@pytest.mark.parametrize("fails", [False, True])
def test_it_is_sent_after_the_commit(device, known, settings, fails):
    send_with(settings, f"{__name__}.Noting")

    def enter(request):
        with transaction.atomic():
            auth.login(request, auth.authenticate(request, username="ada", password=PASSWORD))
            request.session.save()
            if fails:
                raise ZeroDivisionError

    device(SAFARI, raise_request_exception=False).do(enter)
    assert [inside for _, inside in Noting.seen] == ([] if fails else [False])


async def test_the_thread_of_the_event_loop_does_not_send_it(user, settings):
    send_with(settings, f"{__name__}.Noting")
    for agent in (FIREFOX, SAFARI):
        browser = AsyncClient()
        browser.defaults["user-agent"] = agent
        await browser.post("/login/", {"username": "ada", "password": PASSWORD})
    ((thread, _),) = Noting.seen
    assert thread is not threading.current_thread()


def test_of_two_sign_ins_that_are_both_written_one_is_told(known, mailoutbox):
    """Each looks only at what was written before it."""
    at = HistoryEntry.objects.get().at
    first, second = (
        HistoryEntry.objects.create(what="signed_in", user=known, at=at, user_agent=SAFARI)
        for _ in range(2)
    )
    for entry in (second, first):
        mail.tell(entry, RequestFactory().get("/"), known, "en")
    assert len(mailoutbox) == 1
