"""Every order in which requests can meet: the proof of promises 2 and 3 (nothing lost, ended means ended).

explorer.py    runs a few flows in every possible order of their calls
world.py       one small world per order: a clock, people, a storage, and the ledger of what was reported
operations.py  what requests do: save, modify, sign in, sign out, ...
oracles.py     what must hold after each step and at the end, a function and a sentence each
houses.py      the storages, set up so that thousands of orders are fast
seeds.py       storages with well-known mistakes, each of which the explorer has to find
slots.py       level two: the orders of the primitives inside the verbs of SlotStorage
"""
