"""A site that moves to frontdesk and back while people use it: ``make moving``.

``settings`` and ``site`` are the project, ``people`` gives it sessions as stock Django makes them,
``traffic`` is the people, and ``__main__`` moves the site and prints what they saw.
"""
