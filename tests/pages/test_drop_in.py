"""The pages are Django's own, overridable in the usual way, and never stored."""

import re
from pathlib import Path

import pytest
from django.contrib.auth import urls as django_urls
from django.contrib.auth import views as django_views
from django.template.loader import get_template
from django.urls import reverse

import frontdesk
from frontdesk import urls as frontdesk_urls
from frontdesk import views
from tests.pages.catalogue import PAGES, PASSWORD, each_page, page, reset_link, sign_in

ROOT = Path(frontdesk.__file__).parent / "templates" / "frontdesk"
TEMPLATES = sorted(path.name for path in ROOT.iterdir())


# --- drop-in ------------------------------------------------------------------------------------


def test_paths_and_names_are_those_of_django():
    def of(patterns):
        return {(str(pattern.pattern), pattern.name) for pattern in patterns}

    own = of(frontdesk_urls.urlpatterns) - of(django_urls.urlpatterns)
    assert of(django_urls.urlpatterns) <= of(frontdesk_urls.urlpatterns)
    assert {path for path, _ in own if not path.startswith("sessions/")} == {"reauthenticate/"}


def test_each_view_of_django_has_one_that_extends_it():
    names = [name for name in vars(django_views) if re.fullmatch(r"(Log|Password)\w+View", name)]
    assert len(names) == 8
    for name in names:
        assert issubclass(getattr(views, name), getattr(django_views, name))


@each_page
def test_each_page_renders_with_its_template(name, show):
    response = show(name)
    assert response.status_code == 200
    used = [template.name for template in response.templates]
    assert used[0] == f"frontdesk/{PAGES[name].template}"
    assert "frontdesk/base.html" in used
    assert response.context["site_name"] == "testserver"


def test_pages_work_where_every_view_requires_login(settings, show):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    for name in ("login", "reset", "reset-done", "reset-link", "reset-complete"):
        assert show(name).status_code == 200


def test_a_get_to_logout_signs_no_user_out(member):
    member.get(reverse("logout"))
    member.head(reverse("logout"))
    assert "_auth_user_id" in member.session
    member.post(reverse("logout"))
    assert "_auth_user_id" not in member.session


def test_login_keeps_a_safe_next_and_drops_a_foreign_one(stranger, user):
    login = reverse("login")
    fields = page(stranger.get(f"{login}?next=/in/")).all("input")
    assert {"type": "hidden", "name": "next", "value": "/in/"} in fields
    assert b"elsewhere" not in stranger.get(f"{login}?next=https://elsewhere.example/").content
    data = {"username": user.username, "password": PASSWORD, "next": "/in/?a=1"}
    assert stranger.post(login, data)["Location"] == "/in/?a=1"


# --- overriding ---------------------------------------------------------------------------------


@pytest.fixture
def project_templates(settings, tmp_path):
    """The folder ``frontdesk`` of the project's own templates."""
    (tmp_path / "frontdesk").mkdir()
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    return tmp_path / "frontdesk"


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_file_of_the_project_replaces_each_template(name, project_templates):
    (project_templates / name).write_text("the project's own")
    assert get_template(f"frontdesk/{name}").render() == "the project's own"


@each_page
def test_a_base_of_the_project_needs_only_title_and_content(name, project_templates, show):
    (project_templates / "base.html").write_text(
        "<title>{% block title %}{% endblock %}</title><main>{% block content %}{% endblock %}</main>"
    )
    html = show(name).content.decode()
    assert re.search(r"<title>[^<]+</title>", html)
    assert html.count("<h1>") == 1


def test_a_base_of_the_project_may_extend_ours(project_templates, show):
    (project_templates / "base.html").write_text(
        '{% extends "frontdesk/base.html" %}{% block brand %}Our house{% endblock %}'
    )
    html = show("login").content.decode()
    assert "Our house" in html
    assert "frontdesk.css" in html


def test_a_form_written_for_django_signs_in(stranger, user, project_templates):
    (project_templates / "login.html").write_text(
        '<form method="post">{% csrf_token %}{{ form.as_p }}<input type="hidden" name="next" '
        'value="{{ next }}"></form>'
    )
    fields = page(stranger.get(reverse("login"))).all("input")
    names = [field["name"] for field in fields if field["name"] != "csrfmiddlewaretoken"]
    assert names == ["username", "password", "next"]
    assert stranger.post(reverse("login"), {"username": "x", "password": "y"}).status_code == 200
    assert sign_in(user).get("/in/").content.decode() == user.username


# --- privacy ------------------------------------------------------------------------------------


@each_page
def test_no_cache_may_keep_a_page(name, show):
    directives = show(name)["Cache-Control"]
    assert "no-store" in directives
    assert "private" in directives


def test_no_cache_may_keep_a_redirect(stranger, user):
    for name in ("password_change", "password_change_done", "frontdesk_sessions"):
        assert "no-store" in stranger.get(reverse(name))["Cache-Control"]
    assert "no-store" in stranger.get(reset_link(user))["Cache-Control"]


def test_the_reset_page_says_the_same_for_every_address(stranger, user, mailoutbox):
    def response(address):
        return page(stranger.post(reverse("password_reset"), {"email": address}, follow=True)).words

    assert response(user.email) == response("missing@example.com")
    assert [mail.to for mail in mailoutbox] == [[user.email]]
