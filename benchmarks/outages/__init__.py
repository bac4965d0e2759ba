"""Outages under load: what visitors see while the server of the sessions is away. ``make outages``.

Real servers on loopback, several worker processes, steady visitors, one fault after the other, and a table.
It writes docs/outages.md, which says what each column means.

- ``houses.py``: the storages, each on servers of its own, and the faults that these can have: a new storage
  is one entry there
- ``settings.py``, ``site.py``, ``prepare.py``: the project that is served, sync by gunicorn, async by uvicorn
- ``visitors.py``: who comes, and what they would notice (no Django)
- ``outage.py``: one storage, one fault, and what came of it
- ``report.py``: the table
- ``way.py``: a way to a server that can be cut
"""
