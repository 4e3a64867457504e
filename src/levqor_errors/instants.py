"""Instants: UTC, ISO 8601 with milliseconds and `Z`, the one form in which the project writes a time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache


# Many events are received in one moment.
@lru_cache(16)
def to_text(instant: datetime) -> str:
    """`2026-11-23T13:05:39.120Z`. All of this form have one length, so their order as text is their order in time."""
    if instant.tzinfo is not timezone.utc:
        instant = instant.astimezone(timezone.utc)
    # isoformat and not strftime, which writes years before 1000 with fewer digits.
    return f"{instant.isoformat(timespec='milliseconds')[:-6]}Z"


def now() -> str:
    """The clock, as text."""
    return to_text(datetime.now(timezone.utc))


def from_text(text: str) -> datetime:
    """Read an ISO 8601 date or date-time; one without a zone is taken as UTC.

    Raises:
        ValueError: when it is neither.
    """
    text = text.strip()
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    # Python 3.10 reads fractions of exactly three or six digits only.
    head, dot, tail = text.partition(".")
    if dot:
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}" if digits else text
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    try:
        return instant.astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


def from_epoch(seconds: float) -> datetime:
    """The instant that many seconds after 1970.

    Raises:
        ValueError: when it is outside of the calendar's years 1 to 9999, or is not a number.
    """
    try:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


def hour_of(text: str) -> str:
    """The hour that an instant's text falls in: `2026-11-23T13:00:00.000Z`."""
    return f"{text[:13]}:00:00.000Z"
