"""Counting what no hourly count tells: of words, of one event, of an issue with a release. The events themselves are
looked at, the newest first, and so many at most; where there are more, the answer says from when on they were counted.
A number is "at least" then, and never an estimate. Used by `stats.py` and `overview.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .. import instants, limits
from .base import Filters
from .conditions import conditions
from .windows import windows

if TYPE_CHECKING:
    from .read import Dialect

#: With what was merged into it and is still to be moved there.
OF_ISSUE: Final = "e.issue_id IN (SELECT id FROM issues WHERE id = ? OR merged_into = ?)"


class Matches(NamedTuple):
    """Events that match: of each the minute in which it was received, its service, source and severity."""

    events: list[tuple[str, str, str, str]]
    #: When the oldest that was looked at was received; `None`: all were.
    since: str | None


def newest(db: Dialect, filters: Filters) -> Matches:
    """The newest `limits.MATCHES_COUNTED` that match, among the newest `limits.MATCHES_LOOKED_AT` that have the words
    or are of the issue."""
    events: list[tuple[str, str, str, str]] = []
    looked = oldest = 0
    for id_, minute, *rest in _looked_at(db, filters):
        full = minute is not None and len(events) == limits.MATCHES_COUNTED
        if full or looked == limits.MATCHES_LOOKED_AT:
            # Its hour, if it was deleted in this moment.
            ((since,),) = db.run(
                "SELECT coalesce((SELECT received_at FROM error_events WHERE id = ?),"
                f" (SELECT MIN(hour) FROM {db.hours} WHERE last_id >= ?))",
                [oldest, oldest],
            )
            return Matches(events, since)
        looked, oldest = looked + 1, id_
        if minute is not None:
            events.append((f"{minute}:00.000Z", *rest))
    return Matches(events, None)


def _looked_at(db: Dialect, filters: Filters) -> Iterator[Any]:
    """Id, minute, service, source and severity; the minute only of what matches."""
    tests, test_values = conditions(filters, "e.")
    in_range, range_values = range_condition(db, filters)
    tests, test_values = [*tests, *in_range], [*test_values, *range_values]
    if filters.issue_id is not None and filters.q is not None:
        tests.append(OF_ISSUE)
        test_values += [filters.issue_id, filters.issue_id]
    minute = "substr(e.received_at, 1, 16)"
    if tests:
        minute = f"CASE WHEN {' AND '.join(tests)} THEN {minute} END"
    most = (limits.MATCHES_LOOKED_AT if tests else limits.MATCHES_COUNTED) + 1
    select = f"SELECT e.id, {minute}, e.service, e.source, e.severity FROM"
    if filters.q is None:
        condition, values = db.event_condition, list[Any]([filters.event_id])
        if filters.event_id is None:
            family = [filters.issue_id, filters.issue_id]
            merged = db.run("SELECT 1 FROM issues WHERE id <> ? AND merged_into = ? LIMIT 1", family)
            # Of one alone an index has them in their order.
            condition, values = (OF_ISSUE, family) if list(merged) else ("e.issue_id = ?", family[:1])
        query = f"{select} error_events e WHERE {condition} ORDER BY e.id DESC LIMIT ?"
        yield from db.run(query, [*test_values, *values, most])
        return
    for window in windows(db, filters):
        condition, values = words_condition(db, filters.q)
        query = (
            f"{select} {db.search_tables} WHERE {condition} AND {db.search_window}"
            f" ORDER BY {db.search_sort} DESC LIMIT ?"
        )
        for row in db.run(query, [*test_values, *values, *db.search_window_values(window), most]):
            yield row
            most -= 1
        if not most:
            return


def narrows(filters: Filters) -> bool:
    """Whether more is asked of events than words and a range."""
    return filters != Filters(q=filters.q, since=filters.since, until=filters.until)


def words_condition(db: Dialect, q: str) -> tuple[str, list[Any]]:
    """What events have to match whose words are looked for."""
    # A word without a letter or digit is no token, and would match nothing.
    words = [word for word in q.split() if any(character.isalnum() for character in word)]
    return db.search_condition, [db.search_value(words)]


def range_condition(db: Dialect, filters: Filters) -> tuple[list[str], list[Any]]:
    """That events were received in a range, by their ids as far as these tell: it stands behind large texts when one
    was received."""
    where: list[str] = []
    values: list[Any] = []
    if filters.since is not None:
        where.append(
            f"(e.id > coalesce((SELECT MAX(last_id) FROM {db.hours} WHERE hour <= ?), 0) OR e.received_at >= ?)"
        )
        values += [instants.hour_of(filters.since), filters.since]
    if filters.until is not None:
        where.append(
            f"(e.id < coalesce((SELECT MIN(first_id) FROM {db.hours} WHERE hour >= ?), 0) OR e.received_at < ?)"
        )
        values += [instants.hour_of(filters.until), filters.until]
    return where, values
