"""Where a session comes from: the address behind trusted proxies, the browser, and how much is kept."""

import pytest
from django.test import RequestFactory

from frontdesk import conf, sessions
from frontdesk.client import client_of

BROWSERS = {
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/138.0.0.0 Safari/537.36",
    "Edge": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
    "Opera": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/137.0.0.0 Safari/537.36 OPR/121.0.0.0",
    "Safari": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.5 Safari/605.1.15",
    "Samsung Internet": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "": "curl/8.14.1",
}


@pytest.fixture
def asked(settings):
    """Return what is kept of a request: ``asked(ip, forwarded=..., agent=..., proxies=...)``."""

    def ask(ip="203.0.113.7", forwarded=None, agent="", proxies=0, kept="full"):
        settings.FRONTDESK = {"TRUSTED_PROXY_COUNT": proxies, "CLIENT_INFO": kept}
        headers = {"User-Agent": agent}
        if forwarded is not None:
            headers["X-Forwarded-For"] = forwarded
        return client_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=ip).META)

    return ask


# --- the address --------------------------------------------------------------------------------------


def test_the_address_is_the_peers(asked):
    assert asked("203.0.113.7").ip == "203.0.113.7"


def test_forwarded_addresses_are_not_believed_without_a_trusted_proxy(asked):
    assert asked("203.0.113.7", forwarded="198.51.100.1").ip == "203.0.113.7"


FORWARDED = [
    (1, "198.51.100.1", "198.51.100.1"),
    (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
    (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
    (1, " 198.51.100.1 ", "198.51.100.1"),
    (1, "2001:db8::1", "2001:db8::1"),
]


@pytest.mark.parametrize(("proxies", "forwarded", "expected"), FORWARDED)
def test_the_address_is_what_the_outermost_trusted_proxy_saw(asked, proxies, forwarded, expected):
    """RFC 7239 8.1: what is further left are the client's own words."""
    assert asked("10.0.0.1", forwarded, proxies=proxies).ip == expected


NOT_BELIEVED = [
    (2, "198.51.100.1"),
    (1, ""),
    (1, "unknown"),
    (1, "198.51.100.1, <script>"),
    (1, None),
    (3, ",,"),
]


@pytest.mark.parametrize(("proxies", "forwarded"), NOT_BELIEVED)
def test_without_a_valid_forwarded_address_it_is_the_peers(asked, proxies, forwarded):
    assert asked("10.0.0.1", forwarded, proxies=proxies).ip == "10.0.0.1"


@pytest.mark.parametrize("ip", ["", "unix:", "/run/web.sock", "999.1.1.1", "x" * 10_000])
def test_what_is_no_address_is_none(asked, ip):
    assert asked(ip).ip == ""


def test_the_zone_of_a_link_local_address_is_dropped(asked):
    assert asked("fe80::1%eth0").ip == "fe80::1"


# --- how much is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("", ""),
    ],
)
def test_a_masked_address_is_a_network(asked, ip, expected):
    """NIST 5.3."""
    assert asked(ip, kept="masked").ip == expected


@pytest.mark.parametrize(("family", "agent"), BROWSERS.items())
def test_a_masked_browser_is_a_family(asked, family, agent):
    assert asked(agent=agent, kept="masked").user_agent == family


@pytest.mark.parametrize("agent", BROWSERS.values())
def test_a_full_browser_is_what_it_says(asked, agent):
    assert asked(agent=agent).user_agent == agent


def test_nothing_is_kept_if_nothing_is_wanted(asked):
    assert asked(agent=BROWSERS["Firefox"], kept="off") == ("", "")


def test_a_browsers_name_fits_and_breaks_no_line(asked):
    kept = asked(agent="a\x00b\u202ec" + "x" * 10_000).user_agent
    assert kept.isprintable()
    assert kept.startswith("abc")
    assert len(kept) == 255


# --- in a session -------------------------------------------------------------------------------------


def current(browser, **extra):
    return browser.do(sessions.current, **extra).answer


@pytest.mark.django_db
def test_a_session_knows_where_it_was_signed_in_from(browser, user, storage_setting):
    browser.do(
        lambda request: request.session.update({"cart": 1}), headers={"user-agent": "Desk/1"}
    )
    seen = current(browser)
    assert (seen.ip, seen.user_agent) == ("127.0.0.1", "Desk/1")


@pytest.mark.django_db
def test_a_session_knows_where_it_was_seen_last(browser, storage_setting, clock):
    browser.do(
        lambda request: request.session.update({"cart": 1}), headers={"user-agent": "Desk/1"}
    )
    clock.move(minutes=5)
    browser.do(lambda request: request.session.get("cart"), headers={"user-agent": "Desk/2"})
    assert current(browser).user_agent == "Desk/2"


@pytest.mark.django_db
def test_a_session_made_without_a_request_keeps_what_was_known(browser, storage_setting):
    browser.do(
        lambda request: request.session.update({"cart": 1}), headers={"user-agent": "Desk/1"}
    )
    session = browser.session
    session["cart"] = 2
    session.save()
    assert current(browser).user_agent == "Desk/1"


@pytest.mark.django_db
def test_nothing_of_the_visitor_is_stored_if_nothing_is_wanted(browser, settings, storage_setting):
    settings.FRONTDESK["CLIENT_INFO"] = "off"
    conf.options.cache_clear()
    browser.do(
        lambda request: request.session.update({"cart": 1}), headers={"user-agent": "Desk/1"}
    )
    seen = current(browser)
    assert (seen.ip, seen.user_agent) == ("", "")
