"""The pages where passwords and mails are asked for: what they say when there were too many."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path, reverse
from django.utils import translation

from frontdesk.models import Throttle
from frontdesk.views import LoginView, PasswordChangeView
from tests.pages import urls
from tests.pages.catalogue import PASSWORD, page, reset_link

pytestmark = pytest.mark.django_db

urlpatterns = [
    path("admin/login/", LoginView.as_view(next_page="admin:index")),
    path("admin/password_change/", PasswordChangeView.as_view()),
    path("admin/", admin.site.urls),
    *urls.urlpatterns,
]


@pytest.fixture(autouse=True)
def _throttled(settings):
    settings.AUTHENTICATION_BACKENDS = [
        "frontdesk.backends.ThrottleBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]


def sign_in(name, password="wrong", browser=None, ip="203.0.113.7"):
    form = {"username": name, "password": password}
    return (browser or Client()).post(reverse("login"), form, REMOTE_ADDR=ip)


def ask_for_a_mail(address, browser=None, ip="203.0.113.7"):
    return (browser or Client()).post(reverse("password_reset"), {"email": address}, REMOTE_ADDR=ip)


def without_token(response):
    text = response.content.decode()
    return "".join(line for line in text.splitlines() if "csrfmiddlewaretoken" not in line)


# --- signing in -----------------------------------------------------------------------------------


def test_a_throttled_account_is_a_wrong_password(user):
    wrong = sign_in(user.username)
    for _ in range(9):
        sign_in(user.username)
    refused = sign_in(user.username, PASSWORD)
    assert refused.status_code == wrong.status_code == 200
    assert without_token(refused) == without_token(wrong)
    assert "Retry-After" not in refused.headers


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "the right one is refused for a while"),
        ("de", "wird eine Zeit lang auch das richtige"),
    ],
)
def test_each_wrong_password_is_told_how_to_go_on_after_many(user, language, words):
    with translation.override(language):
        assert words in page(sign_in(user.username)).text
        assert words in page(sign_in("nobody of that name")).text
        assert words not in page(Client().get(reverse("login"))).text


def test_nothing_is_said_of_refusals_where_nothing_counts(user, settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert "refused for a while" not in page(sign_in(user.username)).text


@pytest.fixture
def full_network(user, configure, clock):
    for number in range(101):
        answer = sign_in(f"name{number}")
    return answer


def test_a_throttled_network_is_told_when_to_try_again(full_network, clock):
    clock.move(minutes=5)
    answer = sign_in("ada", PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "600"
    assert "Too many sign-ins from your network have failed" in page(answer).text
    assert "Please enter a correct username" not in page(answer).text
    assert "refused for a while" not in page(answer).text


def test_a_throttled_network_is_told_in_german(full_network):
    with translation.override("de"):
        assert "Zu viele Anmeldungen aus Ihrem Netzwerk" in page(sign_in("ada")).text


def test_a_throttled_network_is_told_nothing_about_accounts(full_network, user):
    known, unknown = sign_in(user.username, PASSWORD), sign_in("o'neil & no")
    text = without_token(known).replace("o&#x27;neil &amp; co", "o&#x27;neil &amp; no")
    assert (text, known.status_code) == (without_token(unknown), unknown.status_code)


@pytest.fixture
def in_the_admin(settings):
    """Put these pages in the place of the admin's own, as docs/howto/throttle.md and passwords.md say."""
    settings.ROOT_URLCONF = __name__
    return "/admin/login/?next=/admin/"


def test_staff_sign_in_to_the_admin_by_this_page(in_the_admin, user):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    browser = Client()
    assert browser.get("/admin/").headers["Location"] == in_the_admin
    form = {"username": user.username, "password": PASSWORD}
    for address in (in_the_admin, "/admin/login/"):
        answer = browser.post(address, form, follow=True)
        assert answer.redirect_chain == [("/admin/", 302)]
        assert answer.status_code == 200


