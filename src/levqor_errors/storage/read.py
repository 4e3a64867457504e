"""Reading events: pages, single events, exact statistics. The same SQL for each database, but for the search.

Every value goes into a statement as a parameter; what is put together as text here is fixed SQL only. A parameter is
written `?`, and `Dialect.run` makes of it what its driver takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

import orjson

from .. import instants, limits
from ..event import Source
from ..severity import Severity
from .base import Filters, Page
from .bounds import id_bounds
from .conditions import conditions
from .rows import UNNAMED

#: What a page shows of each event: all but the context, which can be large.
_PAGE_COLUMNS: Final = (
    "id", "created_at", "source", "service", "path_or_screen", "user_email", "severity", "message", "stack",
    "event_id", "received_at", "issue_id", "environment", "release",
)  # fmt: skip
_SELECT: Final = ", ".join(f"e.{column}" for column in _PAGE_COLUMNS)
_ISSUE_COLUMNS: Final = (
    "id", "fingerprint", "grouping", "title", "service", "state", "first_seen", "last_seen", "count", "regressions",
)  # fmt: skip

#: How many services the statistics name, the loudest first.
_SERVICES: Final = 100
#: Over more days than this the series is by day instead of by hour.
_HOURLY_DAYS: Final = 14


class Dialect(NamedTuple):
    """What differs between databases."""

    #: Runs a statement with its values; gives its rows.
    run: Callable[[str, Sequence[Any]], Iterable[Any]]
    #: Tables, or views of them, with the columns of `event_counts`, `issues` and `issue_counts`.
    counts: str
    issues: str
    #: The same of `event_hours`.
    hours: str
    issue_counts: str
    #: Before a column that is not to be looked up in an index, where the planner takes any equality for a rare one.
    no_index: str
    #: Which event has an id of its sender's, with one parameter.
    event_condition: str
    #: Where events with words to be found come from, the events as `e`.
    search_tables: str
    #: By what those are ordered; the same order as that of `e.id`.
    search_order: str
    #: What they have to match, with one parameter.
    search_condition: str
    #: The parameter, of words that have a letter or digit each; without any it matches nothing.
    search_value: Callable[[list[str]], str]
    #: What titles of issues `i` have to match, and the parameter, of words or beginnings of them.
    title_condition: str
    title_value: Callable[[list[str]], str]


def recent(
    db: Dialect,
    filters: Filters,
    *,
    limit: int,
    before: int | None,
    among: Sequence[int] | None,
    after: int | None = None,
    whole: bool = False,
) -> Page:
    """A page of events by id, the newest first; `whole` with their context as an object.

    Raises:
        orjson.JSONDecodeError: a context is none; see `get`.
    """
    where, values = _where(db, filters)
    tables = _tables(db, filters)
    order = _order(db, filters)
    # Of an issue or of words alone the counts say nothing.
    if among is None and filters.event_id is None and filters != Filters(issue_id=filters.issue_id, q=filters.q):
        bounds = id_bounds(db, filters)
        if bounds is None:
            return Page([], None)
        where.append(f"{order} BETWEEN ? AND ?")
        values += bounds
    if before is not None:
        where.append(f"{order} < ?")
        values.append(before)
    if after is not None:
        where.append(f"{order} > ?")
        values.append(after)
    if among is not None:
        if not among:
            return Page([], None)
        where.append(_among(order, len(among)))
        values += [min(among), max(among), *among]
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    direction = "DESC" if after is None else "ASC"
    columns, context = ((*_PAGE_COLUMNS, "context"), ", e.context") if whole else (_PAGE_COLUMNS, "")
    rows = db.run(
        f"SELECT {_SELECT}{context} FROM {tables} {condition} ORDER BY {order} {direction} LIMIT ?",
        [*values, limit + 1],
    )
    errors: list[dict[str, Any]] = []
    next_: int | None = None
    size = 0
    for row in rows:
        if len(errors) == limit or size > limits.PAGE_BYTES:
            next_ = errors[-1]["id"]
            break
        event = dict(zip(columns, row, strict=True))
        if whole:
            event["context"] = _context(event["context"])
        errors.append(event)
        size += sum(len(value) for value in row if isinstance(value, str))
    return Page(errors if after is None else errors[::-1], next_)


def matching(db: Dialect, filters: Filters, among: Sequence[int]) -> list[int]:
    """Ids of those that match."""
    if not among:
        return []
    where, values = _where(db, filters)
    where.append(_among(db.search_order if filters.q else "e.id", len(among)))
    rows = db.run(
        f"SELECT e.id FROM {_tables(db, filters)} WHERE {' AND '.join(where)}",
        [*values, min(among), max(among), *among],
    )
    return sorted(id_ for (id_,) in rows)


def _among(order: str, number: int) -> str:
    # Their range as well, so that no search goes through what is older.
    return f"{order} BETWEEN ? AND ? AND e.id IN ({', '.join('?' * number)})"


def get(db: Dialect, id_: int) -> dict[str, Any] | None:
    """One event, with `context` as an object and its issue under `issue`.

    Raises:
        orjson.JSONDecodeError: its context is none. It was when it was stored; a database sees damage in its own
            structure only.
    """
    found = next(iter(db.run(f"SELECT {_SELECT}, e.context FROM error_events e WHERE e.id = ?", [id_])), None)
    if found is None:
        return None
    event = dict(zip((*_PAGE_COLUMNS, "context"), found, strict=True))
    event["context"] = _context(event["context"])
    issue = next(
        iter(db.run(f"SELECT {', '.join(_ISSUE_COLUMNS)} FROM {db.issues} WHERE id = ?", [event["issue_id"]])), None
    )
    event["issue"] = None
    if issue is not None:
        event["issue"] = dict(zip(_ISSUE_COLUMNS, issue, strict=True))
        event["issue"]["grouping"] = orjson.loads(event["issue"]["grouping"])
    return event


def _context(stored: str | None) -> Any:
    return orjson.loads(stored) if stored else {}


def stats(db: Dialect, filters: Filters) -> dict[str, Any]:
    """Exact counts. From the hourly table where it can say, from the rows where only they can."""
    counts_of, values = counted(db, filters)
    # One statement, and so one state of the database: the parts of the answer add up.
    query = (
        f"{counts_of} SELECT hour, service, source, severity, CAST(SUM(n) AS BIGINT) FROM counted"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1"
    )
    counts = list(db.run(query, values))
    severities: Counter[str] = Counter({severity.value: 0 for severity in Severity})
    sources: Counter[str] = Counter({source.value: 0 for source in Source})
    services: Counter[str] = Counter()
    for _, service, source, severity, count in counts:
        severities[severity] += count
        sources[source] += count
        services[service] += count
    by_day = bool(counts) and _days(counts[0][0], counts[-1][0]) > _HOURLY_DAYS
    loudest = sorted(services.items(), key=lambda item: (-item[1], item[0]))[:_SERVICES]
    return {
        "total": sum(severities.values()),
        "by_severity": dict(severities),
        "by_source": dict(sources),
        "by_service": [{"service": service, "count": count} for service, count in loudest],
        "bucket": "day" if by_day else "hour",
        "series": _series(counts, by_day=by_day),
        "unnamed": unnamed(db, filters),
        "refused": refused(db, filters.since, filters.until),
    }


def refused(db: Dialect, since: str | None, until: str | None) -> dict[str, dict[str, int]]:
    """What was refused in the hours that a range touches."""
    rows = db.run(
        "SELECT reason, CAST(SUM(requests) AS BIGINT), CAST(SUM(events) AS BIGINT) FROM refusals"
        " WHERE hour >= ? AND hour < ? GROUP BY 1 ORDER BY 1",
        [instants.hour_of(since) if since else "", until or "~"],
    )
    return {reason: {"requests": requests, "events": events} for reason, requests, events in rows}


def _days(first: str, last: str) -> int:
    return (instants.from_text(last) - instants.from_text(first)).days


def _series(counts: Sequence[tuple[Any, ...]], *, by_day: bool) -> list[dict[str, Any]]:
    points: dict[str, dict[str, Any]] = {}
    for hour, _, _, severity, count in counts:
        start = f"{hour[:10]}T00:00:00.000Z" if by_day else hour
        point = points.setdefault(start, {"start": start, **dict.fromkeys((one.value for one in Severity), 0)})
        point[severity] += count
    return list(points.values())


def _tables(db: Dialect, filters: Filters) -> str:
    return db.search_tables if filters.q else "error_events e"


def _order(db: Dialect, filters: Filters) -> str:
    return db.search_order if filters.q else "e.id"


def _where(db: Dialect, filters: Filters) -> tuple[list[str], list[Any]]:
    """Conditions on what `_tables` says."""
    where, values = conditions(filters, "e.")
    if filters.issue_id is not None:
        # With what was merged into it and is still to be moved there.
        where.append("e.issue_id IN (SELECT id FROM issues WHERE id = ? OR merged_into = ?)")
        values += [filters.issue_id, filters.issue_id]
    if filters.event_id is not None:
        where.append(db.event_condition)
        values.append(filters.event_id)
    # Whoever asks gives bounds of ids as well, in whose order all is read.
    if filters.since is not None:
        where.append(f"{db.no_index}e.received_at >= ?")
        values.append(filters.since)
    if filters.until is not None:
        where.append(f"{db.no_index}e.received_at < ?")
        values.append(filters.until)
    if filters.q is not None:
        where.append(db.search_condition)
        # A word without a letter or digit is no token, and would match nothing.
        words = [word for word in filters.q.split() if any(character.isalnum() for character in word)]
        values.append(db.search_value(words))
    return where, values


def counted(db: Dialect, filters: Filters) -> tuple[str, list[Any]]:
    """A common table expression `counted (hour, service, source, severity, n)` of all that match, and its values.

    Exact for any range, but for what `unnamed` counts: where the filters allow, whole hours are from the hourly table,
    the ends from rows.
    """
    whole = _whole_hours(filters)
    if whole is None:
        return counted_rows(db, filters)
    first, last = whole
    # The range is what narrows it most.
    where, values = conditions(filters, db.no_index if filters.since or filters.until else "")
    matches = " AND ".join(where) or "1 = 1"
    parts: list[str] = []
    bound: list[Any] = []
    hours, edges = _between(first, last)
    parts.append(f"SELECT hour, service, source, severity, count FROM {db.counts} WHERE {matches}{hours}")
    bound += [*values, *edges]
    for since, until in ((filters.since, first), (last, filters.until)):
        if since is not None and until is not None and since < until:
            parts.append(
                f"SELECT {HOUR}, service, source, severity, 1 FROM error_events "
                f"WHERE {matches} AND received_at >= ? AND received_at < ?"
            )
            bound += [*values, since, until]
    return f"WITH counted (hour, service, source, severity, n) AS ({' UNION ALL '.join(parts)})", bound


def unnamed(db: Dialect, filters: Filters) -> int:
    """How many events may match besides those that `counted` has: in the hours that it takes from the table these were
    counted without their environment and release, since their service had too many of them (`limits.COUNTED_NAMES`).

    Where there are none, an index says so at once.
    """
    whole = _whole_hours(filters)
    if whole is None or (filters.environment is None and filters.release is None):
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
    rows tell apart. `None`: what matches, only rows tell."""
    if filters.issue_id is not None or filters.event_id is not None or filters.q is not None:
        return None
    first = _hour_up(filters.since) if filters.since else None
    last = instants.hour_of(filters.until) if filters.until else None
    return None if first is not None and last is not None and first > last else (first, last)


