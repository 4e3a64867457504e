"""A batch of events into SQLite: rows, their full-text index, issues, counts and what is owed to the owner, in one
transaction.

Runs in a process of its own (`child.py`), on a connection of its own. From `BEGIN IMMEDIATE` to the commit
nobody else changes the database, so ids can be given out here. This is the hot path: few statements, most of them for
many rows at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import orjson

from ...grouping import overflow_group
from ..rows import CountedNames, Fresh, Row, Written, grouped_by_others, kept_grouping, owed, tallies
from .driver import sqlite3
from .search import BEHIND, BEHIND_CHARS, INDEXED, index_after
from .tallies import append

# What the database says of one event's content, as against its own state or a misuse of it.
CONTENT_ERRORS: Final = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeError)

_ROW: Final = f"({', '.join('?' * 16)})"
#: Rows that one statement inserts, the most first; what a batch has left over goes by the smaller ones. SQLite before
#: 3.32 takes 999 values.
_ROWS: Final = (62, 16, 4, 1)
_INSERT_EVENTS: Final = {rows: f"INSERT INTO error_events VALUES {', '.join([_ROW] * rows)}" for rows in _ROWS}

# json_each: one parameter whatever the batch's size; SQLite bounds the number of parameters.
_LOOK_UP: Final = f"""
    SELECT
        (SELECT seq FROM sqlite_sequence WHERE name = 'error_events'),
        (SELECT MAX(id) FROM issues),
        (SELECT json_group_object(event_id, id) FROM error_events
            WHERE event_id IN (SELECT value FROM json_each(?))),
        (SELECT json_group_object(fingerprint, iif(
                merged_into IS NOT NULL OR state = 'resolved',
                -coalesce(merged_into, id), id
            )) FROM issues WHERE fingerprint IN (SELECT value FROM json_each(?))),
        (SELECT version FROM grouping_version),
        (SELECT first_id FROM tallies ORDER BY id LIMIT 1),
        ({INDEXED})
"""
_LOOK_CLOSER: Final = "SELECT id, state, old_releases FROM issues WHERE id IN (SELECT value FROM json_each(?))"

_INSERT_ISSUE: Final = """
    INSERT INTO issues (id, fingerprint, grouping, title, service, first_seen, last_seen, count)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0)
"""
# A new event of a resolved issue opens it again; that is what a regression is.
_REOPEN: Final = """
    UPDATE issues SET state = 'open', regressions = regressions + 1, resolved_at = NULL, old_releases = NULL
    WHERE id = ?
"""

_UPSERT_OWED: Final = """
    INSERT INTO alert_outbox (issue_id, first_event_id, count, created_at, severity, regressed)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (issue_id) WHERE decided_at IS NULL DO UPDATE SET
        count = count + excluded.count, regressed = MAX(regressed, excluded.regressed),
        severity = CASE excluded.severity WHEN 'critical' THEN 'critical' ELSE severity END
"""

_REGROUP: Final = """
    INSERT INTO regroup (issue_id, from_id, asked, changed, opened) VALUES (?, ?, 1, 0, 0)
    ON CONFLICT DO UPDATE SET asked = asked + 1, from_id = MIN(from_id, excluded.from_id)
