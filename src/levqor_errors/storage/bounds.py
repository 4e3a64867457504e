"""Between which ids events lie that can match, by what was counted as they came: so that no page reads through a month
to find what is in an hour of it, or nowhere. Used by `read.py` and `counted.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import instants
from .base import Filters
from .conditions import conditions

if TYPE_CHECKING:
    from .read import Dialect


def id_bounds(db: Dialect, filters: Filters) -> tuple[int, int] | None:
    """The lowest and the highest id that an event which matches may have; `None`: there is none.

    Ids of one hour may lie among those of another, where a clock was set back; the bounds are those of all hours.
    """
    since = instants.hour_of(filters.since) if filters.since else ""
    until = filters.until or "~"
    where, values = conditions(filters, or_unnamed=True)
    if where:
        ((first, last),) = db.run(
            f"SELECT MIN(hour), MAX(hour) FROM {db.counts} WHERE {' AND '.join(where)} AND hour >= ? AND hour < ?",
            [*values, since, until],
        )
        if first is None:
            return None
        hours, ends = "hour >= ? AND hour <= ?", [first, last]
    else:
        hours, ends = "hour >= ? AND hour < ?", [since, until]
    ((lowest, highest),) = db.run(f"SELECT MIN(first_id), MAX(last_id) FROM {db.hours} WHERE {hours}", ends)
    return None if lowest is None else (lowest, highest)
