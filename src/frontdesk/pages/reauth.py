"""The page that asks a user who is signed in for the password (OWASP ASVS 7.5.1)."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from frontdesk.pages.base import FormPage, SiteNameMixin, never_stored
from frontdesk.signin import interrupted_post, reauth


@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(csrf_protect, name="dispatch")
@never_stored
@method_decorator(login_required, name="dispatch")
class ReauthenticateView(
    SiteNameMixin,
    auth_views.RedirectURLMixin,
    FormPage,
):
    """Ask for the password, and redirect to ``next``.

    ``next`` must be an address of this site; otherwise it is ``LOGIN_REDIRECT_URL``. Users without a usable
    password, and those who are not the session's own user, are redirected to the sign-in page.
    """

    form_class = reauth.ReauthenticationForm
    template_name = reauth.TEMPLATE
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user: Any = request.user
        is_own = reauth.is_own(request, user)
        if not is_own:
            messages.warning(request, reauth.not_own(), fail_silently=True)
        if not is_own or not user.has_usable_password():
            return auth_views.redirect_to_login(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {"request": self.request, "user": self.request.user, **super().get_form_kwargs()}

    def form_valid(self, form: reauth.ReauthenticationForm) -> HttpResponse:
        reauth.renew(self.request, form.user)
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            self.redirect_field_name: self.get_redirect_url(),
            # Not "next", which would ask for the password again.
            "cancel_url": self.get_default_redirect_url(),
            "username_field": interrupted_post.USERNAME_FIELD,
            **super().get_context_data(**kwargs),
        }
