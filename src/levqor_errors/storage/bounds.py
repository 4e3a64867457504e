"""Between which ids events lie that can match, by what was counted as they came: so that no page reads through a month
to find what is in an hour of it, or nowhere. Used by `read.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import instants
from .base import Filters
from .rows import UNNAMED

if TYPE_CHECKING:
    from .read import Dialect


def id_bounds(db: Dialect, filters: Filters) -> tuple[int, int] | None:
    """The lowest and the highest id that an event which matches may have; `None`: there is none.

    Ids of one hour may lie among those of another, where a clock was set back; the bounds are those of all hours.
    """
    since = instants.hour_of(filters.since) if filters.since else ""
    until = filters.until or "~"
    where, values = _counted(filters)
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


def _counted(filters: Filters) -> tuple[list[str], list[Any]]:
    """Conditions on what was counted."""
    where: list[str] = []
    values: list[Any] = []
    for column in ("source", "service", "environment", "release"):
        value = getattr(filters, column)
        if value is not None:
            # Where a service had too many names in an hour, the rest of them are counted under none of them.
            is_named = column in ("environment", "release")
            where.append(f"{column} IN (?, '{UNNAMED}')" if is_named else f"{column} = ?")
            values.append(value)
    if filters.severity:
        where.append(f"severity IN ({', '.join('?' * len(filters.severity))})")
        values += filters.severity
    return where, values
