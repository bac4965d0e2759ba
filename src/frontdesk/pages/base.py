"""What pages have in common: the name of the site, a user, an end, and that no cache keeps them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.generic.base import ContextMixin, TemplateView
from django.views.generic.edit import FormView

from frontdesk.decorators import recent_login_required

if TYPE_CHECKING:
    FormPage = FormView[Any]
else:
    FormPage = FormView  # it cannot be subscripted

# OWASP ASVS 14.3.2: the Back button shows nothing of a page after its user has signed out.
#
# It wraps the inherited ``dispatch`` and does not override it, because Django's LoginRequiredMiddleware
# reads an attribute of that method. Without it, the sign-in page would redirect to the sign-in page.
never_stored: Final = method_decorator(never_cache, name="dispatch")


class SiteNameMixin(ContextMixin):
    """Adds ``site`` and ``site_name`` to the context, as Django's sign-in view does."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = get_current_site(self.request)
        return {"site": site, "site_name": site.name, **super().get_context_data(**kwargs)}


SESSIONS_PAGE: Final = "frontdesk_sessions"


class OwnPage(LoginRequiredMixin, SiteNameMixin, TemplateView):
    """A page about the user who asks for it."""

    request: HttpRequest


@method_decorator(csrf_protect, name="dispatch")
@never_stored
class EndView(OwnPage):
    """What the views that end sessions and API tokens have in common: a GET asks, and a POST ends."""

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """End, once the sign-in is recent, and say what was ended on the next page."""
        return recent_login_required(action=lambda _: self.action())(self._end)(request)

    def _end(self, request: HttpRequest) -> HttpResponse:
        messages.success(request, self.end(), fail_silently=True)
        if request.user.is_authenticated:
            return redirect(SESSIONS_PAGE)
        return redirect(settings.LOGOUT_REDIRECT_URL or "logout")

    def action(self) -> str:
        """Return what the password is asked for, after "Enter your password to"."""
        raise NotImplementedError

    def end(self) -> str:
        """End, and return what was ended."""
        raise NotImplementedError


def names_apart(names: Iterable[str]) -> Iterator[str]:
    """Yield the names, with a number where one comes again.

    Two buttons with one name cannot be told apart by a screen reader or by voice.
    """
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield f"{name} ({seen[name]})" if seen[name] > 1 else name
