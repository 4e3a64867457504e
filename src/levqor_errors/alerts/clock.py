"""The clock of the alerts: wall-clock time, which may jump. Used wherever a time is compared with one in the database.

A time there that lies further ahead than anything may was written before the clock was set back; it holds nothing up.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from .. import instants

#: A time this much ahead is of another machine's clock, or of somebody who read his a moment later and was first to
#: write; nobody has set a clock back for it.
SKEW_SECONDS: Final = 30.0


def now() -> datetime:
    """UTC, with microseconds."""
    return datetime.now(timezone.utc)


def after(instant: datetime, seconds: float) -> str:
    """So many seconds later, as the database has it."""
    return instants.to_text(instant + timedelta(seconds=seconds))


def is_within(at: str, seconds: float, instant: datetime) -> bool:
    """Whether `at` lies within so many seconds before an instant, or after it by no more than clocks differ."""
    return after(instant, -seconds) < at <= after(instant, SKEW_SECONDS)
