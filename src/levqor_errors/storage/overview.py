"""What the page of errors says above its list: how many events of which severity, when, of which services, and how many
in the range before. As exact as `stats.stats` is, and summed up by the database: what comes out of it is as long as the
page, not as the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from .. import instants
from ..severity import Severity
from .base import Filters, Overview, Unit
from .counted import counted, is_counted, minutes, unnamed
from .matches import newest
from .read import Dialect

#: How many services are told apart, the loudest first, and how many names are suggested.
_SERVICES: Final = 100
_NAMES: Final = 200
#: The newest of many matches are told by the minute when they came in so short a time.
_BY_MINUTE: Final = timedelta(hours=4)


def overview(
    db: Dialect, filters: Filters, *, unit: Unit, before: tuple[str, str] | None, named_since: str
) -> Overview:
    """Sum up what matches; see `Storage.overview`."""
    if is_counted(db, filters):
        since = None
        by_time, by_service = _sums(db, filters, by_day=unit == "day")
        if unit == "minute":
            by_minute = _minutes(db, filters)
            # More of them: some came in this moment. Fewer: retention took rows away, and no count changes for that.
            if _total(by_minute) >= _total(by_time):
                by_time = by_minute
            else:
                unit = "hour"
    else:
        found = newest(db, filters)
        since = found.since
        if since is not None and found.events:
            # How long a time that is nobody knew before.
            length = instants.from_text(found.events[0][0]) - instants.from_text(since)
            unit = "minute" if length <= _BY_MINUTE else "hour"
        by_time, by_service = _of_rows(found.events, unit)
    more = unnamed(db, filters)
    earlier = None
    if before is not None and not more and since is None:
        earlier = _severities(db, replace(filters, since=before[0], until=before[1]))
    loudest = sorted(by_service.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:_SERVICES]
    return Overview(unit, sorted(by_time.items()), loudest, earlier, _names(db, named_since), more, since)


def _sums(
    db: Dialect, filters: Filters, *, by_day: bool
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """By time, and by service. In one statement, so that both are of one state of the database."""
    counts_of, values = counted(db, filters)
    time = "substr(hour, 1, 10) || 'T00:00:00.000Z'" if by_day else "hour"
    rows = db.run(
        f"{counts_of}, summed (time, service, severity, n) AS MATERIALIZED ("
        f"SELECT {time}, service, severity, SUM(n) FROM counted GROUP BY 1, 2, 3)"
        " SELECT 0, time, severity, CAST(SUM(n) AS BIGINT) FROM summed GROUP BY 2, 3"
        " UNION ALL SELECT 1, service, severity, CAST(SUM(n) AS BIGINT) FROM summed GROUP BY 2, 3",
        values,
    )
    by_time: dict[str, dict[str, int]] = {}
    by_service: dict[str, dict[str, int]] = {}
    for which, key, severity, number in rows:
        _add(by_service if which else by_time, key, severity, number)
    return by_time, by_service


def _of_rows(
    events: Sequence[tuple[str, str, str, str]], unit: Unit
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """The same of events that were looked at."""
    by_time: dict[str, dict[str, int]] = {}
    by_service: dict[str, dict[str, int]] = {}
    for minute, service, _, severity in events:
        hour = minute if unit == "minute" else instants.hour_of(minute)
        time = f"{hour[:10]}T00:00:00.000Z" if unit == "day" else hour
        _add(by_time, time, severity, 1)
        _add(by_service, service, severity, 1)
    return by_time, by_service


def _minutes(db: Dialect, filters: Filters) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for minute, severity, number in minutes(db, filters):
        _add(found, minute, severity, number)
    return found


def _severities(db: Dialect, filters: Filters) -> dict[str, int] | None:
    """How many match; `None`: there may be more."""
    if not is_counted(db, filters):
        found = newest(db, filters)
        return None if found.since else {**_none(), **Counter(severity for *_, severity in found.events)}
    if unnamed(db, filters):
        return None
    counts_of, values = counted(db, filters)
    rows = db.run(f"{counts_of} SELECT severity, CAST(SUM(n) AS BIGINT) FROM counted GROUP BY 1", values)
    return {**_none(), **dict(rows)}


def _names(db: Dialect, since: str) -> tuple[list[str], list[str], list[str]]:
    """The commonest names that were counted since an hour."""
    rows: Sequence[Any] = list(
        db.run(
            f"SELECT service, environment, release, CAST(SUM(count) AS BIGINT) FROM {db.counts} WHERE hour >= ?"
            " GROUP BY 1, 2, 3",
            [since],
        )
    )
    columns = []
    for place in range(3):
        counts: Counter[str] = Counter()
        for row in rows:
            # No name, or a mark of those that are not told apart.
            if row[place].strip():
                counts[row[place]] += row[3]
        columns.append([name for name, _ in counts.most_common(_NAMES)])
    services, environments, releases = columns
    return services, environments, releases


def _add(sums: dict[str, dict[str, int]], key: str, severity: str, number: int) -> None:
    # Not `setdefault`, which would make the other severities' zeros for each number.
    if key not in sums:
        sums[key] = _none()
    sums[key][severity] += number


def _none() -> dict[str, int]:
    return dict.fromkeys((severity.value for severity in Severity), 0)


def _total(series: dict[str, dict[str, int]]) -> int:
    return sum(sum(counts.values()) for counts in series.values())
