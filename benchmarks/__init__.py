"""What is measured and tried by commands of their own, and not by the tests.

- ``speed``: what a session costs in a request, beside Django's engines
- ``hammer``: many requests at once on every storage, and on Django's engines
- ``outages``: the server of the sessions goes away under load
- ``moving``: a site moves from Django's engines and back under traffic
- ``throttle``: passwords are guessed at the sign-in page
- ``django_suites``: Django's own tests, with frontdesk in place of its sessions

Each explains itself with ``python -m benchmarks.NAME --help``. A run with the full load records its rows in
``docs/evidence/data/``, of a commit without changes only. ``evidence`` makes the pages from these files.
"""
