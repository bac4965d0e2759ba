"""Devices in words: the same names with and without ua-parser, and no text of an attacker."""

import pytest
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

from frontdesk.words import devices
from frontdesk.words.devices import (
    BROWSERS,
    FAMILIES,
    NAME_LENGTH,
    SYSTEMS,
    device_in_words,
    kind_of_device,
)

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROMIUM} Chrome/138.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {CHROMIUM} Chrome/138.0.0.0 Mobile Safari/537.36"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {APPLE}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE}"

COMMON = {
    "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0": "Firefox on Android",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
    f"{IPHONE} FxiOS/140.0 Mobile/15E148 Safari/605.1.15": "Firefox on iPhone",
    f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1": "Safari on iPhone",
    f"{IPHONE} CriOS/138.0.7204.53 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
    f"{IPHONE} Version/18.0 EdgiOS/138.0 Mobile/15E148 Safari/604.1": "Edge on iPhone",
    f"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {APPLE} Version/12.1 Safari/604.1": "Safari on iPad",
    f"{MAC} Version/18.5 Safari/605.1.15": "Safari on macOS",
    WINDOWS: "Chrome on Windows",
    f"{WINDOWS} Edg/138.0.0.0": "Edge on Windows",
    f"{WINDOWS} OPR/121.0.0.0": "Opera on Windows",
    ANDROID: "Chrome on Android",
    ANDROID.replace("Chrome/", "SamsungBrowser/28.0 Chrome/"): "Samsung Internet on Android",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROMIUM} Chrome/138.0.0.0": "Chrome on ChromeOS",
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)": "Android",
    "curl/8.14.1": "curl",
    "Wget/1.21": "Wget",
    "python-httpx/0.28": "python-httpx",
}
COMMON_WITHOUT_UA_PARSER = {
    **COMMON,
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)": "Dalvik on Android",
}
RARE = {
    f"Mozilla/5.0 (X11; Linux x86_64) {CHROMIUM} Chrome/138.0.0.0 Vivaldi/7.4": "Vivaldi on Linux",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Firefox/140.0": "Firefox on Ubuntu",
    ANDROID.replace("Chrome/", "DuckDuckGo/5 Chrome/"): "DuckDuckGo on Android",
    "MyApp/1.0 CFNetwork/1410 Darwin/22.6.0": "MyApp on iOS",
}
EMPTY = [
    "",
    " ",
    "a",
    "Mozilla/5.0",
    "\N{BOMB}" * 9,
    "\N{BOMB}/1",
    "/",
    "/1",
    "\x00\x1b[2J\n",
    "\ud800",
]
MESSAGES = [
    "Account locked! Call +1 555 0100/",
    "Account locked, call us/1.0",
    "call.555.0100/1.0",
    "evil.example/login",
    "Account locked Call 555 0100 Bot/1.0",
    "Account locked Call 555 0100 CFNetwork/1410 Darwin/22.6.0",
    "x" * 41 + "/1.0",
    "L\N{LATIN SMALL LETTER O WITH DIAERESIS}sung/1.0",
]
HOSTILE = {
    "long": "Mozilla/5.0 " + "A" * 1_000_000,
    "brackets": "(" * 100_000,
    "versions": "Mozilla/5.0 (Linux; Android " + "1." * 10_000,
    "spaces": "Mac OS X " + " " * 10_000,
    "browsers": "Firefox/" * 10_000,
    "backtracking": "Mozilla/5.0 (" + "Version/1.1 " * 10_000 + "Obigo" * 10_000,
    "control characters": "\x00\x07\x1b" * 10_000 + "curl/8",
    "emoji": "\N{PILE OF POO}" * 10_000,
    "one name": "x" * 250 + "/1",
}


@pytest.fixture
def without_ua_parser(load_without):
    module = load_without("ua_parser", devices)
    assert not module.HAS_UA_PARSER
    return module


@pytest.fixture
def empty_cache():
    devices._names.cache_clear()
    yield
    devices._names.cache_clear()


