"""``request.session`` and ``request.user``: pure in and out, and a thin shell for each colour.

Both are subclasses of Django's, so that whoever looks for those finds these. Neither adds a thread hop
under ASGI, as the stock ones do, and neither does any work for a request that touches neither.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast
from weakref import ref

import django
from django.conf import settings
from django.contrib.auth import aget_user, get_user
from django.contrib.auth import middleware as django_auth
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions import middleware as django_sessions
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject, empty
from django.utils.module_loading import import_string

from frontdesk import carriers, clock, policy
from frontdesk.conf import options
from frontdesk.drive import Flow, arun, hop, run
from frontdesk.errors import StorageUnavailable
from frontdesk.policy import Closing, Outcome
from frontdesk.session import Session
from frontdesk.unavailable import unavailable
from frontdesk.users import user_of

logger = logging.getLogger("frontdesk")


class SessionMiddleware(django_sessions.SessionMiddleware):
    """Gives ``request.session``, and decides once, at the end, what becomes of it."""

    def __call__(self, request: HttpRequest) -> Any:
        if self.async_mode:
            return self.__acall__(request)
        self.process_request(request)
        try:
            response: Any = self.get_response(request)
        except StorageUnavailable as error:
            return unavailable(error)
        return self.process_response(request, response)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        self.process_request(request)
        try:
            response: HttpResponseBase = await cast(Any, self.get_response)(request)
        except StorageUnavailable as error:
            return unavailable(error)
        session: Any = request.session
        if not isinstance(session, Session):
            return await hop(self.process_response, request, response)
        if _is_left_alone(session, response):
            return response
        return await arun(_closed(request, session, response))

    def process_request(self, request: HttpRequest) -> None:
        """Attach a session that reads nothing until it is touched."""
        engine: Any = self.SessionStore
        if issubclass(engine, Session):
            request.session = engine.brought_by(request)
        else:
            request.session = engine(carriers.key_in(request))
        request._frontdesk_began = time.monotonic()  # type: ignore[attr-defined]

    def process_response(  # type: ignore[override]
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Close the session and return the response, or a 503 if what it changed cannot be kept."""
        session = getattr(request, "session", None)
        if not isinstance(session, Session):  # an engine of Django's, or a test's dictionary
            return super().process_response(request, cast(HttpResponse, response))
        if _is_left_alone(session, response):
            return response
        return run(_closed(request, session, response))

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer a view that needed the session while its storage was down."""
        return unavailable(exception) if isinstance(exception, StorageUnavailable) else None


class AuthenticationMiddleware(django_auth.AuthenticationMiddleware):
    """Gives ``request.user`` and ``request.auser``, which come with the session in one read."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if any(_requires_login(path) for path in settings.MIDDLEWARE):
            # That one asks for the user outside of any view, where Django turns an exception into a
            # 500. So the user is asked for here just before, and an outage is answered.
            guard = self._aguard if self.async_mode else self._guard
            self.process_view = guard

    def __call__(self, request: HttpRequest) -> Any:
        # One body for both colours, as nothing here waits: the coroutine is the caller's to await.
        self.process_request(request)
        return self.get_response(request)

    def process_request(self, request: HttpRequest) -> None:
        """Attach a user that is not looked up until it is touched."""
        session = getattr(request, "session", None)
        if not isinstance(session, Session):
            # An engine of Django's; a system check says what that costs. Or no session: this explains it.
            super().process_request(request)
            return
        session.with_user = True
        # If they held the request, it would be in a cycle, and left to the garbage collector. The session
        # is for those who keep the user longer than the request.
        whose = ref(request)
        # Django's lazy object, made without its detour through __setattr__, which would be most of what
        # this costs a page that does not ask who is there.
        lazy: Any = _LazyUser.__new__(_LazyUser)
        _set(lazy, "_setupfunc", partial(_user, session, whose))
        request.user = lazy
        request.auser = partial(_auser, session, whose)  # type: ignore[assignment]

    def _guard(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponseBase | None:
        if not _is_guarded(view):
            return None
        try:
            bool(request.user.is_authenticated)
        except StorageUnavailable as error:
            return unavailable(error)
        return None

    async def _aguard(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponseBase | None:
        if not _is_guarded(view):
            return None
        try:
            await request.auser()
        except StorageUnavailable as error:
            return unavailable(error)
        return None


User = AbstractBaseUser | AnonymousUser


def _user(session: Session, whose: "ref[HttpRequest]") -> User:
    request = whose()
    if request is None:
        return run(user_of(session)) or AnonymousUser()
    kept = request.__dict__
    if "_cached_user" not in kept:  # Django's own name for it, which others know
        found: Any = request.session  # somebody may have put another one there
        known = run(user_of(found)) if isinstance(found, Session) else get_user(request)
        kept["_cached_user"] = known or AnonymousUser()
    return kept["_cached_user"]  # type: ignore[no-any-return]


async def _auser(session: Session, whose: "ref[HttpRequest]") -> User:
    request = whose()
    if request is None:
        return await arun(user_of(session)) or AnonymousUser()
    kept = request.__dict__
    if "_acached_user" not in kept:  # apart from the other, as login() and logout() replace but one
        found: Any = request.session
        known = (
            await arun(user_of(found)) if isinstance(found, Session) else await aget_user(request)
        )
        kept["_acached_user"] = known or AnonymousUser()
        # What is known needs no second look, so async views may hand request.user to a template.
        kept.setdefault("_cached_user", kept["_acached_user"])
    return kept["_acached_user"]  # type: ignore[no-any-return]


def _is_guarded(view: Any) -> bool:
    # Before 6.1, Django's middleware asks for the user even where it will let anybody pass.
    return django.VERSION < (6, 1) or getattr(view, "login_required", True)


def _requires_login(path: str) -> bool:
    middleware = import_string(path)
    return isinstance(middleware, type) and issubclass(
        middleware, django_auth.LoginRequiredMiddleware
    )


class _LazyUser(SimpleLazyObject):  # type: ignore[type-arg]
    _wrapped = empty


_set = object.__setattr__


def _is_left_alone(session: Session, response: HttpResponseBase) -> bool:
    """Whether nothing is to be done to the session, as after most requests; no flow is needed for that."""
    if settings.SESSION_SAVE_EVERY_REQUEST or session.modified:
        return False
    if session.find_key is not None and not session.accessed:
        return True
    if session.unavailable or response.status_code >= 400:
        return False
    if not policy.is_at_rest(session.standing, session.record, options(), clock.now()):
        return False
    _told_to_caches(session, response)
    return True


def _closed(
    request: HttpRequest, session: Session, response: HttpResponseBase
) -> Flow[HttpResponseBase]:
    """Close ``session`` and return what to answer."""
    if session.unavailable:
        # Not asked again: each time may take as long as the client's timeout.
        if response.status_code == 500:
            return unavailable(session.unavailable)
        _told_to_caches(session, response)
        return response
    try:
        if response.status_code >= 400:
            yield from session.flushed_again()
        if session.accessed or settings.SESSION_SAVE_EVERY_REQUEST:
            yield from session.opened()
            _told_to_caches(session, response)
            yield from _carried_out(request, session, response)
    except StorageUnavailable as error:
        return unavailable(error)
    return response


def _told_to_caches(session: Session, response: HttpResponseBase) -> None:
    if session.accessed:
        carriers.depends_on_cookie(response)
        if session.signed_in:
            carriers.is_personal(response)


def _carried_out(request: HttpRequest, session: Session, response: HttpResponseBase) -> Flow[None]:
    record = session.record
    decision = policy.closing(
        Outcome(
            standing=session.standing,
            overtaken=session.overtaken,
            modified=session.modified or settings.SESSION_SAVE_EVERY_REQUEST,
            empty=session.is_empty(),
            cookie_sent=session.came is not None,
            failed=response.status_code >= 500,
            quick=time.monotonic() - request._frontdesk_began < policy.CLEARING_WINDOW,  # type: ignore[attr-defined]
            touch_due=record is not None and policy.touch_is_due(record, options(), clock.now()),
        )
    )
    if decision is Closing.CLEAR_COOKIE:
        carriers.take_back(response)
    elif decision is Closing.TOUCH:
        yield from _touched(session)
    elif decision is Closing.SAVE and (yield from _saved(session)):
        news = session.new_expiry or session.session_key != session.came
        if news or settings.SESSION_SAVE_EVERY_REQUEST:
            _hand_out(session, response)


def _saved(session: Session) -> Flow[bool]:
    try:
        yield from session.saved()
    except UpdateError:
        # Not Django's 400: the person has just signed out, and this answer is on its way to them.
        logger.info(
            "Session %s ended while a request was using it; what that request changed in it is gone.",
            session.record and session.record.digest,
        )
        return False
    return True


def _touched(session: Session) -> Flow[None]:
    # The page needed only to read; when the person was last seen can wait for the storage's return.
    with suppress(StorageUnavailable):
        yield from session.touched()


def _hand_out(session: Session, response: HttpResponseBase) -> None:
    key, record = session.session_key, session.record
    if key is not None and record is not None:  # as it is once something was stored
        until_closed = session.get_expire_at_browser_close()
        age = None if until_closed else policy.cookie_age(record, clock.now())
        carriers.hand_out(response, key, age)
