"""What the owner sees of issues, says of them and does with them: the same SQL for both kinds of database.

model.py      what is asked for, and what is answered
listing.py    pages of issues, with their numbers
one.py        one issue with its history
triage.py     resolve, mute, reopen, merge, note, undo; every change is kept
merging.py    one issue out of several
mutes.py      mutes that end
shares.py     links for people who cannot sign in
forgetting.py what goes with an issue, and what is too old

`Storage` has methods for all of it; `AlertStore.issues` is the triage for those who are in a transaction already.
"""

from __future__ import annotations
