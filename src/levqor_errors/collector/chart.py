"""The chart over time, drawn here, so that a page needs no script for it: where each bar, line and label goes.

Knows nothing of storage or pages; `_chart.html` writes down what comes out. Across, everything is in percent of the
width, so that one drawing fits each screen; upward it is in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from .. import instants
from .timeline import Bucket, Timeline

#: From the top line of the plot to its ground, and what is above that for bars of many small parts.
HEIGHT: Final = 150
HEADROOM: Final = 10
#: What happened once is to be seen beside what happened a thousand times.
_LEAST: Final = 2.0
#: How much of its place a bar fills.
_WIDTH: Final = 0.82
#: The top of a scale: one of the first, or of the others times a power of ten. Each has a half that is whole.
_SMALL_TOPS: Final = (2, 4, 6, 8)
_TOPS: Final = (10, 12, 16, 20, 24, 30, 40, 50, 60, 80)
#: Between two labels, and how many there are at most.
_DAY: Final = timedelta(days=1)
_SPACES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720, 1440))
_LABELS: Final = 11


class Part(NamedTuple):
    """The events of one severity in a bar, from `y` downward."""

    severity: str
    y: float
    height: float


class Bar(NamedTuple):
    """One piece of the range: its place, and what stands in it."""

    bucket: Bucket
    #: Its first instant, and the whole of it in words.
    instant: str
    words: str
    #: Where its place begins and how wide it is, and the same of what is drawn there; in percent.
    place: float
    place_width: float
    x: float
    width: float
    parts: list[Part]


class Line(NamedTuple):
    """A line across, with its label."""

    y: float
    label: str


class Label(NamedTuple):
    """A time below the ground."""

    x: float
    instant: str
    #: In UTC.
    text: str
    #: A time of day, which scripts show by the reader's clock; a day stays one of UTC.
    is_time: bool
    #: One of those that are left out where there is no room.
    extra: bool


class Chart(NamedTuple):
    """All that is drawn."""

    bars: list[Bar]
    lines: list[Line]
    labels: list[Label]
    #: What a bar is of: `hour`, `5 minutes`.
    step: str


def draw(of: Timeline, severities: Sequence[str]) -> Chart:
    """Draw a timeline.

    Args:
        of: its pieces.
        severities: in the order from the ground upward.
    """
    top = scale_top(max((bucket.total for bucket in of.buckets), default=0))
    number = len(of.buckets)
    bars = []
    wide = 100 / max(number, 1)
    for place, bucket in enumerate(of.buckets):
        x = round(place * wide + wide * (1 - _WIDTH) / 2, 3)
        at, words, parts = instants.to_text(bucket.since), _words(bucket), _parts(bucket.counts, severities, top)
        bars.append(Bar(bucket, at, words, round(place * wide, 3), round(wide, 3), x, round(wide * _WIDTH, 3), parts))
    lines = [Line(HEADROOM + HEIGHT * (1 - part), short(int(top * part))) for part in (1, 0.5, 0)]
    return Chart(bars, lines, _labels(of), span_words(of.step).removeprefix("1 "))


def scale_top(most: int) -> int:
    """The round number that a scale ends with."""
    for top in _SMALL_TOPS:
        if most <= top:
            return top
    power = 1
    while most > _TOPS[-1] * power:
        power *= 10
    return next(top * power for top in _TOPS if most <= top * power)


def short(number: int) -> str:
    """A number for where there is little room."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size * 10 or (number >= size and number % size == 0):
            return f"{number / size:.3g}{letter}"
    return f"{number:,}"


def span_words(span: timedelta) -> str:
    """How long something is, as one says it: `5 minutes`, `1 hour`, `2.5 days`."""
    for unit, name in ((_DAY, "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if span >= unit:
            number = f"{span / unit:.3g}"
            return f"{number} {name}" if number == "1" else f"{number} {name}s"
    seconds = round(span.total_seconds())
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def _words(bucket: Bucket) -> str:
    since, until = bucket.since, bucket.until
    first, last = f"{since.day} {since:%b %H:%M}", f"{until.day} {until:%b %H:%M}"
    return f"{first} to {f'{until:%H:%M}' if since.date() == until.date() else last} UTC"


def _parts(counts: Mapping[str, int], severities: Sequence[str], top: int) -> list[Part]:
    parts = []
    y = float(HEADROOM + HEIGHT)
    for severity in severities:
        if count := counts.get(severity, 0):
            height = max(count * HEIGHT / top, _LEAST)
            y -= height
            parts.append(Part(severity, round(y, 1), round(height, 1)))
    return parts


def _labels(of: Timeline) -> list[Label]:
    if not of.buckets:
        return []
    starts = [bucket.since for bucket in of.buckets]
    space = next((space for space in _SPACES if space >= of.step and _count(starts, space) <= _LABELS), None)
    if space is None:
        # Each of so many bars.
        every = -(-len(starts) // _LABELS)
        marked = list(range(0, len(starts), every))
    else:
        marked = [place for place, start in enumerate(starts) if _is_at(start, space)]
    by_day = of.step >= _DAY
    is_time = not by_day and space is not None and space < _DAY
    labels = []
    for number, place in enumerate(marked):
        start = starts[place]
        text = f"{start:%H:%M}" if is_time and (start.hour or start.minute) else f"{start.day} {start:%b}"
        x = (place + 0.5) * 100 / len(starts) if by_day else place * 100 / len(starts)
        labels.append(Label(round(x, 3), instants.to_text(start), text, is_time, number % 2 == 1))
    return labels


def _count(starts: Sequence[datetime], space: timedelta) -> int:
    return sum(_is_at(start, space) for start in starts)


def _is_at(start: datetime, space: timedelta) -> bool:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return not (start - midnight) % space
