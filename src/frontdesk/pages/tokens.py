"""The pages on which users create and revoke API tokens. They are listed below the sessions."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.csrf import csrf_protect

from frontdesk import api_tokens
from frontdesk.api_tokens import TokenInfo
from frontdesk.conf import options
from frontdesk.decorators import RecentLoginRequiredMixin
from frontdesk.pages.base import EndView, FormPage, SiteNameMixin, names_apart, never_stored
from frontdesk.pages.forms import ApiTokenForm


class TokenRow(NamedTuple):
    """An API token as the page shows it."""

    token: TokenInfo
    name: str
    """Its name, different from those of all other rows of the page."""


def token_rows(found: Iterable[TokenInfo]) -> list[TokenRow]:
    """Return what the page shows of these tokens."""
    found = list(found)
    names = names_apart(token.name for token in found)
    return [TokenRow(token, name) for token, name in zip(found, names, strict=True)]


@method_decorator(csrf_protect, name="dispatch")
@never_stored
class CreateTokenView(
    RecentLoginRequiredMixin,
    SiteNameMixin,
    FormPage,
):
    """Create an API token of the user, and show its text this once, ``text`` in the context.

    A 404 if ``API_SCOPES`` declares no scope.
    """

    form_class = ApiTokenForm
    template_name = "frontdesk/create_token.html"
    created_template_name = "frontdesk/token_created.html"
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not options().api_scopes:
            raise Http404("FRONTDESK['API_SCOPES'] declares no scope.")
        return super().dispatch(request, *args, **kwargs)

    def get_action(self) -> str:
        return pgettext("Enter your password to", "create an API token")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {"user": self.request.user, **super().get_form_kwargs()}

    def form_valid(self, form: ApiTokenForm) -> HttpResponse:
        created = form.save(self.request)
        if created is None:
            return self.form_invalid(form)
        # Not by a redirect, which would have to store the text somewhere.
        self.template_name = self.created_template_name
        token, text = created
        return self.render_to_response(self.get_context_data(token=token, text=text))


class EndTokenView(EndView):
    """End an API token of the user. A GET asks first, with ``token`` in the context.

    Any text may come as an id. A 404 for what is not the user's (OWASP ASVS 8.2.2).
    """

    template_name = "frontdesk/end_token.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        token = self._found()
        if token is None:
            raise Http404("The user has no live API token with this id.")
        return {"token": token, **super().get_context_data(**kwargs)}

    def action(self) -> str:
        token = self._found()
        if token is None:
            return ""
        return pgettext("Enter your password to", "revoke %(name)s") % {"name": token.name}

    def end(self) -> str:
        token = self._found()
        if token is None or not api_tokens.end(self.request.user, token.id):  # type: ignore[arg-type]
            return _("That API token has already ended.")
        return _("Revoked: %(name)s.") % {"name": token.name}

    def _found(self) -> TokenInfo | None:
        own = api_tokens.for_user(self.request.user)  # type: ignore[arg-type]
        return next((each for each in own if each.id == self.kwargs["token_id"]), None)
