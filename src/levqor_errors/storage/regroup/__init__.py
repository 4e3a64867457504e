"""Regrouping what is stored, when the owner changes a rule or takes a merge apart: the same SQL for both databases.

owner.py      what the owner sees and says of an issue's grouping
rules.py      rules that are kept, made and taken back; which issue a joined group belongs to
splitting.py  a merged issue is one of its own again
places.py     where each issue of a service belongs by the rules in force: a name for another, or by itself
events.py     in which issue each stored event belongs
settling.py   what is to be said of an issue some of whose events have gone
queue.py      what of that is still to be done
engine.py     does it, in steps

What is to be done is in the database, and each step is a transaction, so it goes on wherever it was broken off. Events
that come meanwhile go where they belong by the rules of the collector that grouped them; if those are not in force any
more, the transaction that writes them puts their issue into the queue.
"""

from __future__ import annotations
