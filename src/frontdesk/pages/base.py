"""What pages have in common: the name of the site, a user, and that no cache keeps them."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic.base import ContextMixin, TemplateView
from django.views.generic.edit import FormView

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


class OwnPage(LoginRequiredMixin, SiteNameMixin, TemplateView):
    """A page about the user who asks for it."""

    request: HttpRequest
