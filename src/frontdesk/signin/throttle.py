"""The throttle: passwords cannot be guessed, and a stranger cannot lock a user out (OWASP ASVS 6.3.1).

:mod:`frontdesk.core.throttle` has the rules, :mod:`frontdesk.signin.bucket_names` says what an attempt
counts in, :mod:`frontdesk.signin.counting` has the counts, and :mod:`frontdesk.signin.device` the cookie of
known devices. This module connects them with a request.

An attempt is counted before the password is checked, as if it had failed. It is taken back when the request
is answered and ``user_login_failed`` was not sent for it: the password was right, or nothing was checked.
Outside of a request, in scripts and in the test client's ``login()``, nothing is counted.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib.auth import get_backends
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import get_random_string

from frontdesk.conf import options
from frontdesk.core import clock
from frontdesk.core.flow import Call, Flow, blocking, sync, twin
from frontdesk.core.throttle import Window
from frontdesk.errors import StorageUnavailable
from frontdesk.http.middleware import at_end, current_request
from frontdesk.models import Throttle, short_name
from frontdesk.signals import expired_purged, sign_in_throttled, user_reauthenticated
from frontdesk.signin import bucket_names, counting, device
from frontdesk.signin.bucket_names import Bucket, Kind, typed_hashes
from frontdesk.signin.device import Device
from frontdesk.signin.names import name_in, name_stored_for, names_of
from frontdesk.storages.outage import Outage

logger: logging.Logger = logging.getLogger("frontdesk")

UID: Final = "frontdesk.throttle"

ATTEMPTS: Final = "_frontdesk_attempts"
"""The attribute of a request that holds its attempts."""

outage: Outage = Outage("The sign-in throttle", "No password is checked meanwhile.")


@dataclass(eq=False, slots=True)
class _Attempt:
    """A password that was entered, or a mail that was asked for."""

    buckets: Sequence[Bucket]
    typed: Sequence[str] = ()
    """The hashes of the name as it was typed: with the current secret, and with former ones."""
    failed: bool = False
    counted_in: list[Bucket] = field(default_factory=list)
    counted_at: int = 0
    in_transaction: bool = False
    """Whether it was counted in a transaction of the project, which may undo that."""
    committed: bool = False

    def commit(self) -> None:
        self.committed = True

    @property
    def is_settled(self) -> bool:
        return not self.counted_in or (self.failed and not self.in_transaction)


@dataclass(eq=False, slots=True)
class _Attempts:
    """The attempts of a request."""

    device: Device | None
    all: list[_Attempt] = field(default_factory=list)
    proved: _Attempt | None = None
    """The attempt with which the user has signed in."""
    accounts: list[Sequence[str]] = field(default_factory=list)
    """Of a user who has proved in another way whose account it is: the hashes of each name, as typed."""
    retry_at: int | None = None
    """When the network may try again, if it was refused."""

    def failed(self, typed: Sequence[str]) -> None:
        """Note that a password for the name with the hashes ``typed`` was wrong.

        If none was entered for it, the last one was: the signal hides the name if its field is called
        "api_user", for example.
        """
        open = [each for each in reversed(self.all) if not each.failed]
        same = [each for each in open if each.typed == typed]
        for each in (same or open)[:1]:
            each.failed = True


class _Refusal(NamedTuple):
    bucket: Bucket
    window: Window


def listen() -> None:
    """Connect the receivers below."""
    user_login_failed.connect(password_failed, dispatch_uid=UID)
    user_logged_in.connect(password_proved, dispatch_uid=UID)
    user_reauthenticated.connect(password_proved, dispatch_uid=UID)
    expired_purged.connect(purge, dispatch_uid=UID)


# For the backend.


@sync
def admit(name: Any) -> Flow[bool]:
    """Count an attempt with the name that was typed, and return whether the password may be checked.

    Raises :exc:`~frontdesk.errors.StorageUnavailable` if that cannot be counted.
    """
    request = current_request()
    if request is None:
        return True
    attempts = _get_or_create_attempts(request)
    stored = yield blocking(name_stored_for, name)
    typed = typed_hashes(name)
    sent = attempts.device
    known = sent if sent is not None and sent.knows(typed) else None
    buckets = bucket_names.for_password(request.META, stored, known)
    return (yield from _count_in(request, attempts, _Attempt(buckets, typed)))


aadmit: Final = twin(admit)


@sync
def refuse(request: Any, name: Any) -> Flow[None]:
    """Take as long as for a wrong password, so that a refusal cannot be told from one.

    Django's own backend checks a random password, which takes the same for known and for unknown users.
    """
    if any(isinstance(each, ModelBackend) for each in get_backends()):
        yield Call(ModelBackend(), "authenticate", (request, name, get_random_string(32)))


arefuse: Final = twin(refuse)


# For views.


def has_counted(request: HttpRequest) -> bool:
    """Return whether a password was given in this request, be it refused, wrong or right."""
    return _attempts_of(request) is not None


def retry_after(request: HttpRequest | None) -> int | None:
    """Return the seconds after which the network of ``request`` may try again.

    ``None`` if nothing in this request was refused because of its network. A view then answers as for a
    wrong password, because more would tell whether there is an account.
    """
    attempts = _attempts_of(request)
    if attempts is None or attempts.retry_at is None:
        return None
    return max(1, -(-(attempts.retry_at - clock.now()) // clock.SECOND))


@sync
def may_send_reset(request: HttpRequest, address: str) -> Flow[bool]:
    """Count a mail to set a new password, and return whether it may be sent.

    It counts for the address that was typed, and for the network. Raises
    :exc:`~frontdesk.errors.StorageUnavailable` if that cannot be counted.
    """
    buckets = bucket_names.for_reset(request.META, address)
    attempt = _Attempt(buckets, failed=True)  # so it is never taken back
    return (yield from _count_in(request, _get_or_create_attempts(request), attempt))


amay_send_reset: Final = twin(may_send_reset)


def know_device(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Let the browser of ``request`` be a known device of ``user``, who has not entered a password.

    Call it when the user has proved whose account it is: by the link in a mail, for example. So a user with
    a new browser can sign in, even while strangers use up all attempts.
    """
    _get_or_create_attempts(request).accounts += [typed_hashes(name) for name in names_of(user)]


