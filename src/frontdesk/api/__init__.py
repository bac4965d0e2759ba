"""The JSON API: signing in, sessions, history and passwords for programs.

``path("api/auth/", include("frontdesk.api.urls"))``. :mod:`frontdesk.api.endpoints` is the table of all
endpoints. The views are sync and check their input with Django's forms, which hash passwords and use the
database. Under ASGI, Django runs such a view in a thread: one hop, and the event loop never waits.
"""
