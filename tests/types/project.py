"""A module of a project. Type checkers complain about each line that says "wrong", and about no other."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import aget_object_or_404

from frontdesk import api_tokens, sessions
from frontdesk.admin import SessionAdmin
from frontdesk.decorators import recent_login_required, scope_required
from frontdesk.models import ApiToken, Session
from frontdesk.typing import SessionRequest, TokenRequest
from frontdesk.views import LoginView


def add(cart: list[str]) -> list[str]:
    return [*cart, "tea"]


def put_into_cart(request: SessionRequest) -> HttpResponse:
    request.session["seen"] = True
    request.session.modify("cart", add, default=[])
    request.session.modify("cart")  # wrong
    request.session.modify(add, "cart")  # wrong
    request.session.no_such_method()  # wrong
    session_id: str | None = request.session.session_id
    number: int = request.session.session_id  # wrong
    return HttpResponse(f"{session_id} {number}")


async def aput_into_cart(request: SessionRequest) -> HttpResponse:
    await request.session.aset("seen", value=True)
    await request.session.amodify("cart", add, default=[])
    await request.session.amodify("cart", default=[])  # wrong
    return HttpResponse()


def end_a_session(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # type checkers cannot tell by is_authenticated
    ended: bool = sessions.end(request.user, request.POST.get("session"))
    sessions.end(request.user, 5)  # wrong
    sessions.end(request.user, "id", "revoked")  # wrong
    others: str = sessions.end_others(request)  # wrong
    devices: list[str] = [each.device for each in sessions.for_user(request.user)]
    return HttpResponse(f"{ended} {others} {devices}")


async def aend_a_session(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    assert isinstance(user, User)
    ended: bool = await sessions.aend(user, request.POST.get("session"))
    late: bool = sessions.aend(user, "id")  # wrong
    info, text = await api_tokens.acreate(user, "backup", ["orders:read"])
    return HttpResponse(f"{ended} {late} {info.name} {text}")


@recent_login_required
def close_account(request: HttpRequest, reason: str) -> HttpResponse:
    return HttpResponse(reason)


@scope_required("orders:read")
def orders(request: TokenRequest) -> HttpResponse:
    name: str = request.auth.name
    number: int = request.auth.name  # wrong
    return HttpResponse(f"{name} {number}")


async def rows(request: HttpRequest) -> HttpResponse:
    session = await aget_object_or_404(Session, pk=request.GET["session"])
    text: str = session.user_agent
    version: int = session.version
    ended: int | None = session.ended
    never: int = session.ended  # wrong
    token = ApiToken(name="backup", created=0)
    token.created = "today"  # wrong
    return HttpResponse(f"{text} {version} {ended} {never} {token.name}")


class MyLoginView(LoginView):
    template_name = "sign_in.html"


class MySessionAdmin(SessionAdmin):
    list_display = ["user_link", "device"]


close_account(HttpRequest(), "moved")
close_account(HttpRequest(), 5)  # wrong
