"""What happened in a day, for the day's summary: exact totals, and issues that mattered. Goes to `alerts/summary.py`.

Totals are from `event_counts` and, where a day does not begin on the hour, from the rows at its ends. Which issues they
were only rows can tell: of an issue that lost rows to make room, fewer are counted. The canary's own are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import orjson

from ... import instants
from ...severity import Severity
from ..base import CANARY_SERVICE, Filters
from ..counted import counted
from ..read import Dialect

#: Services and issues that are named, the loudest; of new issues and the like fewer.
_SERVICES: Final = 8
_ISSUES: Final = 10
_FEW: Final = 5
_WEEK_DAYS: Final = 7

_WITHIN: Final = "received_at >= ? AND received_at < ?"
_RANK: Final = "CASE e.severity WHEN 'critical' THEN 0 WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END"
_BY_RANK: Final = tuple(reversed([severity.value for severity in Severity]))

# Each of these gives ids of issues, by what they are ordered, and how many there are in all.
# Critical ones first: one such event is more to the owner than a thousand others.
_LOUDEST: Final = f"""
    SELECT issue_id, COUNT(*) AS n, COUNT(*) OVER () FROM error_events
    WHERE {_WITHIN} AND service <> ? GROUP BY issue_id
    ORDER BY MAX(CASE severity WHEN 'critical' THEN 1 ELSE 0 END) DESC, n DESC, issue_id LIMIT ?
"""
_NEW: Final = """
    SELECT id, count AS n, COUNT(*) OVER () FROM {issues}
    WHERE first_seen >= ? AND first_seen < ? AND service <> ? ORDER BY n DESC, id LIMIT ?
"""
_REGRESSED: Final = """
    SELECT i.id, SUM(o.count) AS n, COUNT(*) OVER () FROM alert_outbox o JOIN issues i ON i.id = o.issue_id
    WHERE o.regressed > 0 AND o.created_at >= ? AND o.created_at < ? AND i.service <> ?
    GROUP BY i.id ORDER BY n DESC, i.id LIMIT ?
"""
_RESOLVED: Final = """
    SELECT i.id, MAX(l.id) AS n, COUNT(*) OVER () FROM alert_ledger l JOIN issues i ON i.id = l.issue_id
    WHERE l.what = 'resolved' AND l.at >= ? AND l.at < ? AND i.service <> ?
    GROUP BY i.id ORDER BY n DESC LIMIT ?
"""
# Open issues whose last event is from the week before the day, by how many they had in it.
_QUIET: Final = """
    SELECT i.id, COUNT(*) AS n, COUNT(*) OVER () FROM {issues} i JOIN error_events e ON e.issue_id = i.id
    WHERE i.last_seen >= ? AND i.last_seen < ? AND i.service <> ? AND i.state = 'open'
        AND e.received_at >= ? AND e.received_at < ?
    GROUP BY i.id ORDER BY n DESC, i.id LIMIT ?
"""
_DESCRIBED: Final = f"""
    SELECT i.id, i.title, i.service, COUNT(e.id), MAX(e.id), MIN({_RANK})
    FROM issues i LEFT JOIN error_events e ON e.issue_id = i.id AND {_WITHIN}
    WHERE i.id IN ({{marks}}) GROUP BY i.id, i.title, i.service
"""
_UNDELIVERED: Final = """
    SELECT
        (SELECT COUNT(*) FROM alert_outbox WHERE decided_at IS NULL),
        (SELECT COUNT(*) FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
            WHERE d.state = 'waiting' AND a.kind <> 'canary'),
        (SELECT COUNT(*) FROM alert_deliveries WHERE state = 'refused' AND ended_at >= ? AND ended_at < ?)
"""
_REFUSALS: Final = """
    SELECT reason, CAST(SUM(requests) AS BIGINT), CAST(SUM(events) AS BIGINT) FROM refusals
    WHERE hour >= ? AND hour < ? GROUP BY reason ORDER BY reason
