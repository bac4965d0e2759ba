"""The lobby's pages. Nothing in here knows which storage keeps the sessions."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from frontdesk import sessions
from frontdesk.decorators import scope_required

from . import notes
from .barcode import barcode


@never_cache
@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Explain the badge in one look."""
    return render(request, "lobby/landing.html", {"storage": settings.SESSION_STORAGE})


@never_cache
@login_required
@require_safe
def badge(request: HttpRequest) -> HttpResponse:
    """Show the session as its owner may see it: everything but the key."""
    session = sessions.current(request)
    return render(
        request,
        "lobby/badge.html",
        {"session": session, "barcode": barcode(session.id) if session else None},
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notebook(request: HttpRequest) -> HttpResponse:
    """Keep lines in the session, signed in or not."""
    form = notes.NoteForm(request.POST or None)
    if form.is_valid():
        notes.add(request.session, form.cleaned_data["text"])
        return redirect("notebook")
    context = {
        "form": form,
        "notes": notes.notes_of(request.session),
        "visits": notes.count_visit(request.session),
    }
    return render(request, "lobby/notebook.html", context)


@never_cache
@require_POST
def remove_note(request: HttpRequest) -> HttpResponse:
    notes.remove(request.session, request.POST.get("id", ""))
    return redirect("notebook")


@require_safe
def api(request: HttpRequest) -> HttpResponse:
    """Show a single-page client of the JSON API, which can load and ask nothing but this site."""
    policy = (
        "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response = render(request, "lobby/api.html")
    response.headers["Content-Security-Policy"] = policy
    return response


@scope_required("badges:read")
@require_safe
def badges(request: HttpRequest) -> HttpResponse:
    """Tell a script, which sends an API token, on which devices its user is signed in."""
    found = [session.device for session in sessions.for_user(request.user)]  # type: ignore[arg-type]
    return JsonResponse({"user": request.user.get_username(), "badges": found})
