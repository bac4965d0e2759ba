"""The two classes for ``MIDDLEWARE``, in place of Django's of the same names."""

from frontdesk.http.middleware import AuthenticationMiddleware, SessionMiddleware

__all__ = ["AuthenticationMiddleware", "SessionMiddleware"]