def test_other_users_get_no_further(in_the_admin, user):
    form = {"username": user.username, "password": PASSWORD}
    answer = Client().post(in_the_admin, form, follow=True)
    assert answer.redirect_chain == [("/admin/", 302), (in_the_admin, 302)]
    assert answer.status_code == 200


def test_the_admin_tells_a_throttled_network(in_the_admin, full_network):
    form = {"username": "ada", "password": "wrong"}
    assert Client().post(in_the_admin, form, REMOTE_ADDR="203.0.113.7").status_code == 429


def test_the_admin_counts_the_old_password(in_the_admin, member):
    form = {"old_password": "wrong", "new_password1": "new", "new_password2": "new"}
    assert not Throttle.objects.exists()
    assert member.post("/admin/password_change/", form).status_code == 200
    assert Throttle.objects.exists()


def test_after_the_window_the_network_signs_in(full_network, user, clock):
    clock.move(minutes=15)
    assert sign_in(user.username, PASSWORD).status_code == 302


# --- entering the password while signed in --------------------------------------------------------


@pytest.mark.parametrize("right", [PASSWORD, "another right one"])
def test_a_thief_of_a_session_cannot_guess_the_password(member, user, right):
    """By neither of the pages that ask for it."""
    user.set_password(right)
    user.save()
    member.force_login(user)
    new = {"new_password1": "one of my own", "new_password2": "one of my own"}
    for number in range(10):
        if number % 2:
            member.post(reverse("reauthenticate"), {"reauthenticate-password": "wrong"})
        else:
            member.post(reverse("password_change"), {"old_password": "wrong", **new})
    assert (
        member.post(reverse("password_change"), {"old_password": right, **new}).status_code == 200
    )
    sent = {"reauthenticate-password": right}
    assert member.post(reverse("reauthenticate"), sent).status_code == 200
    user.refresh_from_db()
    assert user.check_password(right)


def test_a_password_change_leaves_no_count(member, user):
    new = {"new_password1": "one of my own", "new_password2": "one of my own"}
    sent = {"old_password": PASSWORD, **new}
    assert member.post(reverse("password_change"), sent).status_code == 302
    assert set(Throttle.objects.values_list("attempts", flat=True)) == {0}


# --- mails to set a new password ------------------------------------------------------------------


def test_an_address_gets_a_limited_number_of_mails(user, mailoutbox):
    answers = [ask_for_a_mail(user.email, ip=f"203.0.{number}.7") for number in range(8)]
    assert len(mailoutbox) == 5
    assert {(each.status_code, each["Location"]) for each in answers} == {
        (302, reverse("password_reset_done"))
    }


def test_after_an_hour_the_address_gets_mails_again(user, mailoutbox, clock):
    for _ in range(8):
        ask_for_a_mail(user.email)
    clock.move(hours=1)
    ask_for_a_mail(user.email.upper())
    assert len(mailoutbox) == 6


def test_a_network_asks_for_a_limited_number_of_mails(db, mailoutbox):
    for number in range(110):
        name = f"user{number}"
        User.objects.create_user(name, f"{name}@example.com", PASSWORD)
        answer = ask_for_a_mail(f"{name}@example.com")
    assert len(mailoutbox) == 100
    assert (answer.status_code, answer["Location"]) == (302, reverse("password_reset_done"))


def test_the_link_in_a_mail_makes_the_device_known(user):
    """So the owner has a way in with a new browser, while strangers use up all attempts."""
    for number in range(12):
        sign_in(user.username, ip=f"203.0.{number}.7")
    new, browser = "a lantern of my own", Client()
    form = browser.get(reset_link(user), follow=True).request["PATH_INFO"]
    browser.post(form, {"new_password1": new, "new_password2": new})
    assert sign_in(user.username, new).status_code == 200
    assert sign_in(user.username, new, browser).status_code == 302


def test_opening_the_link_alone_makes_no_device_known(user):
    browser = Client()
    browser.get(reset_link(user), follow=True)
    assert "frontdesk_device" not in browser.cookies
