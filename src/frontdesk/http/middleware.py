"""``request.session`` and ``request.user``: what happens before the view, and what after it.

Both classes inherit from Django's, because other code looks for those. Neither adds a thread hop under
ASGI, and neither reads anything for a request that touches neither attribute.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, cast
from weakref import ref

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    aget_user,
    get_user,
    get_user_model,
    load_backend,
)
from django.contrib.auth import middleware as django_auth
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions import middleware as django_sessions
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from frontdesk.conf import options
from frontdesk.core import clock, policy
from frontdesk.core.flow import Call, Flow, arun, blocking, run
from frontdesk.core.record import UNCHANGED
from frontdesk.errors import StorageUnavailable
from frontdesk.http import transport
from frontdesk.http.problems import problem
from frontdesk.http.session import SessionStore
from frontdesk.http.state import State
from frontdesk.http.unavailable import unavailable
from frontdesk.models import is_plain
from frontdesk.storages.rows import ByPk

logger: logging.Logger = logging.getLogger("frontdesk")

MAX_INTEGER: Final = 2**31 - 1
"""Django's own look-up knows which larger keys a database cannot have."""

_users: Final = ByPk()

AtEnd = Callable[[HttpResponseBase | None], Flow[None]]

AT_END: Final = "_frontdesk_at_end"
"""The attribute of a request that :func:`at_end` uses."""

# A weak reference, because tasks that outlive the request have a copy of its context.
_serving: ContextVar["ref[HttpRequest] | None"] = ContextVar("frontdesk_request", default=None)


