"""Where a search looks, and in which order: pieces of all ids, the newest first and the nearest ones small, so that
what a page needs of a common word is found in the first of them, and a rare one is not asked for by the hour. Used by
`read.py` and `matches.py`.

Hours in which nothing was counted that can match are left out: a word that is everywhere is looked for only where the
service is that it is to be of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import instants
from .base import Filters
from .conditions import conditions

if TYPE_CHECKING:
    from .read import Dialect

#: How many ids the first one has, about, and how many times as many each further one.
_FIRST: Final = 4_000
_GROWTH: Final = 4
#: So many ids that cannot match are left out between two pieces, as long as there are not too many pieces.
_GAP: Final = 1_000
_MOST: Final = 16


class Window(NamedTuple):
    """Ids, both included, with days in which all events with them were received: the first one, and an instant at the
    end of the last."""

    low: int
    high: int
    since: str
    until: str


def windows(db: Dialect, filters: Filters, *, before: int | None = None, after: int | None = None) -> list[Window]:
    """Where events that match may be, the newest first.

    Args:
        db: the database.
        filters: of these, all but words and issues.
        before: only smaller ids.
        after: only larger ids; then the smallest first.
    """
    since = instants.hour_of(filters.since) if filters.since else ""
    until = filters.until or "~"
    where, values = conditions(filters, or_unnamed=True)
    counted, bound = "", list[Any]()
    if where:
        counted = f" AND hour IN (SELECT hour FROM {db.counts} WHERE {' AND '.join(where)} AND hour >= ? AND hour < ?)"
        bound = [*values, since, until]
    hours = db.run(
        f"SELECT hour, MIN(first_id), MAX(last_id) FROM {db.hours} WHERE hour >= ? AND hour < ?{counted} GROUP BY hour",
        [since, until, *bound],
    )
    pieces = [
        (
            max(first, after + 1) if after is not None else first,
            min(last, before - 1) if before is not None else last,
            hour,
        )
        for hour, first, last in hours
    ]
    pieces = [piece for piece in pieces if piece[0] <= piece[1]]
    if after is None:
        return _joined(pieces)
    # The same with the order of all ids turned around.
    turned = _joined([(-last, -first, hour) for first, last, hour in pieces])
    return [Window(-window.high, -window.low, *window[2:]) for window in turned]


def _joined(pieces: list[tuple[int, int, str]]) -> list[Window]:
    """The highest first. Ids of two hours may lie among each other; those of two windows do not."""
    found: list[Window] = []
    width = _FIRST
    for first, last, hour in sorted(pieces, key=lambda piece: -piece[1]):
        day = hour[:10]
        if found:
            low, high, since, until = found[-1]
            near = low - last <= _GAP and high - low < width
            if last >= low or near or len(found) == _MOST:
                found[-1] = Window(min(low, first), high, min(since, day), max(until, f"{day}T24"))
                continue
            if high - low >= width:
                width *= _GROWTH
        found.append(Window(first, last, day, f"{day}T24"))
    return found
