"""How drf-spectacular describes :mod:`frontdesk.contrib.rest_framework`, which imports this."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.settings import spectacular_settings

from frontdesk.conf import options


class SessionScheme(OpenApiAuthenticationExtension):
    """The session: its cookie or, unless ``HEADER_CARRIER`` is "off", its key in the header."""

    target_class = "frontdesk.contrib.rest_framework.SessionAuth"
    match_subclasses = True

    @property
    def name(self) -> list[str]:
        """The names of the schemes."""
        return list(self._schemes())

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Return that either will do."""
        return [{name: []} for name in self._schemes()]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return the schemes."""
        return list(self._schemes().values())

    def _schemes(self) -> dict[str, dict[str, str]]:
        found = {
            "sessionCookie": {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": "The session cookie. Unsafe methods need a CSRF token as well.",
            }
        }
        if options().header_carrier != "off":
            found["sessionKey"] = {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "fds_",
                "description": "The key of a session, for programs.",
            }
        return found


class TokenScheme(OpenApiAuthenticationExtension):
    """The API token. Its scopes are named from OpenAPI 3.1 on, which allows that for a bearer scheme."""

    target_class = "frontdesk.contrib.rest_framework.TokenAuth"
    match_subclasses = True
    name = "apiToken"

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """Return the scopes that a token needs."""
        allowed = not spectacular_settings.OAS_VERSION.startswith("3.0")
        return {self.name: list(self.target.scopes) if allowed else []}

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "fdt_",
            "description": "An API token of a user, with the scopes of the operation.",
        }
