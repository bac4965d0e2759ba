"""A device in words: recognisable, the same with and without ua-parser, and no stranger's to break."""

import importlib
import subprocess
import sys

import pytest
from django.utils import translation
from hypothesis import example, given
from hypothesis import strategies as st

import frontdesk
from frontdesk import devices
from frontdesk.client import FAMILIES

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROMIUM} Chrome/138.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {CHROMIUM} Chrome/138.0.0.0 Mobile Safari/537.36"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {APPLE}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE}"

KNOWN = {
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
    "curl/8.14.1": "curl",
    "Wget/1.21": "Wget",
    "python-httpx/0.28": "python-httpx",
}

FINER = {
    f"Mozilla/5.0 (X11; Linux x86_64) {CHROMIUM} Chrome/138.0.0.0 Vivaldi/7.4": "Vivaldi on Linux",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Firefox/140.0": "Firefox on Ubuntu",
    "MyApp/1.0 CFNetwork/1410 Darwin/22.6.0": "MyApp on iOS",
}

NOTHING = [
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
    "\u202e",
]

HOSTILE = {
    "very long": "Mozilla/5.0 " + "A" * 1_000_000,
    "many brackets": "(" * 100_000,
    "many versions": "Mozilla/5.0 (Linux; Android " + "1." * 10_000,
    "many spaces": "Mac OS X " + " " * 10_000,
    "many browsers": "Firefox/" * 10_000,
    "a bomb": "Mozilla/5.0 (" + "Version/1.1 " * 10_000 + "Obigo" * 10_000,
    "control characters": "\x00\x07\x1b" * 10_000 + "curl/8",
    "emoji": "\N{PILE OF POO}" * 10_000,
    "a name without an end": "x" * 250 + "/1",
}


SENTENCES = [
    "Account locked! Call +1 555 0100/",
    "Account locked, call us/1.0",
    "call.555.0100/1.0",
    "evil.example/login",
    "Account locked Call 555 0100 Bot/1.0",
    "Account locked Call 555 0100 CFNetwork/1410 Darwin/22.6.0",
    "x" * 41 + "/1.0",
    "L\N{LATIN SMALL LETTER O WITH DIAERESIS}sung/1.0",
]
"""What a stranger, who tries to sign in as somebody, may want that person to read."""


@pytest.fixture
def by_marks(monkeypatch):
    """The module as it is where ua-parser is not installed."""
    monkeypatch.setattr(frontdesk, "devices", devices)  # put back what the import replaces
    monkeypatch.setitem(sys.modules, "ua_parser", None)
    monkeypatch.delitem(sys.modules, "frontdesk.devices")
    module = importlib.import_module("frontdesk.devices")
    assert not module.HAS_UA_PARSER
    return module


@pytest.mark.parametrize(("agent", "words"), KNOWN.items(), ids=KNOWN.values())
def test_a_browser_and_its_system_are_named(agent, words):
    assert devices.device_in_words(agent) == words


@pytest.mark.parametrize(("agent", "words"), KNOWN.items(), ids=KNOWN.values())
def test_what_is_widely_used_is_named_the_same_without_the_library(by_marks, agent, words):
    assert by_marks.device_in_words(agent) == words


@pytest.mark.parametrize(("agent", "words"), FINER.items(), ids=FINER.values())
def test_the_library_knows_more(agent, words):
    assert devices.device_in_words(agent) == words


@pytest.mark.parametrize("family", sorted({family for _, family in FAMILIES}))
def test_a_masked_browser_is_its_family(family):
    assert devices.device_in_words(family) == family


@pytest.mark.parametrize("agent", NOTHING, ids=ascii)
def test_what_says_nothing_is_an_unknown_device(agent):
    assert devices.device_in_words(agent) == "Unknown device"


@pytest.mark.parametrize("agent", NOTHING, ids=ascii)
def test_what_says_nothing_is_an_unknown_device_without_the_library_too(by_marks, agent):
    assert by_marks.device_in_words(agent) == "Unknown device"


