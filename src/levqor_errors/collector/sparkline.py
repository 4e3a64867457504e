"""The small chart of an issue, drawn here, so that a page needs no script for it. Goes into `_issues.html`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from .. import instants

#: Units of the drawing for a bar with the gap behind it, and for the highest bar.
STEP: Final = 5
HEIGHT: Final = 24
_GAP: Final = 1


class Bar(NamedTuple):
    """A bar, in units of the drawing."""

    x: int
    y: float
    width: int
    height: float
    events: int
    start: str


class Sparkline(NamedTuple):
    """What the template draws."""

    bars: list[Bar]
    width: int
    height: int
    #: For those who do not see it.
    label: str


def sparkline(issue: Mapping[str, Any]) -> Sparkline:
    """The chart of an issue as `Storage.issues` gives it."""
    line = issue["sparkline"]
    counts: list[int] = line["counts"]
    by_day = line["bucket"] == "day"
    start = instants.from_text(line["since"])
    step = timedelta(days=1) if by_day else timedelta(hours=1)
    most = max(counts, default=0)
    bars = []
    for place, count in enumerate(counts):
        # What happened once is to be seen beside what happened a thousand times.
        height = max(count * HEIGHT / most, 2) if count else 0
        at = instants.to_text(start + place * step)
        bars.append(Bar(place * STEP, round(HEIGHT - height, 1), STEP - _GAP, round(height, 1), count, at))
    span = f"{len(counts)} {'days' if by_day else 'hours'}"
    return Sparkline(bars, len(counts) * STEP, HEIGHT, f"{sum(counts):,} events in {span}, at most {most:,} in one")