@pytest.mark.parametrize(("agent", "words"), {**COMMON, **RARE}.items(), ids=str)
def test_browser_and_system_are_named(agent, words):
    assert device_in_words(agent) == words


@pytest.mark.parametrize(("agent", "words"), COMMON_WITHOUT_UA_PARSER.items(), ids=str)
def test_common_devices_need_no_ua_parser(without_ua_parser, agent, words):
    assert without_ua_parser.device_in_words(agent) == words


KINDS = {
    ANDROID: "phone",
    ANDROID.replace(" Mobile", ""): "tablet",
    f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1": "phone",
    f"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {APPLE} Version/12.1 Safari/604.1": "tablet",
    WINDOWS: "computer",
    f"{MAC} Version/18.5 Safari/605.1.15": "computer",
    "Firefox": "computer",
    "curl/8.14.1": "program",
    "": "unknown",
    "Mozilla/5.0": "unknown",
}


@pytest.mark.parametrize(("agent", "kind"), KINDS.items(), ids=str)
def test_a_device_has_a_kind(without_ua_parser, agent, kind):
    assert kind_of_device(agent) == kind
    assert without_ua_parser.kind_of_device(agent) == kind


@pytest.mark.parametrize("family", BROWSERS)
def test_a_masked_user_agent_is_its_family(family):
    assert device_in_words(family) == family


@pytest.mark.parametrize("agent", EMPTY, ids=ascii)
def test_a_text_without_names_is_an_unknown_device(without_ua_parser, agent):
    assert device_in_words(agent) == "Unknown device"
    assert without_ua_parser.device_in_words(agent) == "Unknown device"


@pytest.mark.parametrize("agent", MESSAGES, ids=ascii)
def test_a_client_cannot_write_a_message(without_ua_parser, agent):
    assert device_in_words(agent) in {"Unknown device", "CFNetwork on iOS"}
    assert without_ua_parser.device_in_words(agent) == "Unknown device"


def test_an_overlong_name_is_left_out():
    assert device_in_words("x" * 41 + "/1 CFNetwork/1410 Darwin/22.6.0") == "iOS"


def test_the_words_follow_the_active_language():
    assert device_in_words("") == "Unknown device"
    with translation.override("de"):
        assert device_in_words("") == "Unbekanntes Gerät"


def assert_short_and_printable(words):
    assert words
    assert words.isprintable()
    assert len(words) <= 2 * NAME_LENGTH + len(" on ")


@pytest.mark.parametrize("agent", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_user_agent_gives_a_short_name(agent):
    assert_short_and_printable(device_in_words(agent))


MARKS = [mark for mark, _ in (*FAMILIES, *SYSTEMS)]
PIECES = st.sampled_from(
    [*MARKS, "Mozilla/5.0 ", "/1.2", "; ", "(", ")", " like Gecko", "Version/"]
)
AGENTS = st.text() | st.lists(PIECES | st.text(max_size=8)).map("".join)


@given(AGENTS)
@example("\ud800Firefox/1")
def test_any_text_gives_a_short_name(agent):
    assert_short_and_printable(device_in_words(agent))


@given(AGENTS)
@example("\x00")
def test_only_the_first_255_characters_count(agent):
    padded = agent + " " * 255
    assert device_in_words(padded + WINDOWS) == device_in_words(padded)


def test_an_error_of_ua_parser_is_logged(empty_cache, monkeypatch, caplog):
    def fail(agent):
        raise TypeError("expected str instance, NoneType found")

    monkeypatch.setattr(devices.ua_parser, "parse_os", fail)
    assert device_in_words(WINDOWS) == "Chrome on Windows"
    assert "ua-parser failed" in caplog.text


def test_a_user_agent_is_parsed_once(empty_cache, monkeypatch):
    parsed = []
    monkeypatch.setattr(devices, "_parsed", lambda agent: parsed.append(agent) or ("A", "B"))
    assert {device_in_words(WINDOWS) for _ in range(3)} == {"A on B"}
    assert parsed == [WINDOWS]
    assert devices._names.cache_info().maxsize
