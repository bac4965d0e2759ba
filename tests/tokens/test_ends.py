"""What ends API tokens besides their users: new passwords, deleted users, time. And the history of it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.urls import include, path

from frontdesk import api_tokens, history
from frontdesk.errors import StorageUnavailable
from frontdesk.models import ApiToken
from frontdesk.signin import deleted, passwords
from frontdesk.tokens import rows
from tests.fixtures import PASSWORD
from tests.tokens import site
from tests.tokens.conftest import bearer

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another lantern"

urlpatterns = [path("accounts/", include("frontdesk.urls")), *site.urlpatterns]


@pytest.fixture(autouse=True)
def _history(settings, set_options):
    settings.ROOT_URLCONF = __name__
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    set_options(HISTORY_RETENTION=timedelta(days=90))


def recorded(user):
    """Return what the history says about tokens, oldest first."""
    entries = history.recent(user, 100)
    return [entry.in_words for entry in reversed(entries) if entry.token_id]


def change(browser, **more):
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    return browser.post("/accounts/password_change/", {**fields, **more})


# --- passwords ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sessions", ["end", "keep"])
def test_asvs_7_4_3_a_new_password_ends_the_tokens(member, user, text, sessions):
    assert change(member, other_sessions=sessions).status_code == 302
    assert api_tokens.for_user(user) == []
    assert recorded(user) == [
        "API token “backup” created",
        "API token “backup” ended because the password was changed",
    ]


def test_a_user_may_keep_the_tokens(member, user, text):
    assert change(member, keep_api_tokens="on").status_code == 302
    assert len(api_tokens.for_user(user)) == 1
    assert member.get("/orders/", **bearer(text)).status_code == 200


def test_a_password_that_is_not_accepted_ends_none(member, user, text):
    assert change(member, new_password2="a typing error").status_code == 200
    assert len(api_tokens.for_user(user)) == 1


def test_only_users_with_tokens_are_asked_about_them(member, user):
    page = member.get("/accounts/password_change/")
    assert b"keep_api_tokens" not in page.content
    api_tokens.create(user, "backup")
    page = member.get("/accounts/password_change/")
    assert b"keep_api_tokens" in page.content


def test_a_reset_by_mail_ends_them_all(browser, user, text, mailoutbox):
    browser.post("/accounts/password_reset/", {"email": user.email})
    (mail,) = mailoutbox
    link = next(line for line in mail.body.splitlines() if "/reset/" in line)
    form = browser.get(link.removeprefix("http://testserver"))
    browser.post(form["Location"], {"new_password1": NEW, "new_password2": NEW})
    user.refresh_from_db()
    assert user.check_password(NEW)
    assert api_tokens.for_user(user) == []


def test_a_reset_also_ends_a_token_that_is_made_meanwhile(user, text):
    with passwords.reset(user):
        api_tokens.create(user, "of a thief")
        user.set_password(NEW)
        user.save()
    assert api_tokens.for_user(user) == []


# --- deleted users ------------------------------------------------------------------------------


def test_asvs_7_4_2_a_deleted_user_leaves_no_token(user, other_user, text):
    api_tokens.create(other_user, "of another user")
    user.delete()
    assert [row.name for row in ApiToken.objects.all()] == ["of another user"]


def test_a_token_that_could_not_be_deleted_is_logged(user, text, monkeypatch, caplog):
    def fail(*_args):
        raise DatabaseError("down")

    monkeypatch.setattr(rows, "end", fail)
    monkeypatch.setattr(deleted._pending, "users", {})  # other tests have rolled back deletions
    user.delete()
    assert "API tokens of deleted users were not deleted" in caplog.text


@pytest.fixture
def again(user):
    """Delete the user and create another one with the same primary key, at once."""

    def create_again():
        pk = user.pk
        user.delete()
        return User.objects.create_user(pk=pk, username="another")

    return create_again


def test_a_user_who_is_created_again_gets_no_token_of_the_former(browser, user, text, again, clock):
    with transaction.atomic():
        other = again()
        clock.move(seconds=1)
        kept, _text = api_tokens.create(other, "of the new user")
    assert browser.get("/orders/", **bearer(text)).status_code == 401
    assert api_tokens.for_user(other) == [kept]
    assert recorded(other) == ["API token “of the new user” created"]


def test_a_storage_that_cannot_answer_changes_nothing_about_that(
    user, other_user, text, again, monkeypatch
):
    def fail(*_args):
        raise StorageUnavailable("the server is gone")

    monkeypatch.setattr(deleted, "_ending_sessions", fail)
    with transaction.atomic():
        other = again()
        other_user.delete()
    assert api_tokens.for_user(other) == []


def test_a_deletion_that_is_rolled_back_keeps_the_tokens(user, other_user, text, again):
    with transaction.atomic():
        with transaction.atomic():
            again()
            transaction.set_rollback(True)
        other_user.delete()
    assert len(api_tokens.for_user(User.objects.get())) == 1


# --- time ---------------------------------------------------------------------------------------


def test_the_purge_deletes_expired_tokens_and_says_so(clock, user, text):
    api_tokens.create(user, "longer", age=timedelta(days=60))
    clock.move(days=30, minutes=5)
    call_command("clearsessions")
    assert ApiToken.objects.count() == 2  # the clocks of servers differ
    clock.move(minutes=5)
    call_command("clearsessions")
    assert [row.name for row in ApiToken.objects.all()] == ["longer"]
    (token,) = [entry for entry in history.recent(user) if entry.reason == "expired"]
    assert token.in_words == "API token “backup” expired"
    assert token.at == token.until


@pytest.fixture
def mails(set_options):
    set_options(API_TOKEN_MAIL=True)


def test_a_week_before_the_end_users_get_one_mail(clock, user, text, mails, mailoutbox):
    clock.move(days=22)
    call_command("clearsessions")
    assert mailoutbox == []
    clock.move(days=1)
    call_command("clearsessions")
    call_command("clearsessions")
    (mail,) = mailoutbox
    assert mail.to == [user.email]
    assert mail.subject == "Your API token “backup” ends soon"
    assert "of your account ada ends on" in mail.body
    assert text not in mail.body


def test_the_mail_is_off_by_default(clock, text, mailoutbox):
    clock.move(days=25)
    call_command("clearsessions")
    assert mailoutbox == []


def test_there_is_no_mail_about_a_token_of_a_week(clock, user, mails, mailoutbox):
    api_tokens.create(user, "short", age=timedelta(days=7))
    clock.move(days=1)
    call_command("clearsessions")
    assert mailoutbox == []


def test_a_user_who_is_not_active_gets_no_mail(clock, user, text, mails, mailoutbox):
    user.is_active = False
    user.save()
    clock.move(days=25)
    call_command("clearsessions")
    assert mailoutbox == []


def test_a_mail_that_fails_is_logged_and_tried_again(
    clock, user, text, mails, mailoutbox, monkeypatch, caplog
):
    def fail(*_args, **_kwargs):
        raise OSError("no mail server")

    clock.move(days=25)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", fail)
        call_command("clearsessions")
    assert f"API token {text[4:19]} of user {user.pk}" in caplog.text
    call_command("clearsessions")
    assert len(mailoutbox) == 1


def test_a_failure_does_not_stop_the_purge_of_the_sessions(text, monkeypatch, caplog):
    def fail():
        raise RuntimeError("broken")

    monkeypatch.setattr("frontdesk.tokens.purge.purge", fail)
    call_command("clearsessions")
    assert "The API tokens were not purged." in caplog.text


# --- history ------------------------------------------------------------------------------------


def test_the_history_says_what_became_of_a_token(browser, user, text, set_options):
    set_options(TRUSTED_PROXY_COUNT=1)
    for _ in range(2):
        browser.get("/orders/", **bearer(text, **{"X-Forwarded-For": "198.51.100.7"}))
    api_tokens.end_all(user)
    assert recorded(user) == [
        "API token “backup” created",
        "First use of the API token “backup” from this network",
        "API token “backup” ended by the user",
    ]
    entries = {entry.what: entry for entry in history.recent(user)}
    assert entries["token_network"].ip == "198.51.100.7"
    assert {entry.token_id for entry in entries.values()} == {text[4:19]}


def test_the_history_says_nothing_while_none_is_kept(browser, user, set_options):
    set_options(HISTORY_RETENTION=None)
    _info, text = api_tokens.create(user, "backup", ["orders:read"])
    browser.get("/orders/", **bearer(text))
    api_tokens.end_all(user)
    set_options(HISTORY_RETENTION=timedelta(days=90))
    assert history.recent(user) == []