def _between(first: str | None, last: str | None) -> tuple[str, list[str]]:
    """A condition on hours, to follow others, and its values."""
    condition = "".join((" AND hour >= ?" if first else "", " AND hour < ?" if last else ""))
    return condition, [edge for edge in (first, last) if edge]


#: The hour that an event was received in, and the minute, in SQL.
HOUR: Final = "substr(received_at, 1, 13) || ':00:00.000Z'"
MINUTE: Final = "substr(received_at, 1, 16) || ':00.000Z'"


def counted_rows(db: Dialect, filters: Filters, time: str = HOUR) -> tuple[str, list[Any]]:
    """The same, of rows alone; `hour` may be another `time` of an event."""
    where, values = _where(db, filters)
    tables, order = _tables(db, filters), _order(db, filters)
    if filters.since is not None:
        where.append(f"{order} >= (SELECT MIN(first_id) FROM {db.hours} WHERE hour >= ?)")
        values.append(instants.hour_of(filters.since))
    if filters.until is not None:
        where.append(f"{order} <= (SELECT MAX(last_id) FROM {db.hours} WHERE hour < ?)")
        values.append(filters.until)
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    return (
        f"WITH counted (hour, service, source, severity, n) AS "
        f"(SELECT {time}, service, source, severity, 1 FROM {tables} {condition})",
        values,
    )


def _hour_up(instant: str) -> str:
    hour = instants.hour_of(instant)
    if hour == instant:
        return hour
    try:
        return instants.to_text(instants.from_text(hour) + timedelta(hours=1))
    except OverflowError:
        return "9999-12-31T23:59:59.999Z"


def services(db: Dialect) -> list[str]:
    """Names of services that were ever counted: `event_counts` outlives the events themselves."""
    return [service for (service,) in db.run(f"SELECT DISTINCT service FROM {db.counts} LIMIT ?", [limits.SERVICES])]
