"""Speed: what a session costs per request, over HTTP, and as the tables grow.

Run ``make bench``, or ``python -m benchmarks.speed --help``. It writes docs/benchmarks.md, which says
what is measured and how.

- ``subjects.py``: who is measured: a row a line
- ``operations.py``: what is measured of each; ``targets.py``: what the numbers should be
- ``places.py``: a database, a directory and a prefix for each subject
- ``settings.py``, ``site.py``, ``ways.py``: the project, its pages, and what each subject calls its sessions
- ``worker.py``, ``asking.py``: the process that is measured, and how it sends itself a request
- ``crew.py``: the processes as their parent sees them
- ``per_request.py``: the first part: a request, in process
- ``over_http.py``, ``serving.py``, ``wrk.lua``: the second: gunicorn, uvicorn, and a load generator
- ``growth.py``, ``growing.py``, ``filling.py``, ``desk_filling.py``: the third: millions of sessions
- ``results.py``, ``machine.py``: the numbers as JSON, and where they come from
- ``page.py``, ``page.md``, ``tables.py``, ``http_tables.py``, ``growth_tables.py``, ``picture.py``: the page,
  its tables and pictures
"""