class SessionMiddleware(django_sessions.SessionMiddleware):
    """Sets ``request.session``, and decides at the end of the request what becomes of the session."""

    def __call__(self, request: HttpRequest) -> Any:
        if self.async_mode:
            return self.__acall__(request)
        if (refusal := self.process_request(request)) is not None:
            return refusal
        token = _serving.set(ref(request))
        try:
            response: Any = self.get_response(request)
            response = self.process_response(request, response)
        except StorageUnavailable as error:
            response = unavailable(error, request)
        finally:
            _serving.reset(token)
        if AT_END in vars(request):
            run(_end(request, response))
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        if (refusal := self.process_request(request)) is not None:
            return refusal
        token = _serving.set(ref(request))
        try:
            response: HttpResponseBase = await cast(Any, self.get_response)(request)
            session: Any = request.session
            if isinstance(session, SessionStore):
                response = await arun(_close(request, session, response))
            else:
                response = await sync_to_async(self.process_response)(request, response)
        except StorageUnavailable as error:
            response = unavailable(error, request)
        except asyncio.CancelledError:
            # The client has gone. A sync view still runs, in the thread that this waits for.
            await sync_to_async(_end_unanswered)(request)
            raise
        finally:
            _serving.reset(token)
        if AT_END in vars(request):
            await arun(_end(request, response))
        return response

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:  # type: ignore[override]
        """Attach a session, which reads nothing until it is touched. Or refuse the request."""
        carrier = transport.carrier_of(request)
        if carrier is transport.HEADER and not transport.may_use_header(request):
            return _carrier_refused()
        request.session = self.SessionStore(carrier.key_in(request))
        if isinstance(request.session, SessionStore):
            request.session.carrier = carrier
            request.session.meta = request.META
            request.session.began = time.monotonic()
        if carrier is transport.HEADER:
            # No browser adds this header by itself, so no other site can make one send it. Django has no
            # public way to say so. This is the attribute that its test client and other packages set.
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return None

    def process_response(  # type: ignore[override]
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Close the session and return the response, or a 503 if the changes cannot be stored."""
        session = getattr(request, "session", None)
        if isinstance(session, SessionStore):
            return run(_close(request, session, response))
        # An engine of Django's, or the dictionary of a test.
        return super().process_response(request, cast(HttpResponse, response))

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer a view that needed the session while its storage could not answer."""
        is_outage = isinstance(exception, StorageUnavailable)
        return unavailable(exception, request) if is_outage else None


class AuthenticationMiddleware(django_auth.AuthenticationMiddleware):
    """Sets ``request.user`` and ``request.auser()``, which come with the session in one read."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if any(_requires_login(path) for path in settings.MIDDLEWARE):
            # LoginRequiredMiddleware asks for the user outside of any view, where Django makes a 500 of an
            # exception. So the user is read here, just before, and an outage becomes a 503.
            self.process_view: Callable[..., Any] = (
                self._aread_user if self.async_mode else self._read_user
            )

    def __call__(self, request: HttpRequest) -> Any:
        # Nothing waits here, so this serves sync and async: the coroutine is the caller's to await.
        self.process_request(request)
        return self.get_response(request)

    def process_request(self, request: HttpRequest) -> None:
        """Attach a user, who is not read until touched."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            # An engine of Django's, of which a system check warns; or no session, which Django explains.
            super().process_request(request)
            return
        session.with_user = True
        # A weak reference, because a request in a reference cycle waits for the garbage collector.
        weak = ref(request)
        request.user = SimpleLazyObject(partial(_user, session, weak))  # type: ignore[assignment]
        request.auser = partial(_auser, session, weak)

    def _read_user(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponseBase | None:
        try:
            if _is_protected(view):
                bool(request.user.is_authenticated)
        except StorageUnavailable as error:
            return unavailable(error, request)
        return None

    async def _aread_user(
        self, request: HttpRequest, view: Any, *_: Any
    ) -> HttpResponseBase | None:
        try:
            if _is_protected(view):
                await request.auser()
        except StorageUnavailable as error:
            return unavailable(error, request)
        return None


def current_request() -> HttpRequest | None:
    """Return the request that is being served; ``None`` in a script, and after the response.

    For receivers of signals that Django sends without the request.
    """
    known = _serving.get()
    return None if known is None else known()


def set_user(request: HttpRequest, user: Any) -> None:
    """Let ``user`` be the user of ``request`` from now on."""

    async def auser() -> Any:
        return user

    request.user, request.auser = user, auser


def at_end(request: HttpRequest, function: AtEnd) -> None:
    """Run ``function(response)`` when ``request`` is answered, outside of the transaction of its view.

    The response is ``None`` if the client has gone before that. The function should not raise.
    """
    vars(request).setdefault(AT_END, []).append(function)


def _end(request: HttpRequest, response: HttpResponseBase | None) -> Flow[None]:
    for function in vars(request).pop(AT_END, ()):
        yield from function(response)


def _end_unanswered(request: HttpRequest) -> None:
    run(_end(request, None))


def _user(session: SessionStore, weak: "ref[HttpRequest]") -> Any:
    request = weak()
    if request is None:  # code that runs after the response has kept the user
        return run(user_of(session)) or AnonymousUser()
    # By attribute: a local name for request.__dict__ would show the cookie in error reports.
    if not hasattr(request, "_cached_user"):  # the name that Django uses, and other packages know
        current: Any = request.session  # perhaps another one by now
        ours = isinstance(current, SessionStore)
        request._cached_user = (  # type: ignore[attr-defined]
            run(user_of(current)) or AnonymousUser() if ours else get_user(request)
        )
    return request._cached_user  # type: ignore[attr-defined]


async def _auser(session: SessionStore, weak: "ref[HttpRequest]") -> Any:
    request = weak()
    if request is None:
        return await arun(user_of(session)) or AnonymousUser()
    # Not the name of the sync one, because login() and logout() replace only one of the two.
    if not hasattr(request, "_acached_user"):
        current: Any = request.session
        ours = isinstance(current, SessionStore)
        request._acached_user = (  # type: ignore[attr-defined]
            await arun(user_of(current)) or AnonymousUser() if ours else await aget_user(request)
        )
        # So async views may give request.user to a template.
        if not hasattr(request, "_cached_user"):
            request._cached_user = request._acached_user  # type: ignore[attr-defined]
    return request._acached_user  # type: ignore[attr-defined]


def user_of(session: SessionStore) -> Flow[AbstractBaseUser | None]:
    """Return the user who is signed in with ``session``, or ``None``.

    As in Django, a session that was made with another password has no user, and one whose hash was made
    with a secret in ``SECRET_KEY_FALLBACKS`` gets a new hash. Unlike in Django, the latter keeps its key,
    since that does not depend on the secret, and a new key would turn away concurrent requests.
    """
    values = yield from session.open()
    path: str = values.get(BACKEND_SESSION_KEY, "")
    if SESSION_KEY not in values or path not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = yield from _fetch(session, load_backend(path), values[SESSION_KEY])
    if user is None or not hasattr(user, "get_session_auth_hash"):
        return user  # type: ignore[no-any-return]
    known = values.get(HASH_SESSION_KEY) or ""
    current = user.get_session_auth_hash()
    if constant_time_compare(known, current):
        return user  # type: ignore[no-any-return]
    if any(constant_time_compare(known, old) for old in user.get_session_auth_fallback_hash()):
        session[HASH_SESSION_KEY] = current
        return user  # type: ignore[no-any-return]
    yield from session.disown()
    return None


def _fetch(session: SessionStore, backend: Any, user_id: Any) -> Flow[Any]:
    """Return what ``backend.get_user()`` would, from the session's own read where that is the same."""
    read_along, session.user = session.user, UNCHANGED
    record = session.record
    its_own = record is not None and record.user_id == str(user_id)
    return (yield from user_from(backend, user_id, read_along if its_own else UNCHANGED))


def user_from(backend: Any, user_id: Any, read_along: Any = UNCHANGED) -> Flow[Any]:
    """Return what ``backend.get_user()`` would: ``read_along``, the user's row, where that is the same.

    ``user_id`` is the primary key as text. ``read_along`` is ``None`` if there is no such row, and
    ``UNCHANGED`` if it was not read.
    """
    plain = _gets_user_plainly(type(backend))
    if plain and read_along is not UNCHANGED:
        user = read_along
    else:
        model: Any = get_user_model()
        pk = model._meta.pk.to_python(user_id)
        too_large = isinstance(pk, int) and abs(pk) > MAX_INTEGER
        if too_large or not plain or not is_plain(model):
            return (yield Call(backend, "get_user", (pk,)))
        user = yield blocking(_users.get, model, pk)
    return user if user is None or backend.user_can_authenticate(user) else None


def _gets_user_plainly(backend: type[Any]) -> bool:
    """Return whether ``backend`` has inherited ``ModelBackend.get_user`` and its twin."""
    return (
        issubclass(backend, ModelBackend)
        and backend.get_user is ModelBackend.get_user
        and backend.aget_user is ModelBackend.aget_user
    )


def _is_protected(view: Any) -> bool:
    # Before 6.1, Django's middleware asks for the user of every view.
    return django.VERSION < (6, 1) or getattr(view, "login_required", True)


def _requires_login(path: str) -> bool:
    middleware = import_string(path)
    return isinstance(middleware, type) and issubclass(
        middleware, django_auth.LoginRequiredMiddleware
    )


def _carrier_refused() -> HttpResponseBase:
    return problem(
        403,
        "carrier_refused",
        "A page in a browser sent a session key in the Authorization header. Pages use the session cookie.",
    )


def _close(
    request: HttpRequest, session: SessionStore, response: HttpResponseBase
) -> Flow[HttpResponseBase]:
    """Close ``session`` and return the response to send."""
    session.carrier.finish(response)
    if session.outage is not None:
        # The storage is not asked again, because each time may take as long as the client's timeout.
        if response.status_code == 500:
            return unavailable(session.outage, request)
        return response
    try:
        yield from session.end_again()
        if session.accessed or settings.SESSION_SAVE_EVERY_REQUEST:
            yield from session.open()
            transport.vary(response, personal=session.signed_in)
            yield from _store(session, response)
    except StorageUnavailable as error:
        return unavailable(error, request)
    return response


def _store(session: SessionStore, response: HttpResponseBase) -> Flow[None]:
    """Store what the request has changed, or that the session was used. Or clear the cookie."""
    if session.overtaken:
        return
    if session.is_empty():
        is_quick = time.monotonic() - session.began < policy.CLEARING_WINDOW
        unknown = session.state is State.UNKNOWN and is_quick
        if session.key_came and (unknown or session.state is State.NEW):
            session.carrier.clear_key(response)
    elif response.status_code >= 500:
        return  # as in Django
    elif session.modified or settings.SESSION_SAVE_EVERY_REQUEST:
        yield from _save(session, response)
    elif session.record is not None and policy.activity_is_due(
        session.record, options().limits, clock.now()
    ):
        # The page only needed to read. When the session was used can be recorded later.
        with suppress(StorageUnavailable):
            yield from session.record_activity()
            _set_cookie(session, response)


def _save(session: SessionStore, response: HttpResponseBase) -> Flow[None]:
    try:
        # The method, not its flow, because a project's engine may extend it.
        yield Call(session, "save")
    except UpdateError:
        # Django answers with a 400 here. But the user has just signed out, and this response is for them.
        logger.info(
            "Session %s ended during a request. What the request changed in it is lost.",
            session.session_id,
        )
        return
    _set_cookie(session, response)


def _set_cookie(session: SessionStore, response: HttpResponseBase) -> None:
    if session.key_changed or session.cookie_changed or settings.SESSION_SAVE_EVERY_REQUEST:
        until_closed = session.get_expire_at_browser_close()
        age = None if until_closed else policy.cookie_age(session.live_record, clock.now())
        session.carrier.send_key(response, session.live_key, age)
