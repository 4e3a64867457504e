"""When things go wrong in a shop: more in the evening than at night, more at weekends, much within an incident.

`faults.py` gives each fault its spans; `draw` turns them into instants.
"""

from __future__ import annotations

import random
from bisect import bisect
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from .shop import DAYS

#: Customers by the hour of the day (UTC), as parts of the busiest one.
_HOURS: Final = (
    0.10, 0.06, 0.04, 0.03, 0.03, 0.06, 0.15, 0.30, 0.45, 0.55, 0.60, 0.65,
    0.72, 0.66, 0.58, 0.56, 0.62, 0.72, 0.88, 1.00, 0.98, 0.80, 0.50, 0.24,
)  # fmt: skip
#: By the day of the week, from Monday on.
_WEEKDAYS: Final = (0.80, 0.78, 0.80, 0.85, 0.95, 1.15, 1.25)
_HOUR: Final = timedelta(hours=1)


class Span(NamedTuple):
    """A time in which a fault happens.

    Attributes:
        since: days before now.
        until: days before now.
        share: its part of the fault's events, beside those of its other spans.
        by_night_too: whether the time of day makes no difference.
        daily_at: an hour of the day, if it happens only then.
    """

    since: float = DAYS
    until: float = 0
    share: float = 1
    by_night_too: bool = False
    daily_at: float | None = None


def draw(span: Span, count: int, now: datetime, chance: random.Random) -> list[datetime]:
    """So many instants within a span, in no order."""
    start, end = now - timedelta(days=span.since), now - timedelta(days=span.until)
    if span.daily_at is not None:
        nights = _nights(start, end, span.daily_at)
        return [
            chance.choice(nights) + timedelta(seconds=chance.uniform(0, 240)) for _ in range(count if nights else 0)
        ]
    # Whole hours, but for the first and the last.
    edges = [start]
    while (following := edges[-1].replace(minute=0, second=0, microsecond=0) + _HOUR) < end:
        edges.append(following)
    edges.append(end)
    weights = [
        (1.0 if span.by_night_too else _HOURS[at.hour] * _WEEKDAYS[at.weekday()]) * ((to - at) / _HOUR)
        for at, to in pairwise(edges)
    ]
    bounds = list(accumulate(weights))
    drawn = []
    for _ in range(count):
        place = min(bisect(bounds, chance.random() * bounds[-1]), len(weights) - 1)
        drawn.append(edges[place] + chance.random() * (edges[place + 1] - edges[place]))
    return drawn


def _nights(start: datetime, end: datetime, hour: float) -> list[datetime]:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    instants = [midnight + timedelta(days=day, hours=hour) for day in range((end - start).days + 2)]
    return [at for at in instants if start <= at < end]
