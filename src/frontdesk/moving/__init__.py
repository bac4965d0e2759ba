"""Moving sessions in from one of Django's engines, and back, on a running site.

The rules of this folder:

1. A session moves by being inserted where it goes and then deleted where it came from. A request that
   finds it nowhere looks once more where it goes: it may have passed between two looks.
2. Only who has inserted it deletes it where it came from, or else who ends it. So if it was gone there
   already, it was ended, or moved and ended: what was inserted ends at once.
3. Whoever ends a session ends it where it comes from first, and then where it goes. So a move that is
   under way meets rule 2, or has arrived. In between it bars the way: an insertion that comes late finds
   the name taken.
4. What the insertion has written can be rolled back where it is part of a transaction; then the deletion
   waits for the commit.
"""
