"""What the tests of several modules do and look at."""

from html.parser import HTMLParser

from django.contrib import auth

from frontdesk import carrying
from frontdesk.storages import get_storage
from frontdesk.testing.conformance.ground import a_record
from tests.requests.conftest import PASSWORD

FIELD = carrying.PASSWORD_FIELD


class Login:
    """``login()`` and ``alogin()`` as a step."""

    def __init__(self, request):
        self.request = request

    def login(self, user):
        auth.login(self.request, user, "django.contrib.auth.backends.ModelBackend")

    async def alogin(self, user):
        await auth.alogin(self.request, user, "django.contrib.auth.backends.ModelBackend")


def many(user, number):
    for _ in range(number):
        get_storage().insert(a_record(user_id=str(user.pk)))


def is_anonymous(new_browser, key):
    stranger = new_browser()
    stranger.key = key
    return stranger.who() == "" and stranger.kept() == {}


class Form(HTMLParser):
    """The form that asks for the password, and what a browser would send with it."""

    def __init__(self, response):
        super().__init__()
        self.inside, self.action, self.sent = False, None, {}
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given["class"] == "fd-form"
            self.action = given.get("action") if self.inside else self.action
        elif tag == "input" and self.inside and given["type"] != "password":
            self.sent.setdefault(given["name"], []).append(given.get("value") or "")


def form_in(response):
    return Form(response).sent


def enter(browser, response, path, password=PASSWORD):
    """Enter a password in the form that ``response`` shows."""
    return browser.post(path, {**form_in(response), FIELD: password})
