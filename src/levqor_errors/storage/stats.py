"""Statistics: how many events match, of which severity, source and service, and when; and what was refused.

The same SQL for each database. Used by its `storage.py`; the page of errors has an `overview.py` of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from .. import instants, limits
from ..event import Source
from ..severity import Severity
from .base import Filters
from .counted import counted, is_counted, unnamed
from .matches import newest
from .read import Dialect

#: How many services the statistics name, the loudest first.
_SERVICES: Final = 100
#: Over more days than this the series is by day instead of by hour.
_HOURLY_DAYS: Final = 14


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


def services(db: Dialect) -> list[str]:
    """Names of services that were ever counted: `event_counts` outlives the events themselves."""
    return [service for (service,) in db.run(f"SELECT DISTINCT service FROM {db.counts} LIMIT ?", [limits.SERVICES])]
