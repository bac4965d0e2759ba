"""The pages are Django's own, overridable in the usual way, and never stored."""

import re
from pathlib import Path

import pytest
from django.contrib.auth import urls as django_urls
from django.template.loader import get_template
from django.urls import reverse

import frontdesk
from frontdesk import urls as frontdesk_urls
from tests.pages.catalogue import PAGES, PASSWORD, each_page, page, reset_link

TEMPLATES = sorted((Path(frontdesk.__file__).parent / "templates" / "frontdesk").iterdir())


# --- drop-in ------------------------------------------------------------------------------------


def test_paths_and_names_are_those_of_django():
    def of(patterns):
        return {(str(pattern.pattern), pattern.name) for pattern in patterns}

    own = of(frontdesk_urls.urlpatterns) - of(django_urls.urlpatterns)
    assert of(django_urls.urlpatterns) <= of(frontdesk_urls.urlpatterns)
    assert {path for path, _ in own if not path.startswith("sessions/")} == {"reauthenticate/"}


@each_page
def test_each_page_renders_with_its_template(name, show):
    response = show(name)
    assert response.status_code == 200
    used = [template.name for template in response.templates]
    assert used[0] == f"frontdesk/{PAGES[name][0]}"
    assert "frontdesk/base.html" in used
    assert response.context["site_name"] == "testserver"


def test_the_pages_work_where_every_view_requires_login(settings, show):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    for name in ("login", "reset", "reset-done", "reset-link", "reset-complete"):
        assert show(name).status_code == 200


def test_a_get_to_logout_never_signs_anybody_out(member):
    member.get(reverse("logout"))
    member.head(reverse("logout"))
    assert "_auth_user_id" in member.session
    member.post(reverse("logout"))
    assert "_auth_user_id" not in member.session


def test_login_keeps_a_safe_next_and_drops_a_foreign_one(visitor, user):
    login = reverse("login")
    fields = page(visitor.get(f"{login}?next=/in/")).all("input")
    assert {"type": "hidden", "name": "next", "value": "/in/"} in fields
    assert b"elsewhere" not in visitor.get(f"{login}?next=https://elsewhere.example/").content
    data = {"username": user.username, "password": PASSWORD, "next": "/in/"}
    assert visitor.post(login, data)["Location"] == "/in/"


# --- overriding ---------------------------------------------------------------------------------


@pytest.fixture
def project_templates(settings, tmp_path):
    (tmp_path / "frontdesk").mkdir()
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    return tmp_path / "frontdesk"


@pytest.mark.parametrize("name", [template.name for template in TEMPLATES])
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


# --- privacy ------------------------------------------------------------------------------------


@each_page
def test_no_page_may_be_stored(name, show):
    directives = show(name)["Cache-Control"]
    assert "no-store" in directives
    assert "private" in directives


def test_redirects_may_not_be_stored_either(visitor, user):
    for name in ("password_change", "password_change_done"):
        assert "no-store" in visitor.get(reverse(name))["Cache-Control"]
    assert "no-store" in visitor.get(reset_link(user))["Cache-Control"]


def test_the_reset_page_says_the_same_for_every_address(visitor, user, mailoutbox):
    def answer(address):
        response = visitor.post(reverse("password_reset"), {"email": address}, follow=True)
        return page(response).words

    assert answer(user.email) == answer("nobody@desk.example")
    assert [mail.to for mail in mailoutbox] == [[user.email]]
