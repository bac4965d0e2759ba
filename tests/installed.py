"""A project on the frontdesk that is installed, as the README makes it: see .ci/dist.py.

Run in an empty directory, as ``python -m tests.installed``. It needs Django and the standard library only.
"""

import sys
from pathlib import Path

import frontdesk
from tests.docs.pages import ROOT, blocks
from tests.docs.scenario import Project

SIGN_IN = """
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import translation
from frontdesk.models import Session

User.objects.create_user("eve", password="open-sesame")
browser = Client()
with translation.override("de"):
    assert "Anmelden" in browser.get("/accounts/login/").content.decode()
form = {"username": "eve", "password": "open-sesame", "next": "/accounts/sessions/"}
page = browser.post("/accounts/login/", form, follow=True)
assert (page.status_code, page.redirect_chain) == (200, [("/accounts/sessions/", 302)]), page
(session,) = Session.objects.all()
assert session.user.username == "eve"
assert browser.cookies["sessionid"].value.startswith(session.id)
assert finders.find("frontdesk/frontdesk.css")
"""


def main() -> None:
    place = Path(frontdesk.__file__)
    assert place.is_relative_to(sys.prefix), f"{place} is not in {sys.prefix}"
    project = Project(Path.cwd())
    program = str(Path(sys.executable).with_name("django-admin"))
    project.output([program, "startproject", "shop", "."])
    for block in blocks(ROOT / "README.md"):
        if block.marker.startswith(("append", "run")):
            project.play(block)
    project.command("python", "manage.py", "check", "--fail-level", "WARNING")
    project.command("python", "manage.py", "migrate", "--check")
    project.command("python", "manage.py", "makemigrations", "--check", "--dry-run")
    project.shell(SIGN_IN)


if __name__ == "__main__":
    main()
