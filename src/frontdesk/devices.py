"""What a session runs on, in words that its owner recognises: "Firefox on Android"."""

import logging
import re
from functools import cache, lru_cache

from django.utils.translation import gettext

from frontdesk.client import FAMILIES, family_of, printable

try:  # the extra "devices"
    import ua_parser
except ImportError:
    HAS_UA_PARSER = False
else:
    HAS_UA_PARSER = True

logger = logging.getLogger("frontdesk")

BROWSERS = frozenset(family for _, family in FAMILIES)

# The first that is found names the system, since systems also name those that they descend from.
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
"""Names of today for those that ua-parser gives."""

NAME_LENGTH = 40
"""In characters; longer ones are no names."""

PRODUCT = re.compile(rf"[A-Za-z0-9_-]{{1,{NAME_LENGTH}}}")
"""What a client may call itself: one word, as what it says is shown to whom it tries to sign in as.

Anybody can try to sign in as somebody else, and "Account locked, call 555.0100" is no name.
"""

REMEMBERED = 1024
"""So many user agents are looked at only once in a process; each has 255 characters at most."""


def device_in_words(user_agent: str) -> str:
    """Return browser and system in the active language, for example "Safari on iPhone".

    ``user_agent`` is any text: the header that a client sent, or a mere family such as "Firefox"
    (``FRONTDESK["CLIENT_INFO"]`` is ``"masked"``). Its first 255 printable characters are looked at.
    Where they say nothing, the answer is "Unknown device". It is the client's own claim (RFC 9110
    section 10.1.5): good enough for people to recognise a device by, never to trust one for. It is
    text, not HTML, so a page has to escape it. Never raises.
    """
    browser, system = _names(printable(user_agent).strip())
    if browser and system and browser != system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or gettext("Unknown device")


@lru_cache(maxsize=REMEMBERED)
def _names(agent: str) -> tuple[str, str]:
    """Return browser and system, each empty if it is unknown; names are the same in every language."""
    if not agent or agent in BROWSERS:
        return agent, ""
    browser, system = _by_library(agent) if HAS_UA_PARSER else ("", "")
    return browser or family_of(agent) or _program(agent), system or _system(agent)


def _by_library(agent: str) -> tuple[str, str]:
    try:
        found = _resolver()(agent, ua_parser.Domain.USER_AGENT | ua_parser.Domain.OS)
    except Exception as error:  # noqa: BLE001
        # Its regexes are data with releases of their own, here on a text that strangers choose. Whoever
        # stole a password must not be able to keep the list of sessions from its owner.
        logger.warning("ua-parser failed on the user agent %r: %r", agent, error)
        return "", ""
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    if system == "iOS":
        return _plain(browser), _system(agent) or system
    return _plain(browser), RENAMED.get(system, _named(system))


@cache
def _resolver() -> "ua_parser.Resolver":
    """Return a parser that has compiled nothing yet: each regex is compiled when it is first tried."""
    return ua_parser.BestAvailableResolver(ua_parser.load_lazy_builtins())


def _plain(browser: str) -> str:
    """Return "Safari" for "Mobile Safari": the system says the rest."""
    words = f" {browser} "
    return next((name for name in BROWSERS if f" {name} " in words), _named(browser))


def _named(name: str) -> str:
    """Return ``name`` unless the library may have taken it from the client's own words."""
    is_known = len(name) <= NAME_LENGTH and name in _written_out()
    return name if is_known or PRODUCT.fullmatch(name) else ""


@cache
def _written_out() -> str:
    """Return the library's names and regexes: what is in there is not the client's wording."""
    browsers, systems, _ = ua_parser.load_lazy_builtins()
    return "\n".join(f"{each.family}\n{each.regex}" for each in (*browsers, *systems))


def _system(agent: str) -> str:
    return next((system for mark, system in SYSTEMS if mark in agent), "")


def _program(agent: str) -> str:
    """Return "curl" for "curl/8.14.1"; nothing for what starts as all browsers do (RFC 9110 10.1.5)."""
    name, slash, _ = agent.partition("/")
    return name if slash and PRODUCT.fullmatch(name) and name != "Mozilla" else ""
