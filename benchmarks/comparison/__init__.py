"""The comparison: the same races on Django's engines, the released peers and frontdesk's storages.

Run ``make comparison``, or ``python -m benchmarks.comparison --help``. No servers' luck is involved: one
request is paused before each of its accesses to the store in turn, and another one runs in the gap.

- ``contestants.py``: who is compared, and the settings of each
- ``project.py``: a project with these settings, and its views
- ``points.py``: the places where a request can be paused
- ``races.py``: what is tried; runs in a process, and for a peer in an environment, of its own
- ``__main__.py``: makes the environments and prints the table
"""
