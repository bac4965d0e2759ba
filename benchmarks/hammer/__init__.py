"""The hammer: server processes, client processes, real HTTP, and the promises counted.

Run ``make hammer``, or ``python -m benchmarks.hammer --help``. What is promised is in docs/guarantees.md.

- ``places.py``: the storages, each with a server or a directory of its own
- ``settings.py``, ``site.py``: the small project that is served
- ``server.py``: gunicorn with several worker processes
- ``visitor.py``: a browser: one request, a cookie jar, a stopwatch (no Django)
- ``crowd.py``: several client processes of several threads (no Django)
- ``probes.py``: what is tried and counted
- ``report.py``: the table
"""
