"""Every order in which operations can meet: the proof of promises 2 and 3 (nothing lost, ended means ended).

explorer.py    runs a few operations in every possible order of their steps
world.py       what they meet in: storages in memory, a clock, and the sessions that are there
operations.py  what is done to a storage: save, modify, rotate, sign in, sign out, end, list, ...
requests.py    what requests do, on ``SessionStore`` and the middleware's last decision
promises.py    what must hold after each step and at the end
seeds.py       well-known mistakes, each of which the explorer has to find
model.py       a random test of the contract against a dictionary, for any storage

``make test`` tries all pairs and some triples in half a minute; ``make orders`` tries all triples, in about
20 minutes. Both say at the end how many orders there were. What several orders have in common is run once,
and counted for each of them.
"""