"""


class _Known(NamedTuple):
    """What the database had before the batch."""

    last_id: int
    last_issue: int
    #: Row ids by event_id, of those that the batch has again.
    events: dict[str, int]
    #: Issue ids by fingerprint, of those that the batch has again.
    issues: dict[str, int]
    #: Which of these issues are resolved, each with the releases whose events do not change that.
    resolved: dict[int, list[str]]
    #: Of the rules in force.
    rules: int
    #: The last event that is in the full-text index.
    last_indexed: int
    #: The first event that is still to be added to what is counted.
    first_waiting: int | None


def write_batch(connection: sqlite3.Connection, rows: Sequence[Row], names: CountedNames) -> list[Written | str]:
    """Write a batch in one transaction; durable when this returns.

    Args:
        connection: the writer's.
        rows: the batch.
        names: by which events are counted.

    Returns:
        what became of each row; a text says why the database does not take that one.

    Raises:
        sqlite3.Error: for what is no row's fault; nothing is written then.
    """
    try:
        with _transaction(connection):
            return list(_insert(connection, rows, names))
    except CONTENT_ERRORS as error:
        _raise_if_ours(error)
    # All is rolled back. Once more, to find the row at fault.
    with _transaction(connection):
        return _insert_halves(connection, rows, names)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself on a full disk; then there is nothing left to do.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _insert_halves(connection: sqlite3.Connection, rows: Sequence[Row], names: CountedNames) -> list[Written | str]:
    """Halving finds the one row at fault in a few steps, and the others need not pay for it."""
    connection.execute("SAVEPOINT half")
    try:
        written = _insert(connection, rows, names)
        connection.execute("RELEASE half")
        return list(written)
    except CONTENT_ERRORS as error:
        _raise_if_ours(error)
        connection.execute("ROLLBACK TO half")
        connection.execute("RELEASE half")
        if len(rows) == 1:
            return [f"the database does not take this event: {error}"]
    middle = len(rows) // 2
    return _insert_halves(connection, rows[:middle], names) + _insert_halves(connection, rows[middle:], names)


def _raise_if_ours(error: Exception) -> None:
    # Ids are given out by us: that one is taken is no row's fault.
    if "UNIQUE constraint" in str(error):
        raise error


def _insert(connection: sqlite3.Connection, rows: Sequence[Row], names: CountedNames) -> list[Written]:
    known = _look_up(connection, rows)
    titles: list[tuple[int, str, str, str, str, str, str]] = []
    results: list[Written] = []
    fresh: list[Fresh] = []
    next_id = known.last_id + 1
    next_issue = known.last_issue + 1
    for row in rows:
        id_ = known.events.get(row.event_id)
        if id_ is not None:
            results.append(Written(id_, True, False))
            continue
        # Also catches the same event twice in one batch.
        known.events[row.event_id] = next_id
        fingerprint, title, parts = row.fingerprint, row.title, row.grouping
        issue_id = known.issues.get(fingerprint)
        opened = issue_id is None and row.may_open
        if issue_id is None and not row.may_open:
            fingerprint, title, parts = overflow_group(row.service)
            issue_id = known.issues.get(fingerprint)
        if issue_id is None:
            issue_id = known.issues[fingerprint] = next_issue
            next_issue += 1
            seen = row.received_at
            titles.append((issue_id, fingerprint, json.dumps(parts), title, row.service, seen, seen))
        fresh.append(Fresh(next_id, row, issue_id, kept_grouping(parts)))
        results.append(Written(next_id, False, opened))
        next_id += 1
    if fresh:
        if titles:
            connection.executemany(_INSERT_ISSUE, titles)
        _insert_events(connection, fresh)
        chars = sum(len(one.row.message) + len(one.row.stack or "") for one in fresh)
        if next_id - known.last_indexed > BEHIND or chars > len(fresh) * BEHIND_CHARS:
            index_after(connection, known.last_indexed)
        append(connection, tallies(fresh, names), known.first_waiting)
        reopened = {
            issue_id: known.resolved[issue_id]
            for _, row, issue_id, _ in fresh
            if issue_id in known.resolved and row.opens_again(known.resolved[issue_id])
        }
        if reopened:
            connection.executemany(_REOPEN, [(issue_id,) for issue_id in reopened])
        connection.executemany(_UPSERT_OWED, owed(fresh, reopened))
        connection.executemany(_REGROUP, grouped_by_others(fresh, known.rules).items())
    return results


def _look_up(connection: sqlite3.Connection, rows: Sequence[Row]) -> _Known:
    sent = [row.event_id for row in rows if row.sender_id]
    fingerprints = {row.fingerprint for row in rows}
    fingerprints.update(overflow_group(row.service).fingerprint for row in rows if not row.may_open)
    last_id, last_issue, events, issues, rules, waiting, indexed = connection.execute(
        _LOOK_UP, (_json(sent), _json(list(fingerprints)))
    ).fetchone()
    # A number below zero says that there is more to know of this issue than its id; of most there is not.
    marked: dict[str, int] = orjson.loads(issues)
    special = [-id_ for id_ in marked.values() if id_ < 0]
    resolved: dict[int, list[str]] = {}
    if special:
        marked = {fingerprint: abs(id_) for fingerprint, id_ in marked.items()}
        for id_, state, old_releases in connection.execute(_LOOK_CLOSER, (_json(special),)):
            if state == "resolved":
                resolved[id_] = orjson.loads(old_releases) if old_releases else []
    return _Known(
        last_id or 0, last_issue or 0, orjson.loads(events), marked, resolved, rules or 0, indexed or 0, waiting
    )


def _insert_events(connection: sqlite3.Connection, fresh: Sequence[Fresh]) -> None:
    start = 0
    for rows in _ROWS:
        while len(fresh) - start >= rows:
            values: list[Any] = []
            for id_, row, issue_id, grouping in fresh[start : start + rows]:
                # The columns of `error_events` in their order: what a row has, with the two ids in their places.
                values.append(id_)
                values += row[:10]
                values.append(issue_id)
                values += row[10:13]
                values.append(grouping)
            connection.execute(_INSERT_EVENTS[rows], values)
            start += rows


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
