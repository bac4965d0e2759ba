"""A small site that is served by several processes. The tests of processes and the benchmarks use it.

- ``settings.py``, ``pages.py``: the project; ``prepare.py`` makes its tables and users
- ``places.py``: where it keeps its sessions, each with a server or a directory of its own
- ``server.py``: gunicorn or uvicorn, for as long as a ``with`` block lasts
- ``browser.py``: one request, or a browser with a cookie; no Django
"""