@pytest.mark.parametrize("agent", SENTENCES, ids=ascii)
def test_a_client_has_one_word_for_its_name_and_no_sentence(agent):
    assert devices.device_in_words(agent) in {"Unknown device", "CFNetwork on iOS"}


@pytest.mark.parametrize("agent", SENTENCES, ids=ascii)
def test_a_client_has_one_word_for_its_name_without_the_library_too(by_marks, agent):
    assert by_marks.device_in_words(agent) == "Unknown device"


def test_a_name_of_several_words_is_one_that_the_library_knows():
    assert devices.device_in_words("ArcGIS Pro 3.1") == "ArcGIS Pro"


def test_a_system_without_a_browser_is_named_once():
    assert devices.device_in_words("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)") == "Android"


def test_a_name_too_long_for_a_list_is_no_name():
    assert devices.device_in_words("x" * 41 + "/1 CFNetwork/1410 Darwin/22.6.0") == "iOS"


def test_the_words_are_in_the_language_of_the_reader(monkeypatch):
    catalogue = {"%(browser)s on %(system)s": "%(browser)s unter %(system)s"}
    monkeypatch.setattr(devices, "gettext", lambda text: catalogue.get(text, text))
    assert devices.device_in_words(WINDOWS) == "Chrome unter Windows"


def test_a_language_is_not_remembered_with_the_device():
    with translation.override("en"):
        devices.device_in_words(WINDOWS)
    assert all(isinstance(name, str) for name in devices._names(WINDOWS))
    assert devices._names(WINDOWS) == ("Chrome", "Windows")


# --- strangers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_agent_gives_a_short_printable_name(agent):
    words = devices.device_in_words(agent)
    assert words
    assert words.isprintable()
    assert len(words) <= 2 * devices.NAME_LENGTH + len(" on ")


MARKS = [mark for mark, _ in (*FAMILIES, *devices.SYSTEMS)]
PIECES = st.sampled_from(
    [*MARKS, "Mozilla/5.0 ", "/1.2", "; ", "(", ")", " like Gecko", "Version/"]
)
AGENTS = st.text() | st.lists(PIECES | st.text(max_size=8)).map("".join)


@given(AGENTS)
@example("\ud800Firefox/1")
def test_any_text_gives_a_short_printable_name(agent):
    words = devices.device_in_words(agent)
    assert words
    assert words.isprintable()
    assert len(words) <= 2 * devices.NAME_LENGTH + len(" on ")


@given(AGENTS)
def test_only_the_first_characters_count(agent):
    padded = agent + " " * 255
    assert devices.device_in_words(padded + WINDOWS) == devices.device_in_words(padded)


def test_a_library_that_fails_leaves_the_marks(monkeypatch, caplog):
    def fails(agent, domains):
        raise TypeError("expected str instance, NoneType found")

    monkeypatch.setattr(devices, "_resolver", lambda: fails)
    devices._names.cache_clear()
    try:
        assert devices.device_in_words(WINDOWS) == "Chrome on Windows"
    finally:
        devices._names.cache_clear()
    assert "ua-parser failed" in caplog.text


# --- what it costs --------------------------------------------------------------------------------------


def test_a_device_is_parsed_once(monkeypatch):
    seen = []
    monkeypatch.setattr(devices, "_by_library", lambda agent: seen.append(agent) or ("A", "B"))
    devices._names.cache_clear()
    try:
        assert {devices.device_in_words(WINDOWS) for _ in range(3)} == {"A on B"}
    finally:
        devices._names.cache_clear()
    assert seen == [WINDOWS]


def test_what_is_remembered_is_bounded():
    assert devices._names.cache_info().maxsize == devices.REMEMBERED


def test_nothing_is_loaded_until_the_first_device():
    program = (
        "import sys, frontdesk.devices as d; from django.conf import settings; settings.configure();"
        "assert 'ua_parser_builtins.lazy' not in sys.modules;"
        "assert d._resolver.cache_info().currsize == 0;"
        "d.device_in_words('curl/8');"
        "assert 'ua_parser_builtins.lazy' in sys.modules;"
        "assert 'ua_parser_builtins.matchers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
