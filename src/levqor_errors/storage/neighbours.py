"""Which events are beside one in a list: the next newer and the next older one that match the list's filters."""

from __future__ import annotations

from .base import Filters, Neighbours
from .read import Dialect, matching, tables_of


def neighbours(db: Dialect, filters: Filters, id_: int) -> Neighbours:
    """Those beside an event, whether or not it matches itself or is still there."""
    where, values = matching(db, filters)
    order = db.search_order if filters.q else "e.id"
    found = []
    for side, direction in ((">", "ASC"), ("<", "DESC")):
        condition = " AND ".join([*where, f"{order} {side} ?"])
        rows = db.run(
            f"SELECT e.id FROM {tables_of(db, filters)} WHERE {condition} ORDER BY {order} {direction} LIMIT 1",
            [*values, id_],
        )
        found.append(next((row[0] for row in rows), None))
    return Neighbours(*found)