"""


def digest(db: Dialect, since: str, until: str, missed: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Facts of a range of `received_at`; see `Storage.digest`."""
    start = instants.from_text(since)
    windows = {
        "now": (since, until),
        "before": (instants.to_text(start - timedelta(days=1)), since),
        "week": (instants.to_text(start - timedelta(days=_WEEK_DAYS)), since),
    }
    week = windows["week"][0]
    severities = {name: _sums(db, "severity", window) for name, window in windows.items()}
    open_rows, waiting, refused = next(iter(db.run(_UNDELIVERED, [since, until])))
    ((first_hour,),) = db.run(f"SELECT MIN(hour) FROM {db.counts}", [])
    memory = _memory(db)
    named = [since, until, CANARY_SERVICE]
    return {
        "since": since,
        "until": until,
        "known_since": first_hour,
        "severities": {
            severity: {name: sums.get(severity, 0) for name, sums in severities.items()} for severity in _BY_RANK
        },
        **_services(db, windows),
        "hours": _hours(db, since, until),
        "issues": _issues(db, _LOUDEST, [*named, _ISSUES], since, until),
        "new": _issues(db, _NEW.format(issues=db.issues), [*named, _FEW], since, until),
        "regressed": _issues(db, _REGRESSED, [*named, _FEW], since, until),
        "resolved": _issues(db, _RESOLVED, [*named, _FEW], since, until),
        "quiet": _issues(
            db, _QUIET.format(issues=db.issues), [week, since, CANARY_SERVICE, week, since, _FEW], week, since
        ),
        "refused": {
            reason: {"requests": requests, "events": events}
            for reason, requests, events in db.run(_REFUSALS, [instants.hour_of(since), until])
        },
        "undelivered": {"undecided": open_rows, "waiting": waiting, "refused": refused},
        "canary": memory.pop("canary", None),
        "channels": {key.partition(" ")[2]: value for key, value in memory.items()},
        "missed": [sum(_sums(db, "severity", window).values()) for window in missed],
    }


def _sums(db: Dialect, column: str, window: tuple[str, str], among: Sequence[str] | None = None) -> dict[str, int]:
    """How many events a range has, by a column; only of some services, if they are given."""
    counts, values = counted(db, Filters(since=window[0], until=window[1]))
    where = "" if among is None else f" AND service IN ({_marks(among)})"
    query = f"{counts} SELECT {column}, CAST(SUM(n) AS BIGINT) FROM counted WHERE service <> ?{where} GROUP BY 1"
    return dict(iter(db.run(query, [*values, CANARY_SERVICE, *(among or ())])))


def _services(db: Dialect, windows: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """The loudest services of the day and of the week before it, the day's first; and how many the day had."""
    names: dict[str, None] = {}
    number = 0
    for name in ("week", "now"):
        counts, values = counted(db, Filters(since=windows[name][0], until=windows[name][1]))
        rows = db.run(
            f"{counts} SELECT service, CAST(SUM(n) AS BIGINT), COUNT(*) OVER () FROM counted WHERE service <> ?"
            " GROUP BY service ORDER BY 2 DESC, 1 LIMIT ?",
            [*values, CANARY_SERVICE, _SERVICES],
        )
        number = 0
        for service, _, number in rows:  # noqa: B007 - each row has it, and there may be none
            names[service] = None
    sums = {name: _sums(db, "service", window, list(names)) for name, window in windows.items()} if names else {}
    services: list[dict[str, Any]] = [
        {"service": one, **{name: of.get(one, 0) for name, of in sums.items()}} for one in names
    ]
    services.sort(key=lambda one: (-one["now"], -one["week"], one["service"]))
    return {"services": services[:_SERVICES], "services_count": number}


def _hours(db: Dialect, since: str, until: str) -> list[dict[str, Any]]:
    """Each hour that the range touches, with what of it the range has; the ends may be parts of hours."""
    counts, values = counted(db, Filters(since=since, until=until))
    hour, end = instants.from_text(instants.hour_of(since)), instants.from_text(until)
    cells: dict[str, dict[str, Any]] = {}
    while hour < end:
        start = instants.to_text(hour)
        cells[start] = {"start": start, **dict.fromkeys(_BY_RANK, 0)}
        hour += timedelta(hours=1)
    query = f"{counts} SELECT hour, severity, CAST(SUM(n) AS BIGINT) FROM counted WHERE service <> ? GROUP BY 1, 2"
    for start, severity, number in db.run(query, [*values, CANARY_SERVICE]):
        cells[start][severity] = number
    return list(cells.values())


def _issues(db: Dialect, query: str, values: Sequence[Any], since: str, until: str) -> dict[str, Any]:
    """Issues that a query finds, with what they had in a range, and how many there are beside those."""
    found = list(db.run(query, values))
    ids = [row[0] for row in found]
    described = {}
    if ids:
        for id_, title, service, count, event_id, worst in db.run(
            _DESCRIBED.format(marks=_marks(ids)), [since, until, *ids]
        ):
            severity = None if event_id is None else _BY_RANK[worst]
            described[id_] = {
                "id": id_, "title": title, "service": service, "count": count, "event_id": event_id,
                "severity": severity,
            }  # fmt: skip
    return {"count": found[0][2] if found else 0, "top": [described[id_] for id_ in ids if id_ in described]}


def _memory(db: Dialect) -> dict[str, Any]:
    """What was remembered of the canary, under its name, and of channels, under `channel NAME`."""
    rows = db.run(
        "SELECT key, value FROM alert_memory WHERE key = ? OR (key >= ? AND key < ?)",
        ["canary", "channel ", "channel \U0010ffff"],
    )
    return {key: orjson.loads(value) for key, value in rows}


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
