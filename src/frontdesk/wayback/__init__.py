"""Django's session engines, which still find the sessions that frontdesk has kept.

``SESSION_ENGINE = "frontdesk.wayback.db"`` (or ``cached_db``, ``cache``, ``file``), with Django's own
middlewares, is the way back that signs nobody out. A cookie that the engine does not know is looked for
in frontdesk's storage and among what ``manage.py frontdesk export`` has left, and its session moves to
the engine at once. Everything else is Django's. Once all older sessions are over, the project names
Django's engine itself.
"""
