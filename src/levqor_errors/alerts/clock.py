"""The clock of the alerts: wall-clock time, which may jump. Used wherever a time is compared with one in the database.

A time there that lies further ahead than anything may was written before the clock was set back; it holds nothing up.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from .. import instants


def now() -> datetime:
    """UTC, with microseconds."""
    return datetime.now(timezone.utc)


def after(instant: datetime, seconds: float) -> str:
    """So many seconds later, as the database has it."""
    return instants.to_text(instant + timedelta(seconds=seconds))


def is_within(at: str, seconds: float, instant: datetime) -> bool:
    """Whether `at` lies within so many seconds before an instant. Not if it lies after it."""
    return after(instant, -seconds) < at <= instants.to_text(instant)
