"""Where a request comes from: the address behind trusted proxies, the browser, and how much is kept."""

import pytest
from django.test import RequestFactory

from frontdesk import conf, sessions
from frontdesk.http.client import client_of

AGENTS = {
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Edge": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
    "": "curl/8.14.1",
}


@pytest.fixture
def client(settings):
    """``client(ip, forwarded=..., agent=..., proxies=..., kept=...)`` is what is kept of a request."""

    def make(ip="203.0.113.7", forwarded=None, agent="", proxies=0, kept="full"):
        settings.FRONTDESK = {"TRUSTED_PROXY_COUNT": proxies, "CLIENT_INFO": kept}
        headers = {"User-Agent": agent}
        if forwarded is not None:
            headers["X-Forwarded-For"] = forwarded
        return client_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=ip).META)

    return make


# --- the address --------------------------------------------------------------------------------


def test_without_a_trusted_proxy_the_header_is_ignored(client):
    assert client("203.0.113.7").ip == "203.0.113.7"
    assert client("203.0.113.7", forwarded="198.51.100.1").ip == "203.0.113.7"


FORWARDED = [
    (1, "198.51.100.1", "198.51.100.1"),
    (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
    (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
    (1, " 198.51.100.1 ", "198.51.100.1"),
    (1, "198.51.100.1:5678", "198.51.100.1"),
    (2, "198.51.100.1:5678, 10.0.0.2:80", "198.51.100.1"),
    (1, "2001:db8::1", "2001:db8::1"),
    (1, "[2001:db8::1]", "2001:db8::1"),
    (1, "[2001:db8::1]:443", "2001:db8::1"),
    (1, '"[2001:db8::1]:443"', "2001:db8::1"),
    (1, "2001:0DB8:0::1", "2001:db8::1"),
    (1, "::ffff:198.51.100.1", "198.51.100.1"),
]


@pytest.mark.parametrize(("proxies", "forwarded", "expected"), FORWARDED)
def test_the_address_is_what_the_outermost_proxy_saw(client, proxies, forwarded, expected):
    """RFC 7239 section 8.1: what is further left was written by the client. Some proxies add a port."""
    assert client("10.0.0.1", forwarded, proxies=proxies).ip == expected


NOT_BELIEVED = [
    (2, "198.51.100.1"),
    (1, ""),
    (1, "unknown"),
    (1, "_hidden:5678"),
    (1, "198.51.100.1:5678:9"),
    (1, "198.51.100.1, <script>"),
    (1, None),
    (3, ",,"),
]


@pytest.mark.parametrize(("proxies", "forwarded"), NOT_BELIEVED)
def test_without_a_valid_entry_the_address_is_the_peers(client, proxies, forwarded):
    assert client("10.0.0.1", forwarded, proxies=proxies).ip == "10.0.0.1"


@pytest.mark.parametrize("ip", ["", "unix:", "/run/web.sock", "999.1.1.1", "x" * 10_000])
def test_a_text_that_is_no_address_is_not_kept(client, ip):
    assert client(ip).ip == ""


def test_the_zone_of_a_link_local_address_is_dropped(client):
    assert client("fe80::1%eth0").ip == "fe80::1"


# --- how much is kept ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ip", "expected"),
    [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"), ("", "")],
)
def test_a_masked_address_is_a_network(client, ip, expected):
    """NIST SP 800-63B-4 section 5.3."""
    assert client(ip, kept="masked").ip == expected


@pytest.mark.parametrize(("family", "agent"), AGENTS.items())
def test_a_masked_browser_is_a_family(client, family, agent):
    assert client(agent=agent, kept="masked").user_agent == family
    assert client(agent=agent).user_agent == agent


def test_nothing_is_kept_if_the_project_wants_nothing(client):
    assert client(agent=AGENTS["Firefox"], kept="off") == ("", "")


def test_a_browsers_name_fits_and_breaks_no_line(client):
    kept = client(agent="a\x00b\u202ec\r\nd" + "x" * 10_000).user_agent
    assert kept.isprintable()
    assert kept.startswith("abc")
    assert len(kept) == 255


# --- in a session -------------------------------------------------------------------------------


def current(browser, **extra):
    return browser.do(sessions.current, **extra).answer


@pytest.mark.django_db
def test_a_session_shows_where_it_was_used_last(browser, clock):
    browser.do(lambda request: request.session.update({"a": 1}), headers={"user-agent": "One/1"})
    shown = current(browser)
    assert (shown.ip, shown.user_agent) == ("127.0.0.1", "One/1")
    clock.move(minutes=5)
    browser.do(lambda request: request.session.get("a"), headers={"user-agent": "Two/2"})
    assert current(browser).user_agent == "Two/2"


@pytest.mark.django_db
def test_code_outside_of_a_request_changes_no_address(browser):
    browser.do(lambda request: request.session.update({"a": 1}), headers={"user-agent": "One/1"})
    session = browser.session
    session["a"] = 2
    session.save()
    assert current(browser).user_agent == "One/1"


@pytest.mark.django_db
def test_no_session_stores_what_the_project_does_not_want(browser, settings):
    settings.FRONTDESK["CLIENT_INFO"] = "off"
    conf.options.cache_clear()
    browser.do(lambda request: request.session.update({"a": 1}), headers={"user-agent": "One/1"})
    shown = current(browser)
    assert (shown.ip, shown.user_agent) == ("", "")