# Receivers.


def password_failed(credentials: Mapping[str, Any], **_kwargs: Any) -> None:
    """Receive ``user_login_failed``."""
    attempts = _attempts_of(current_request())
    if attempts is not None:
        attempts.failed(typed_hashes(name_in(credentials)))


def password_proved(**_kwargs: Any) -> None:
    """Receive ``user_logged_in`` and :data:`frontdesk.signals.user_reauthenticated`."""
    attempts = _attempts_of(current_request())
    if attempts is not None and attempts.all:
        attempts.proved = attempts.all[-1]


def purge(**_kwargs: Any) -> None:
    """Receive :data:`frontdesk.signals.expired_purged`: a purge of the sessions purges the counts, too."""
    while counting.purge():
        pass


# The attempts of a request.


def _attempts_of(request: Any) -> _Attempts | None:
    return getattr(request, ATTEMPTS, None)


def _get_or_create_attempts(request: HttpRequest) -> _Attempts:
    attempts = _attempts_of(request)
    if attempts is None:
        known = None if options().throttle_device is None else device.device_of(request)
        attempts = _Attempts(known)
        setattr(request, ATTEMPTS, attempts)
        at_end(request, partial(_end, attempts))
    return attempts


def _count_in(request: HttpRequest, attempts: _Attempts, attempt: _Attempt) -> Flow[bool]:
    attempts.all.append(attempt)
    if not attempt.buckets:
        return True
    refusal = yield from outage.watch(blocking(_count, attempt, request))
    if refusal is None:
        return True
    if refusal.bucket.kind is Kind.NETWORK:
        attempts.retry_at = refusal.window.until
    return False


def _count(attempt: _Attempt, request: HttpRequest) -> _Refusal | None:
    """Count ``attempt`` in its buckets, and return the first one that is full. The rest is left alone."""
    attempt.in_transaction = counting.in_transaction()
    if attempt.in_transaction:
        counting.on_commit(attempt.commit)
    for bucket in attempt.buckets:
        # Only a refusal because of the network may be told from a wrong password.
        alike = bucket.kind is not Kind.NETWORK
        full = counting.take(bucket.name, bucket.limit, alike=alike)
        if full is not None:
            attempt.failed = True
            if not full.reported and counting.report(bucket.name, full):
                _report(bucket, full, request)
            return _Refusal(bucket, full)
        attempt.counted_in.append(bucket)
        attempt.counted_at = clock.now()
    return None


def _report(bucket: Bucket, window: Window, request: HttpRequest) -> None:
    until = clock.to_datetime(window.until)
    logger.warning(
        "Sign-in throttle: the bucket %s has counted %d attempts and takes no more until %s.",
        short_name(bucket.name),
        window.attempts,
        until.isoformat(timespec="seconds"),
    )
    sign_in_throttled.send_robust(Throttle, request=request, kind=str(bucket.kind), until=until)


def _end(attempts: _Attempts, response: HttpResponseBase | None) -> Flow[None]:
    if response is None:
        # An async view may have been cancelled before user_login_failed was sent.
        for each in attempts.all:
            each.failed |= each is not attempts.proved
    if not all(each.is_settled for each in attempts.all):
        try:
            yield from outage.watch(blocking(_settle, attempts.all))
        except StorageUnavailable as error:
            logger.error("Sign-in attempts that succeeded stay counted as failed. %s", error)
    if response is None:
        return
    accounts, proved = attempts.accounts, attempts.proved
    # Not for a program, which gets no cookie of a session either.
    if proved and not proved.failed and settings.SESSION_COOKIE_NAME in response.cookies:
        accounts = [*accounts, proved.typed]
    if any(accounts) and options().throttle_device is not None:
        known = attempts.device or device.new()
        for hashes in filter(None, accounts):
            known = known.with_account(hashes)
        device.set_cookie(response, known)


def _settle(attempts: Sequence[_Attempt]) -> None:
    """Take back what did not fail, and count again what failed and was rolled back with the view."""
    still_inside = counting.in_transaction()  # of a test case
    for attempt in attempts:
        undone = attempt.in_transaction and not attempt.committed and not still_inside
        for bucket in attempt.counted_in:
            if attempt.failed and undone:
                counting.take(bucket.name, bucket.limit, over=True)
            elif not attempt.failed and not undone:
                counting.give_back(bucket.name, attempt.counted_at)
