"""The device of a session in words: "Firefox on Android"."""

import logging
import re
from functools import lru_cache
from itertools import islice

from django.utils.translation import gettext

try:  # the extra "devices"
    import ua_parser
except ImportError:
    HAS_UA_PARSER = False
else:
    HAS_UA_PARSER = True

logger: logging.Logger = logging.getLogger("frontdesk")

USER_AGENT_LENGTH = 255

# Browsers also name the browsers that they descend from, so the first mark that is found decides.
FAMILIES = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
BROWSERS = tuple(dict.fromkeys(family for _, family in FAMILIES))

# The same holds for systems.
SYSTEMS = (
    ("Windows Phone", "Windows Phone"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)

RENAMED = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS", "ATV OS X": "tvOS"}
"""Current names of systems for the names that ua-parser gives."""

NAME_LENGTH = 40

NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{NAME_LENGTH}}}")
"""A name that a client may give itself: one word.

An attacker who tries to sign in chooses the header, and the user reads the name in the history.
"Account locked, call 555 0100" must not appear there.
"""


def device_in_words(user_agent: str) -> str:
    """Return browser and system in the active language, for example "Safari on iPhone".

    ``user_agent`` is any text: the header that a client sent, or only a family such as "Firefox"
    (``FRONTDESK["CLIENT_INFO"]`` is ``"masked"``). Only its first 255 printable characters count. The
    answer is "Unknown device" if they name neither browser nor system. The client can claim anything
    (RFC 9110 section 10.1.5): users recognize a device by these words, but no code may trust them. They
    are text, not HTML, so a page has to escape them. Never raises.
    """
    browser, system = _names(printable(user_agent).strip())
    if browser == system or not browser or not system:
        return browser or system or gettext("Unknown device")
    return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}


def printable(text: str) -> str:
    """Return the first 255 printable characters of a ``User-Agent`` header."""
    if text.isprintable():
        return text[:USER_AGENT_LENGTH]
    return "".join(islice(filter(str.isprintable, text), USER_AGENT_LENGTH))


def family_of(user_agent: str) -> str:
    """Return the family of a browser from ``FAMILIES``; empty if it is in none of them."""
    return next((family for mark, family in FAMILIES if mark in user_agent), "")


def kind_of_device(user_agent: str) -> str:
    """Return "phone", "tablet", "computer", "program" or "unknown", for an icon.

    ``user_agent`` is as for :func:`device_in_words`, and can be trusted as little.
    """
    browser, system = _names(printable(user_agent).strip())
    if system == "iPad":
        return "tablet"
    if system == "Android":  # tablets leave out "Mobile", as Android's developers recommend
        return "phone" if "Mobile" in user_agent else "tablet"
    if system in {"iPhone", "iOS", "Windows Phone"}:
        return "phone"
    if system or browser in BROWSERS:
        return "computer"
    return "program" if browser else "unknown"


@lru_cache(maxsize=1024)
def _names(agent: str) -> tuple[str, str]:
    """Return browser and system, each empty if it is unknown. They are the same in every language."""
    if not agent or agent in BROWSERS:
        return agent, ""
    browser, system = _parsed(agent) if HAS_UA_PARSER else ("", "")
    if system in {"", "iOS"}:  # SYSTEMS tells an iPhone from an iPad
        system = _system(agent) or system
    return browser or family_of(agent) or _program(agent), system


def _parsed(agent: str) -> tuple[str, str]:
    """Return browser and system as ua-parser names them, if these names may be shown."""
    try:
        browser, system = ua_parser.parse_user_agent(agent), ua_parser.parse_os(agent)
    except Exception as error:  # noqa: BLE001
        # The regexes of ua-parser are data with their own releases, and an attacker chooses the text. An
        # error must not hide the list of sessions from its user.
        logger.warning("ua-parser failed on the user agent %r: %r", agent, error)
        return "", ""
    name = system.family if system else ""
    return _browser(browser.family if browser else ""), RENAMED.get(name, _word(name))


def _browser(family: str) -> str:
    """Return "Safari" for "Mobile Safari", since the system says the rest."""
    known = next((name for name in BROWSERS if f" {name} " in f" {family} "), "")
    return known or _word(family.removesuffix(" Mobile").removesuffix(" Browser"))


def _word(name: str) -> str:
    return name if NAME.fullmatch(name) else ""


def _system(agent: str) -> str:
    return next((system for mark, system in SYSTEMS if mark in agent), "")


def _program(agent: str) -> str:
    """Return "curl" for "curl/8.14.1". Nearly all browsers start with "Mozilla/5.0", which says nothing."""
    name, slash, _ = agent.partition("/")
    return _word(name) if slash and name != "Mozilla" else ""
