"""Reports of errors say nothing of what was posted while a password is being checked.

Django's ``sensitive_variables()`` hides the variables of a function and of those that it calls, but only
down to the next one that is decorated too; ``authenticate()`` is, so it does not reach the back ends.
"""

from collections.abc import Callable
from types import FrameType
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter, get_exception_reporter_filter

FILTER = "exception_reporter_filter"
"""The attribute of a request by which a view chooses what its reports say.

https://docs.djangoproject.com/en/stable/howto/error-reporting/#custom-error-reports
"""

POSTED = "sensitive_post_parameters"
"""The attribute that Django's decorator of this name sets."""


class _NoVariables:
    """The filter that the project uses, but without variables; with ``DEBUG`` all is shown, as ever."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def get_traceback_frame_variables(self, request: HttpRequest | None, frame: FrameType) -> Any:
        if settings.DEBUG:
            return self._own.get_traceback_frame_variables(request, frame)
        return [(name, SafeExceptionReporterFilter.cleansed_substitute) for name in frame.f_locals]


def hide(request: HttpRequest) -> Callable[[], None]:
    """Keep variables and all that was posted out of reports, until what is returned is called.

    After an error it must not be called, as the report is yet to come.
    """
    kept = request.__dict__
    ours = {FILTER: _NoVariables(get_exception_reporter_filter(request)), POSTED: "__ALL__"}
    before = {name: kept[name] for name in ours if name in kept}
    kept.update(ours)

    def restore() -> None:
        for name in ours:
            kept.pop(name, None)
        kept.update(before)

    return restore
