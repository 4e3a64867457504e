"""What of the events hourly counts tell, in SQL: exact for any range, whole hours from counts and its ends from rows.

Used by `stats.py` and `overview.py`. What no count tells is in `matches.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from .. import instants
from .base import Filters
from .bounds import id_bounds
from .conditions import conditions
from .matches import OF_ISSUE
from .read import Dialect, conditions_of
from .rows import UNNAMED

#: The hour that an event was received in, and the minute, in SQL.
HOUR: Final = "substr(received_at, 1, 13) || ':00:00.000Z'"
_MINUTE: Final = "substr(received_at, 1, 16) || ':00.000Z'"


def is_counted(db: Dialect, filters: Filters) -> bool:
    """Whether `counted` can say how many match."""
    if filters.event_id is not None or filters.q is not None:
        return False
    if filters.issue_id is None:
        return True
    named = filters.environment is not None or filters.release is not None
    return not named and _issue_service(db, filters.issue_id) is not None


def _issue_service(db: Dialect, issue_id: int) -> str | None:
    """The service of an issue whose hourly counts are all that was ever counted of it: these are kept for a time, and
    do not tell services apart that were merged."""
    services = list(
        db.run("SELECT DISTINCT service FROM issues WHERE id = ? OR merged_into = ? LIMIT 2", [issue_id, issue_id])
    )
    if len(services) != 1:
        return None
    told = db.run(
        f"SELECT count, (SELECT SUM(count) FROM {db.issue_counts} WHERE issue_id = ?) FROM {db.issues} WHERE id = ?",
        [issue_id, issue_id],
    )
    return str(services[0][0]) if any(count == by_hour for count, by_hour in told) else None


def counted(db: Dialect, filters: Filters) -> tuple[str, list[Any]]:
    """A common table expression `counted (hour, service, source, severity, n)` of all that match, and its values, where
    `is_counted`.

    Exact for any range, but for what `unnamed` counts: whole hours are from hourly counts, the ends from rows.
    """
    whole = _whole_hours(filters)
    # The range is what narrows it most.
    where, values = conditions(filters, db.no_index if filters.since or filters.until else "")
    matches = " AND ".join(where) or "1 = 1"
    table, of_issue, issue = db.counts, "", list[Any]()
    if filters.issue_id is not None:
        issue = [filters.issue_id, filters.issue_id]
        table = (
            "(SELECT hour, (SELECT service FROM issues WHERE id = ?) AS service, source, severity, count"
            f" FROM {db.issue_counts} WHERE issue_id = ?) of_issue"
        )
        of_issue = f" AND {OF_ISSUE}"
    parts: list[str] = []
    bound: list[Any] = []
    ends: list[tuple[str | None, str | None]] = [(filters.since, filters.until)]
    if whole is not None:
        first, last = whole
        hours, edges = _between(first, last)
        parts.append(f"SELECT hour, service, source, severity, count FROM {table} WHERE {matches}{hours}")
        bound += [*issue, *values, *edges]
        ends = [(filters.since, first), (last, filters.until)]
    for since, until in ends:
        if since is not None and until is not None and (whole is None or since < until):
            parts.append(
                f"SELECT {HOUR}, service, source, severity, 1 FROM error_events e "
                f"WHERE {matches}{of_issue} AND received_at >= ? AND received_at < ?"
            )
            bound += [*values, *issue, since, until]
    return f"WITH counted (hour, service, source, severity, n) AS ({' UNION ALL '.join(parts)})", bound


def unnamed(db: Dialect, filters: Filters) -> int:
    """How many events may match besides those that `counted` has: in the hours that it takes from the table these were
    counted without their environment and release, since their service had too many of them (`limits.COUNTED_NAMES`).

    Where there are none, an index says so at once.
    """
    whole = _whole_hours(filters)
    by_rows = filters.issue_id is not None or filters.event_id is not None or filters.q is not None
    if whole is None or by_rows or (filters.environment is None and filters.release is None):
        return 0
    where, values = conditions(replace(filters, environment=UNNAMED, release=UNNAMED))
    hours, edges = _between(*whole)
    # All of them and not the first one: that, a planner might look for in the order of the hours.
    ((number,),) = db.run(
        f"SELECT CAST(coalesce(SUM(count), 0) AS BIGINT) FROM {db.counts} WHERE {' AND '.join(where)}{hours}",
        [*values, *edges],
    )
    return int(number)


def _whole_hours(filters: Filters) -> tuple[str | None, str | None] | None:
    """The hours that lie in the range as a whole, which the hourly table has; the broken ones at its ends only their
    rows tell apart. `None`: it is a part of an hour."""
    first = _hour_up(filters.since) if filters.since else None
    last = instants.hour_of(filters.until) if filters.until else None
    return None if first is not None and last is not None and first > last else (first, last)


def _between(first: str | None, last: str | None) -> tuple[str, list[str]]:
    """A condition on hours, to follow others, and its values."""
    condition = "".join((" AND hour >= ?" if first else "", " AND hour < ?" if last else ""))
    return condition, [edge for edge in (first, last) if edge]


def minutes(db: Dialect, filters: Filters) -> Iterable[Any]:
    """Minute, severity and number of the events that match, by rows alone; of filters that are `is_counted`."""
    where, values = conditions_of(db, filters)
    bounds = id_bounds(db, filters)
    if bounds is None:
        return []
    where.append("e.id BETWEEN ? AND ?")
    return db.run(
        f"SELECT {_MINUTE}, severity, COUNT(*) FROM error_events e WHERE {' AND '.join(where)} GROUP BY 1, 2",
        [*values, *bounds],
    )


def _hour_up(instant: str) -> str:
    hour = instants.hour_of(instant)
    if hour == instant:
        return hour
    try:
        return instants.to_text(instants.from_text(hour) + timedelta(hours=1))
    except OverflowError:
        return "9999-12-31T23:59:59.999Z"
