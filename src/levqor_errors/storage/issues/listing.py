"""Pages of issues, each with its numbers: counts, users, trend and sparkline. Goes to pages and the API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from ... import instants, limits
from ...errors import TriageError
from ..alerts import marks
from ..read import Dialect
from .model import STATES, IssuePage, IssueQuery, Sort

COLUMNS: Final = (
    "id", "title", "service", "severity", "state", "first_seen", "last_seen", "count", "users", "regressions", "note",
    "muted_until", "mute_count", "resolved_at", "old_releases",
)  # fmt: skip
_SELECT: Final = ", ".join(f"i.{column}" for column in COLUMNS)
#: What a sparkline shows, and what a trend compares with as much before.
_HOURS: Final = 24
_DAYS: Final = 14
#: Pages of an order by numbers end here: whoever looks further has the wrong order, or no filter.
_MOST_RANKED: Final = 10_000
_WORDS: Final = re.compile(r"[^\W_]+")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


def page(db: Dialect, query: IssueQuery, now: str) -> IssuePage:
    """A page of issues.

    Raises:
        TriageError: `after` is no answer's `next`.
    """
    if query.sort in (Sort.LAST_SEEN, Sort.FIRST_SEEN):
        rows, following = _by_time(db, query)
    else:
        rows, following = _by_number(db, query, now)
    return IssuePage(with_numbers(db, rows, now, days=query.days), following)


def _conditions(db: Dialect, query: IssueQuery) -> tuple[list[str], list[Any]]:
    where, values = ["i.merged_into IS NULL"], list[Any]()
    if query.service is not None:
        where.append("i.service = ?")
        values.append(query.service)
    if query.severity:
        where.append(f"i.severity IN ({marks(query.severity)})")
        values += query.severity
    if query.q is not None:
        where.append(db.title_condition)
        values.append(db.title_value(_WORDS.findall(query.q)))
    return where, values


def _by_time(db: Dialect, query: IssueQuery) -> tuple[list[tuple[Any, ...]], str | None]:
    """By an instant, from where the page before ended."""
    column = f"i.{query.sort.value}"
    where, values = _conditions(db, query)
    if query.after is not None:
        at, _, id_ = query.after.rpartition(" ")
        if not at or not _NUMBER.fullmatch(id_):
            raise TriageError("after must be what an answer gave as next")
        where.append(f"({column}, i.id) < (?, ?)")
        values += [at, int(id_)]
    rows: list[tuple[Any, ...]] = []
    # The index begins with the state; of all three, the first ones of each.
    for state in (query.state,) if query.state is not None else STATES:
        rows += db.run(
            f"SELECT {_SELECT} FROM {db.issues} i WHERE {' AND '.join([*where, 'i.state = ?'])}"
            f" ORDER BY {column} DESC, i.id DESC LIMIT ?",
            [*values, state, query.limit + 1],
        )
    place = COLUMNS.index(query.sort.value)
    rows.sort(key=lambda row: (row[place], row[0]), reverse=True)
    shown = rows[: query.limit]
    return shown, f"{shown[-1][place]} {shown[-1][0]}" if len(rows) > query.limit else None


def _by_number(db: Dialect, query: IssueQuery, now: str) -> tuple[list[tuple[Any, ...]], str | None]:
    """By something that is computed, from a place on."""
    after = query.after or "0"
    if not _NUMBER.fullmatch(after) or int(after) > _MOST_RANKED:
        raise TriageError("after must be what an answer gave as next")
    where, values = _conditions(db, query)
    if query.state is not None:
        where.append("i.state = ?")
        values.append(query.state)
    number, tables, first = "i.users", f"{db.issues} i", list[Any]()
    if query.sort is not Sort.USERS:
        hour = instants.from_text(instants.hour_of(now))
        recent = instants.to_text(hour - timedelta(hours=_HOURS - 1))
        since = instants.hour_of(query.since) if query.since else recent
        summed, first = "SUM(count)", [since]
        if query.sort is Sort.TREND:
            summed = "SUM(CASE WHEN hour >= ? THEN count ELSE -count END)"
            first = [recent, instants.to_text(hour - timedelta(hours=2 * _HOURS - 1))]
        number = "c.number"
        tables = (
            f"(SELECT issue_id, {summed} AS number FROM {db.issue_counts} WHERE hour >= ? GROUP BY issue_id) c"
            f" JOIN {db.issues} i ON i.id = c.issue_id"
        )
    rows = list(
        db.run(
            f"SELECT {_SELECT} FROM {tables} WHERE {' AND '.join(where)}"
            f" ORDER BY {number} DESC, i.last_seen DESC, i.id DESC LIMIT ? OFFSET ?",
            [*first, *values, query.limit + 1, int(after)],
        )
    )
    more = len(rows) > query.limit and int(after) + query.limit <= _MOST_RANKED
    return rows[: query.limit], str(int(after) + query.limit) if more else None


def with_numbers(db: Dialect, rows: Sequence[tuple[Any, ...]], now: str, *, days: bool) -> list[dict[str, Any]]:
    """Issues as they are shown: rows of `COLUMNS`, each with its trend and sparkline."""
    hour = instants.from_text(instants.hour_of(now))
    ids = [row[0] for row in rows]
    counts: dict[int, dict[str, int]] = {id_: {} for id_ in ids}
    starts = _starts(hour, days=days)
    since = min(starts[0], instants.to_text(hour - timedelta(hours=2 * _HOURS - 1)))
    if ids:
        found = db.run(
            f"SELECT issue_id, hour, CAST(SUM(count) AS BIGINT) FROM {db.issue_counts}"
            f" WHERE issue_id IN ({marks(ids)}) AND hour >= ? GROUP BY 1, 2",
            [*ids, since],
        )
        for id_, at, number in found:
            counts[id_][at] = number
    return [_shown(row, counts[row[0]], hour, starts, days=days) for row in rows]


def _starts(hour: datetime, *, days: bool) -> list[str]:
    if days:
        midnight = hour.replace(hour=0)
        return [instants.to_text(midnight - timedelta(days=back)) for back in range(_DAYS - 1, -1, -1)]
    return [instants.to_text(hour - timedelta(hours=back)) for back in range(_HOURS - 1, -1, -1)]


def _shown(
    row: tuple[Any, ...], counts: dict[str, int], hour: datetime, starts: Sequence[str], *, days: bool
) -> dict[str, Any]:
    issue = dict(zip(COLUMNS, row, strict=True))
    old = issue.pop("old_releases")
    recent = instants.to_text(hour - timedelta(hours=_HOURS - 1))
    before = instants.to_text(hour - timedelta(hours=2 * _HOURS - 1))
    sums = dict.fromkeys(starts, 0)
    for at, number in counts.items():
        start = f"{at[:10]}T00:00:00.000Z" if days else at
        if start in sums:
            sums[start] += number
    return {
        **issue,
        "users": min(issue["users"], limits.ISSUE_USERS),
        "users_at_least": issue["users"] >= limits.ISSUE_USERS,
        "resolved_in_next_release": old is not None,
        "old_releases": orjson.loads(old) if old else [],
        "trend": {
            "now": sum(number for at, number in counts.items() if at >= recent),
            "before": sum(number for at, number in counts.items() if before <= at < recent),
        },
        "sparkline": {"bucket": "day" if days else "hour", "since": starts[0], "counts": list(sums.values())},
    }
