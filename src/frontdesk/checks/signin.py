"""The throttle of sign-ins, and the mails to users."""

from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse

import frontdesk
from frontdesk import conf
from frontdesk.backends import ThrottleBackend
from frontdesk.checks.engine import SESSION, imported, is_a, positions_of
from frontdesk.middleware import SessionMiddleware
from frontdesk.pages.auth import PasswordResetView

THROTTLE: Final = "frontdesk.backends.ThrottleBackend"


@register(Tags.security)
def check_throttle(**_: Any) -> list[CheckMessage]:
    """W023: passwords can be guessed, because the backend of the throttle is not the first, or idle."""
    if conf.problems():
        return []
    options = conf.options()
    if not (options.throttle_device or options.throttle_account or options.throttle_network):
        return []
    ours = [is_a(imported(each), ThrottleBackend) for each in settings.AUTHENTICATION_BACKENDS]
    if not positions_of(SessionMiddleware):
        if not any(ours):
            return []
        return [
            checks.Warning(
                "The sign-in throttle counts nothing without frontdesk's session middleware.",
                hint=f"Put {SESSION!r} into MIDDLEWARE, or remove {THROTTLE!r} from "
                "AUTHENTICATION_BACKENDS.",
                id="frontdesk.W023",
            )
        ]
    if ours[:1] == [True]:
        return []
    return [
        checks.Warning(
            "The sign-in throttle is not the first authentication backend, so passwords can be guessed.",
            hint=f"Put {THROTTLE!r} first in AUTHENTICATION_BACKENDS. If another package limits sign-ins, "
            "set FRONTDESK['THROTTLE_DEVICE'], ['THROTTLE_ACCOUNT'] and ['THROTTLE_NETWORK'] to None.",
            id="frontdesk.W023",
        )
    ]


@register()
def check_new_device_mail(**_: Any) -> list[CheckMessage]:
    """W015, W016: mails about new devices are on, but nothing is kept that tells a new device."""
    if conf.problems() or not conf.options().new_device_mail:
        return []
    found: list[CheckMessage] = []
    if conf.options().client_info == "off":
        found.append(
            checks.Warning(
                "No mail is sent about new devices: without client information, all devices look alike.",
                hint="Set FRONTDESK['CLIENT_INFO'] to 'masked' or 'full', or turn "
                "FRONTDESK['NEW_DEVICE_MAIL'] off.",
                id="frontdesk.W015",
            )
        )
    if conf.options().history_retention is None:
        found.append(
            checks.Warning(
                "No mail is sent about new devices: without a history, every device looks known.",
                hint="Set FRONTDESK['HISTORY_RETENTION'], for example to timedelta(days=90), or turn "
                "FRONTDESK['NEW_DEVICE_MAIL'] off.",
                id="frontdesk.W016",
            )
        )
    return found


@register()
def check_reset_mail(**_: Any) -> list[CheckMessage]:
    """W036: the mail of the JSON API for a new password links to a page that is not there."""
    if not _has_url("frontdesk_api:password_reset") or _has_url("password_reset_confirm", "u", "t"):
        return []
    try:
        mail: Any = get_template(PasswordResetView.email_template_name)
    except TemplateDoesNotExist:
        return []
    if Path(frontdesk.__file__).parent not in Path(mail.origin.name).parents:
        return []  # the project has its own
    return [
        checks.Warning(
            "The mail of the JSON API for a new password links to the page named "
            "password_reset_confirm, which is not in the URLs. So asking for a mail fails, and only for "
            "addresses with an account.",
            hint="Include frontdesk.urls, or write a template of your own at "
            f"{PasswordResetView.email_template_name!r}.",
            id="frontdesk.W036",
        )
    ]


def _has_url(name: str, *args: str) -> bool:
    if not getattr(settings, "ROOT_URLCONF", None):
        return False  # as in the settings of a worker
    try:
        reverse(name, args=args)
    except NoReverseMatch:
        return False
    return True
