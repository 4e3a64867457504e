"""A range of time cut into pieces that fit it, with how many events of each severity were in each of them.

Made of what `Storage.overview` sums up; goes into `chart.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from .. import instants
from ..severity import Severity
from ..storage import Overview, Unit
from .ranges import DAY, HOUR, Range

MINUTE: Final = timedelta(minutes=1)
WEEK: Final = 7 * DAY
#: How long a range may be for pieces of that length: no more than 100 then, which are wide enough to be hit.
_STEPS: Final = (
    (15 * MINUTE, MINUTE),
    (4 * HOUR, 5 * MINUTE),
    (4 * DAY, HOUR),
    (10 * DAY, 3 * HOUR),
    (100 * DAY, DAY),
)
#: So many at most of those that are longer ranges' pieces: as many weeks as it takes.
_MOST: Final = 100
#: Where there is nothing at an end of a range, no more than that is shown.
_EMPTY: Final = 100 * DAY
#: Pieces begin at a multiple of their length from here, in UTC: weeks on Mondays.
_EPOCH: Final = datetime(1970, 1, 5, tzinfo=timezone.utc)


class Bucket(NamedTuple):
    """A piece. The first and the last are cut where the range ends."""

    since: datetime
    until: datetime
    #: By severity.
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many events there were."""
        return sum(self.counts.values())


class Timeline(NamedTuple):
    """All of a range, also where there was nothing."""

    step: timedelta
    buckets: list[Bucket]


def unit_of(span: Range) -> Unit:
    """By what the events of a range have to be summed up, to be cut into its pieces."""
    # Of one without a beginning it is not known yet how long it is.
    step = WEEK if span.length is None else _step(span.length)
    return "minute" if step < HOUR else "hour" if step < DAY else "day"


def timeline(span: Range, overview: Overview, severities: Sequence[str]) -> Timeline:
    """Cut a range.

    Args:
        span: the range. It begins and ends with the events where it has no ends, or where they are far away.
        overview: of its events.
        severities: which are wanted.
    """
    known = [(instants.from_text(start), counts) for start, counts in overview.series]
    unit = {"minute": MINUTE, "hour": HOUR, "day": DAY}[overview.unit]
    first = known[0][0] if known else span.now
    # The clock may have been set back since.
    last = max(span.now, known[-1][0] + unit) if known else span.now
    since = first if span.since is None or first - span.since > _EMPTY else span.since
    until = last if span.until is None else min(span.until, last + _EMPTY)
    step = max(_step(until - since), unit)
    sums: dict[datetime, dict[str, int]] = {}
    for start, counts in known:
        piece = sums.setdefault(_down(start, step), dict.fromkeys(severities, 0))
        for severity in severities:
            piece[severity] += counts[severity]
    buckets = []
    at = _down(since, step)
    while at < until:
        counts = sums.get(at) or dict.fromkeys(severities, 0)
        buckets.append(Bucket(max(at, since), min(at + step, until), counts))
        at += step
    return Timeline(step, buckets)


def totals(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """By severity, the sums."""
    return {severity.value: sum(one[severity.value] for one in counts) for severity in Severity}


def _step(length: timedelta) -> timedelta:
    for most, step in _STEPS:
        if length <= most:
            return step
    return WEEK * -(-length // (WEEK * _MOST))


def _down(instant: datetime, step: timedelta) -> datetime:
    return _EPOCH + (instant - _EPOCH) // step * step
