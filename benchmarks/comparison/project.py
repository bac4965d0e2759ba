"""A project with one contestant's settings, and the views that are raced."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model, login, logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from benchmarks.comparison.contestants import filled


def configure(contestant: Any, folder: str, redis: str, prefix: str) -> None:
    """Set Django up, as its documentation would for this contestant."""
    ours = contestant.engine.startswith("frontdesk")
    authentication = "frontdesk.middleware" if ours else "django.contrib.auth.middleware"
    apps = ["django.contrib.auth", "django.contrib.contenttypes", contestant.app]
    caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    everything = {
        "SECRET_KEY": "for-the-comparison-only-" + "x" * 50,
        "ALLOWED_HOSTS": ["testserver"],
        "USE_TZ": True,
        "ROOT_URLCONF": __name__,
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(folder).parent / "db.sqlite3"),
                "OPTIONS": {
                    "timeout": 10,
                    "init_command": "PRAGMA journal_mode=WAL;",
                },
            }
        },
        "CACHES": caches,
        "INSTALLED_APPS": apps,
        "SESSION_ENGINE": contestant.engine,
        "MIDDLEWARE": [contestant.middleware, f"{authentication}.AuthenticationMiddleware"],
        "TEMPLATES": [
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
        "LOGGING_CONFIG": None,
        **filled(contestant.settings, folder=folder, redis=redis, prefix=prefix),
    }
    settings.configure(**everything)


def put(request: HttpRequest) -> HttpResponse:
    request.session[request.GET["key"]] = request.GET["value"]
    return HttpResponse()


def plain_add(request: HttpRequest) -> HttpResponse:
    request.session["n"] = request.session.get("n", 0) + 1
    return HttpResponse()


def atomic_add(request: HttpRequest) -> HttpResponse:
    request.session.modify("n", lambda n: n + 1, default=0)
    return HttpResponse()


def look(request: HttpRequest) -> HttpResponse:
    values = {key: value for key, value in request.session.items() if not key.startswith("_")}
    return JsonResponse({"user": request.user.pk, "values": values})


def enter(request: HttpRequest) -> HttpResponse:
    login(request, get_user_model().objects.get(), "django.contrib.auth.backends.ModelBackend")
    return HttpResponse()


def leave(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse()


urlpatterns = [
    path("put/", put),
    path("plain-add/", plain_add),
    path("atomic-add/", atomic_add),
    path("look/", look),
    path("enter/", enter),
    path("leave/", leave),
]
