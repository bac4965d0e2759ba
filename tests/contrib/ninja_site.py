"""A project with an API on Django Ninja: each operation sync below ``/api/``, and async below ``/aapi/``."""

from django.urls import path
from ninja import NinjaAPI, Router
from ninja.errors import HttpError
from ninja.security import HttpBearer

from frontdesk.contrib.ninja import SessionAuth, TokenAuth
from tests.requests import site


class Other(HttpBearer):
    """Another package's credentials, which are called Bearer as well."""

    def authenticate(self, request, token):
        return "other" if token == "jwt" else None


def anyone(request):
    return "anyone"


orders = TokenAuth("orders:read")
session = SessionAuth()

AUTHS = {
    "/session/": session,
    "/token/": orders,
    "/any/": TokenAuth(),
    "/two/": TokenAuth("orders:read", "orders:write"),
    "/session-or-token/": [session, orders],
    "/token-or-session/": [orders, session],
    "/anyone/": [session, orders, anyone],
    "/with-other/": [session, orders, Other()],
}


def answer(user, auth):
    return {"user": user.get_username(), "auth": type(auth).__name__.removeprefix("Simple")}


def who(request):
    return answer(request.user, request.auth)


async def awho(request):
    return answer(await request.auser(), request.auth)


def refuse(request):
    raise HttpError(401, "Sign in again.")


async def arefuse(request):
    raise HttpError(401, "Sign in again.")


def router_of(view, refusing):
    router = Router()
    for url, auth in AUTHS.items():
        router.add_api_operation(url, ["GET", "POST"], view, auth=auth)
    router.add_api_operation("/refusing/", ["GET"], refusing, auth=[session, orders])
    return router


def api_of(name, *operations):
    made = NinjaAPI(urls_namespace=name)
    made.add_router("", router_of(*operations))
    return made


api = api_of("contrib", who, refuse)
aapi = api_of("acontrib", awho, arefuse)
mixed = NinjaAPI(urls_namespace="mixed", auth=[session, orders])
mixed.get("/mixed/")(who)
mixed.post("/mixed/")(awho)

urlpatterns = [
    path("api/", api.urls),
    path("aapi/", aapi.urls),
    path("", mixed.urls),
    *site.urlpatterns,
]
