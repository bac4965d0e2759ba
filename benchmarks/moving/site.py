"""The pages of the site that moves, and its WSGI application. They know nothing of frontdesk."""

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path


def ready(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


def look(request: HttpRequest) -> HttpResponse:
    values = {key: value for key, value in request.session.items() if not key.startswith("_")}
    return JsonResponse({"user": request.user.pk, "values": values})


def put(request: HttpRequest) -> HttpResponse:
    request.session["page"] = request.GET["page"]
    return look(request)


urlpatterns = [path("ready/", ready), path("look/", look), path("put/", put)]

application = get_wsgi_application()
# gunicorn imports this once, before it starts its workers.
call_command("migrate", verbosity=0)
connections.close_all()
