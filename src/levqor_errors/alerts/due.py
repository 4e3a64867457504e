"""What is due by the clock once a day: the summary, the canary. Pure; what was done already is the database's to say.

A day is labelled by its date in the owner's time zone, and each label is due once, whatever the clock does: a day whose
time of day does not exist is due at what the zone makes of that time, one whose time exists twice at the first, and one
that does not exist at all (Pacific/Apia left out 30 December 2011) never.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)
#: Missed days that are named one by one, the newest ones.
MOST_MISSED: Final = 7
#: A label so many days in the future was written by a clock that has been set right since.
_AHEAD_DAYS: Final = 2


class Day(NamedTuple):
    """A label, and the time that belongs to it: from the instant at which the one before was due to its own."""

    label: date
    start: datetime
    end: datetime


class Due(NamedTuple):
    """What is to be done now."""

    day: Day
    #: Days before it for which it was not done, the newest first; at most `MOST_MISSED`.
    missed: tuple[Day, ...]
    #: How many they are.
    missed_days: int


def newest(now: datetime, minutes: int, zone: str) -> date:
    """The label of the day that was due last.

    Args:
        now: an instant, in UTC.
        minutes: after midnight, the time of day at which it is due.
        zone: whose midnight that is, by its name in the IANA database.
    """
    label = now.astimezone(ZoneInfo(zone)).date() + _DAY
    # Of a day that is left out and the next one, which are due together, this meets the next one.
    while _instant(label, minutes, zone) > now:
        label -= _DAY
    return label


def following(now: datetime, minutes: int, zone: str) -> datetime:
    """When it is due next, in UTC; arguments as for `newest`."""
    label = newest(now, minutes, zone) + _DAY
    while _is_left_out(label, minutes, zone):
        label += _DAY
    return _instant(label, minutes, zone)


def due(now: datetime, minutes: int, zone: str, last: date | None) -> Due | None:
    """What is due, if anything; only ever one, however many were missed.

    Args:
        now, minutes, zone: as for `newest`.
        last: the label for which it was done last; `None`: it was never done, and then no day is missed.
    """
    label = newest(now, minutes, zone)
    if last is not None and last > label + _AHEAD_DAYS * _DAY:
        last = None
    if last is not None and last >= label:
        return None
    missed: list[Day] = []
    number = 0
    if last is not None:
        number = sum(1 for one in _between(last, label) if not _is_left_out(one, minutes, zone))
        before = label
        while len(missed) < min(number, MOST_MISSED):
            before = _before(before, minutes, zone)
            missed.append(_day(before, minutes, zone))
    return Due(_day(label, minutes, zone), tuple(missed), number)


def _between(last: date, label: date) -> list[date]:
    return [last + timedelta(days=days) for days in range(1, (label - last).days)]


def _day(label: date, minutes: int, zone: str) -> Day:
    start = _instant(_before(label, minutes, zone), minutes, zone)
    return Day(label, start, _instant(label, minutes, zone))


def _before(label: date, minutes: int, zone: str) -> date:
    label -= _DAY
    while _is_left_out(label, minutes, zone):
        label -= _DAY
    return label


def _instant(label: date, minutes: int, zone: str) -> datetime:
    # `fold` is 0: of a time that exists twice the first, and one that does not exist is as much later as the clock has
    # jumped.
    local = datetime.combine(label, time(minutes // 60, minutes % 60), ZoneInfo(zone))
    return local.astimezone(timezone.utc)


def _is_left_out(label: date, minutes: int, zone: str) -> bool:
    return _instant(label, minutes, zone) >= _instant(label + _DAY, minutes, zone)
