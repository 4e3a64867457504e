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
from .matches import OF_ISSUE, narrows, newest, range_condition, words_condition
from .rows import UNNAMED
from .windows import Window, windows

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
#: A row takes as long to read as so many ids in an index.
_LISTED: Final = 25
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
    #: Their ids.
    search_order: str
    #: The same to sort by: what is not walked through in that order, where each text would have to be read again.
    search_sort: str
    #: How many of the next ones have words, the lowest and the highest of their ids, of ids between two, so many at
    #: most; with a condition and a direction to be put in. `None`: other indexes lead to those that match besides.
    search_end: str | None
    #: That they are in an index under a condition, which is put in, and between two ids: a row takes longer to read.
    search_listed: str
    #: That they are in a window, and the values of that.
    search_window: str
    search_window_values: Callable[[Window], Sequence[Any]]
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
    reach: int | None = None,
) -> Page:
    """A page of events by id, the newest first; `whole` with their context as an object; see `Storage.recent`.

    Raises:
        orjson.JSONDecodeError: a context is none; see `get`.
    """
    columns = (*_PAGE_COLUMNS, "context") if whole else _PAGE_COLUMNS
    errors: list[dict[str, Any]] = []
    next_: int | None = None
    size = 0
    at_most = _Reach(reach if narrows(filters) else None)
    for row in _rows(db, filters, limit + 1, at_most, before=before, after=after, among=among, columns=columns):
        if len(errors) == limit or size > limits.PAGE_BYTES:
            next_ = errors[-1]["id"]
            break
        event = dict(zip(columns, row, strict=True))
        if whole:
            event["context"] = _context(event["context"])
        errors.append(event)
        size += sum(len(value) for value in row if isinstance(value, str))
    is_short = next_ is None and at_most.end is not None
    return Page(errors if after is None else errors[::-1], at_most.end if is_short else next_, is_short)


class _Reach:
    """How far a search goes for a page.

    Args:
        left: how many events that have the words are looked at; `None`: all.
    """

    def __init__(self, left: int | None) -> None:
        self.left = left
        #: The last of them, when there are no more left.
        self.end: int | None = None


def _rows(
    db: Dialect,
    filters: Filters,
    most: int,
    reach: _Reach,
    *,
    before: int | None,
    after: int | None,
    among: Sequence[int] | None,
    columns: Sequence[str],
) -> Iterable[Any]:
    """Events in their order, as long as somebody asks for more."""
    where, values = _where(db, filters)
    order, direction = _order(db, filters), "DESC" if after is None else "ASC"
    select = f"SELECT {', '.join(f'e.{column}' for column in columns)} FROM {_tables(db, filters)} WHERE"
    if among is not None:
        if among:
            where.append(_among(order, len(among)))
            values += [min(among), max(among), *among]
            query = f"{select} {' AND '.join(where)} ORDER BY {order} {direction} LIMIT ?"
            yield from db.run(query, [*values, most])
        return
    if filters.q is not None:
        where.append(db.search_window)
        words, word_values = words_condition(db, filters.q)
        for window in windows(db, filters, before=before, after=after):
            listed, listed_values = list[str](), list[Any]()
            if reach.left is not None and db.search_end is not None:
                # Where it ends, by the index alone.
                looked_at = [*word_values, *window[:2], reach.left]
                ((number, low, high),) = db.run(db.search_end.format(words, direction), looked_at)
                reach.left -= number
                if not number:
                    continue
                window = window._replace(low=low, high=high)
                if not reach.left:
                    reach.end = low if after is None else high
                if high - low < _LISTED * number:
                    listed, listed_values = _listed(db, filters, window)
            all_of = " AND ".join([*where, *listed])
            query = f"{select} {all_of} ORDER BY {db.search_sort} {direction} LIMIT ?"
            for row in db.run(query, [*values, *db.search_window_values(window), *listed_values, most]):
                yield row
                most -= 1
            if not most or reach.end is not None:
                return
        return
    # Of an issue alone the counts say nothing.
    if filters.event_id is None and filters != Filters(issue_id=filters.issue_id):
        bounds = id_bounds(db, filters)
        if bounds is None:
            return
        where.append("e.id BETWEEN ? AND ?")
        values += bounds
    if before is not None:
        where.append("e.id < ?")
        values.append(before)
    if after is not None:
        where.append("e.id > ?")
        values.append(after)
    condition = " AND ".join(where) or "1 = 1"
    yield from db.run(f"{select} {condition} ORDER BY e.id {direction} LIMIT ?", [*values, most])


