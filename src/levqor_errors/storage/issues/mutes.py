"""Mutes that end: by the clock, or by the number of events that came meanwhile.

The planner of alerts calls it before each decision, so that what waits for a mute's end is told; the janitor calls it,
so that a page tells the truth where nobody is told anything. Whoever writes events has nothing to do with it: he would
have to know how many there are, and on PostgreSQL lock the one row that all collectors add to.
"""

from __future__ import annotations

from typing import Final

from ..alerts import AlertDialect, marks
from ..alerts.ledger import Ledger

_ENDED: Final = """
    SELECT id, mute_count, count FROM {issues}
    WHERE state = 'muted' AND merged_into IS NULL AND (muted_until <= ? OR mute_count <= count)
    ORDER BY id LIMIT 500
"""
_END: Final = """
    UPDATE issues SET state = 'open', muted_until = NULL, mute_count = NULL WHERE id IN ({marks}) AND state = 'muted'
"""


def end_mutes(db: AlertDialect, now: str) -> int:
    """Open issues again whose mute has ended; returns how many.

    Args:
        db: inside a transaction.
        now: the clock.
    """
    ended = db.run(_ENDED.format(issues=db.issues), [now])
    if not ended:
        return 0
    if db.counting:
        db.run(db.counting, [])
    ids = [id_ for id_, _, _ in ended]
    db.run(_END.format(marks=marks(ids)), ids)
    ledger = Ledger(db)
    for id_, most, count in ended:
        why = f"{count:,} events have come by now" if most is not None and most <= count else "its time is over"
        ledger.note("mute ended", why, now=now, issue_id=id_)
    return len(ended)
