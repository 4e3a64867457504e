"""Reading events from SQLite: pages, single events, exact statistics. Runs on read-only connections.

Every value goes into a statement as a parameter; what is put together as text here is fixed SQL only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from sqlite_utils import Database

from ... import instants, limits
from ...event import Source
from ...severity import Severity
from ..base import Filters, Page
from .driver import sqlite3

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


def recent(db: Database, filters: Filters, *, limit: int, before: int | None) -> Page:
    """A page of events by id, the newest first."""
    where, values = _where(filters)
    if before is not None:
        where.append("e.id < ?")
        values.append(before)
    # With a search the full-text index leads: it gives row ids in descending order, so the walk ends at the limit.
    tables = "error_events_fts f CROSS JOIN error_events e ON e.id = f.rowid" if filters.q else "error_events e"
    order = "f.rowid" if filters.q else "e.id"
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    rows = db.execute(
        f"SELECT {_SELECT} FROM {tables} {condition} ORDER BY {order} DESC LIMIT ?",
        [*values, limit + 1],
    )
    errors: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        if len(errors) == limit or size > limits.PAGE_BYTES:
            return Page(errors, errors[-1]["id"])
        errors.append(dict(zip(_PAGE_COLUMNS, row, strict=True)))
        size += sum(len(value) for value in row if isinstance(value, str))
    return Page(errors, None)


def get(db: Database, id_: int) -> dict[str, Any] | None:
    """One event, with `context` as an object and its issue under `issue`."""
    found = db.execute(f"SELECT {_SELECT}, e.context FROM error_events e WHERE e.id = ?", [id_]).fetchone()
    if found is None:
        return None
    event = dict(zip((*_PAGE_COLUMNS, "context"), found, strict=True))
    try:
        event["context"] = orjson.loads(event["context"]) if event["context"] else {}
    except orjson.JSONDecodeError as error:
        # It was JSON when it was stored; SQLite sees damage in its own structure only.
        raise sqlite3.DatabaseError(f"malformed context of event {id_}") from error
    issue = db.execute(
        f"SELECT {', '.join(_ISSUE_COLUMNS)} FROM issues WHERE id = ?",
        [event["issue_id"]],
    ).fetchone()
    event["issue"] = None
    if issue is not None:
        event["issue"] = dict(zip(_ISSUE_COLUMNS, issue, strict=True))
        event["issue"]["grouping"] = orjson.loads(event["issue"]["grouping"])
    return event


def stats(db: Database, filters: Filters) -> dict[str, Any]:
    """Exact counts. From the hourly table where it can say, from the rows where only they can."""
    counted, values = _counted(filters)
    # One statement, and so one state of the database: the parts of the answer add up.
    counts = db.execute(
        f"{counted} SELECT hour, service, source, severity, SUM(n) FROM counted GROUP BY 1, 2, 3, 4 ORDER BY 1", values
    ).fetchall()
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
        "refused": _refused(db, filters),
    }


def _refused(db: Database, filters: Filters) -> dict[str, dict[str, int]]:
    """What was refused in the hours that the range touches."""
    rows = db.execute(
        "SELECT reason, SUM(requests), SUM(events) FROM refusals WHERE hour >= ? AND hour < ? GROUP BY 1 ORDER BY 1",
        [instants.hour_of(filters.since) if filters.since else "", filters.until or "~"],
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


def _where(filters: Filters) -> tuple[list[str], list[Any]]:
    """Conditions on `error_events e`, and on `error_events_fts f` where there is a search."""
    where: list[str] = []
    values: list[Any] = []
    for column in ("source", "service", "environment", "release", "event_id"):
        value = getattr(filters, column)
        if value is not None:
            where.append(f"e.{column} = ?")
            values.append(value)
    if filters.severity:
        where.append(f"e.severity IN ({', '.join('?' * len(filters.severity))})")
        values.extend(filters.severity)
    if filters.since is not None:
        where.append("e.received_at >= ?")
        values.append(filters.since)
    if filters.until is not None:
        where.append("e.received_at < ?")
        values.append(filters.until)
    if filters.q is not None:
        where.append("f.error_events_fts MATCH ?")
        values.append(_match(filters.q))
    return where, values


def _match(search: str) -> str:
    """Words to be found, as FTS5 takes them: each a quoted string, so that nothing in them is its syntax (sqlite-utils'
    quote_fts lets a lone quote through). A word without a letter or digit is no token, and would match nothing."""
    words = [word for word in search.split() if any(character.isalnum() for character in word)]
    return " ".join('"' + word.replace('"', '""') + '"' for word in words) or '""'


def _counted(filters: Filters) -> tuple[str, list[Any]]:
    """A common table expression `counted (hour, service, source, severity, n)` of all that match, and its values."""
    if any(value is not None for value in (filters.environment, filters.release, filters.event_id, filters.q)):
        return _counted_rows(filters)
    where: list[str] = []
    values: list[Any] = []
    for column in ("source", "service"):
        value = getattr(filters, column)
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if filters.severity:
        where.append(f"severity IN ({', '.join('?' * len(filters.severity))})")
        values.extend(filters.severity)
    matches = " AND ".join(where) or "1"

    # The hours that lie in the range as a whole come from the table, the broken ones at its ends from their rows.
    first = _hour_up(filters.since) if filters.since else None
    last = instants.hour_of(filters.until) if filters.until else None
    if first is not None and last is not None and first > last:
        return _counted_rows(filters)
    parts: list[str] = []
    bound: list[Any] = []
    hours = "".join((" AND hour >= ?" if first else "", " AND hour < ?" if last else ""))
    parts.append(f"SELECT hour, service, source, severity, count FROM event_counts WHERE {matches}{hours}")
    bound += [*values, *(edge for edge in (first, last) if edge)]
    for since, until in ((filters.since, first), (last, filters.until)):
        if since is not None and until is not None and since < until:
            parts.append(
                f"SELECT {_HOUR}, service, source, severity, 1 FROM error_events "
                f"WHERE {matches} AND received_at >= ? AND received_at < ?"
            )
            bound += [*values, since, until]
    return f"WITH counted (hour, service, source, severity, n) AS ({' UNION ALL '.join(parts)})", bound


_HOUR: Final = "substr(received_at, 1, 13) || ':00:00.000Z'"


def _counted_rows(filters: Filters) -> tuple[str, list[Any]]:
    where, values = _where(filters)
    tables = "error_events_fts f CROSS JOIN error_events e ON e.id = f.rowid" if filters.q else "error_events e"
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    return (
        f"WITH counted (hour, service, source, severity, n) AS "
        f"(SELECT {_HOUR}, service, source, severity, 1 FROM {tables} {condition})",
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