def _listed(db: Dialect, filters: Filters, window: Window) -> tuple[list[str], list[Any]]:
    """That ids are among those of a window that indexes have under what is asked for."""
    where: list[str] = []
    values: list[Any] = []
    for column in ("service", "severity", "environment", "release"):
        condition, of_column = conditions(replace(Filters(), **{column: getattr(filters, column)}))
        if condition:
            where.append(db.search_listed.format(*condition))
            values += [*of_column, *window[:2]]
    return where, values


def matching(db: Dialect, filters: Filters, among: Sequence[int]) -> list[int]:
    """Ids of those that match."""
    if not among:
        return []
    where, values = _where(db, filters)
    where.append(_among(_order(db, filters), len(among)))
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
    """Exact counts, from hourly ones where these can say; else of the newest events, as `counted_since` says."""
    since = None
    if is_counted(db, filters):
        counts_of, values = counted(db, filters)
        # One statement, and so one state of the database: the parts of the answer add up.
        sums = db.run(
            f"{counts_of}, summed (hour, service, source, severity, n) AS MATERIALIZED ("
            "SELECT hour, service, source, severity, SUM(n) FROM counted GROUP BY 1, 2, 3, 4)"
            " SELECT 0, hour, severity, CAST(SUM(n) AS BIGINT) FROM summed GROUP BY 2, 3"
            " UNION ALL SELECT 1, service, '', CAST(SUM(n) AS BIGINT) FROM summed GROUP BY 2"
            " UNION ALL SELECT 2, source, '', CAST(SUM(n) AS BIGINT) FROM summed GROUP BY 2",
            values,
        )
    else:
        found = newest(db, filters)
        since = found.since
        by_part = Counter(
            key
            for minute, service, source, severity in found.events
            for key in ((0, instants.hour_of(minute), severity), (1, service, ""), (2, source, ""))
        )
        sums = [(*key, number) for key, number in by_part.items()]
    counts: list[tuple[str, str, int]] = []
    services: Counter[str] = Counter()
    sources: Counter[str] = Counter({source.value: 0 for source in Source})
    severities: Counter[str] = Counter({severity.value: 0 for severity in Severity})
    for part, key, severity, number in sums:
        if part:
            (services if part == 1 else sources)[key] += number
        else:
            counts.append((key, severity, number))
            severities[severity] += number
    counts.sort()
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
        "counted_since": since,
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
    for hour, severity, count in counts:
        start = f"{hour[:10]}T00:00:00.000Z" if by_day else hour
        point = points.get(start)
        if point is None:
            point = points[start] = {"start": start, **dict.fromkeys((one.value for one in Severity), 0)}
        point[severity] += count
    return list(points.values())


def _tables(db: Dialect, filters: Filters) -> str:
    return db.search_tables if filters.q is not None else "error_events e"


def _order(db: Dialect, filters: Filters) -> str:
    return db.search_order if filters.q is not None else "e.id"


def _where(db: Dialect, filters: Filters) -> tuple[list[str], list[Any]]:
    """Conditions on what `_tables` says."""
    where, values = conditions(filters, "e.")
    if filters.issue_id is not None:
        where.append(OF_ISSUE)
        values += [filters.issue_id, filters.issue_id]
    if filters.event_id is not None:
        where.append(db.event_condition)
        values.append(filters.event_id)
    if filters.q is not None:
        in_range, range_values = range_condition(db, filters)
        words, word_values = words_condition(db, filters.q)
        return [*where, *in_range, words], [*values, *range_values, *word_values]
    # Whoever asks gives bounds of ids as well, in whose order all is read.
    if filters.since is not None:
        where.append(f"{db.no_index}e.received_at >= ?")
        values.append(filters.since)
    if filters.until is not None:
        where.append(f"{db.no_index}e.received_at < ?")
        values.append(filters.until)
    return where, values


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


#: The hour that an event was received in, and the minute, in SQL.
HOUR: Final = "substr(received_at, 1, 13) || ':00:00.000Z'"
_MINUTE: Final = "substr(received_at, 1, 16) || ':00.000Z'"


def minutes(db: Dialect, filters: Filters) -> Iterable[Any]:
    """Minute, severity and number of the events that match, by rows alone; of filters that are `is_counted`."""
    where, values = _where(db, filters)
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


def services(db: Dialect) -> list[str]:
    """Names of services that were ever counted: `event_counts` outlives the events themselves."""
    return [service for (service,) in db.run(f"SELECT DISTINCT service FROM {db.counts} LIMIT ?", [limits.SERVICES])]
