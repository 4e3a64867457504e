"""The upkeep of issues, for the janitor: a step of all that is to be done in time, but not at once."""

from __future__ import annotations

from ..alerts import AlertDialect
from .forgetting import forget_old
from .merging import move_events
from .mutes import end_mutes


def tidy(db: AlertDialect, now: str, most: int) -> int:
    """End mutes, move events of merged issues, and forget what is past its time.

    Args:
        db: inside a transaction in which nobody else does this.
        now: the clock.
        most: how many rows are moved or forgotten at most.

    Returns:
        how much was done; 0 when nothing is left.
    """
    return end_mutes(db, now) + (move_events(db, most) or forget_old(db, now, most))
