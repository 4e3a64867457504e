"""What is counted: a commit appends to it (`append`), and what has gathered is added up at once (`fold`).

A commit of sixteen events changes sixteen issues, their hourly counts and the lists of whom they happened to, each on
a page of its own; appended, all of that is on one page, and a thousand events later the same pages are changed once for
all of them. Nothing is late for it: whoever reads, reads what is still to be added, too (`tables`, and the views of
`schema_tallies.py`), and whoever changes counts adds up first (`storage.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from ... import limits
from ..rows import RANK, Tally
from .driver import sqlite3

#: How many events wait at most.
MOST: Final = 1_000

_ADD: Final = f"INSERT INTO tallies VALUES (NULL, {', '.join('?' * 12)})"
_ANY: Final = "SELECT 1 FROM tallies LIMIT 1"
# `WHERE TRUE`: else SQLite takes ON for a part of a join (https://sqlite.org/lang_upsert.html, 2.2).
_FOLD: Final = (
    """
    INSERT INTO event_counts (hour, service, source, severity, environment, release, count)
    SELECT hour, service, source, severity, environment, release, SUM(count) FROM tallies WHERE TRUE
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT DO UPDATE SET count = count + excluded.count
    """,
    """
    INSERT INTO issue_counts (issue_id, hour, source, severity, count)
    SELECT issue_id, hour, source, severity, SUM(count) FROM tallies WHERE TRUE GROUP BY 1, 2, 3, 4
    ON CONFLICT DO UPDATE SET count = count + excluded.count
    """,
    """
    INSERT INTO event_hours (hour, first_id, last_id)
    SELECT hour, MIN(first_id), MAX(last_id) FROM tallies WHERE TRUE GROUP BY 1
    ON CONFLICT DO UPDATE SET first_id = MIN(first_id, excluded.first_id), last_id = MAX(last_id, excluded.last_id)
    """,
    f"""
    UPDATE issues SET
        count = issues.count + added.count, last_seen = MAX(issues.last_seen, added.last_seen),
        severity = CASE MAX({RANK.format("issues.severity")}, added.worst)
            WHEN 3 THEN 'critical' WHEN 2 THEN 'error' WHEN 1 THEN 'warning' ELSE 'info' END
    FROM (
        SELECT issue_id, SUM(count) AS count, MAX(last_seen) AS last_seen, MAX({RANK.format("severity")}) AS worst
        FROM tallies GROUP BY 1
    ) added
    WHERE id = added.issue_id
    """,
)
_ADD_USERS: Final = f"""
    INSERT INTO issue_users (issue_id, user_hash)
    SELECT issue_id, user_hash FROM (
        SELECT issue_id, user_hash, row_number() OVER (PARTITION BY issue_id) AS place FROM (
            SELECT DISTINCT issue_id, value AS user_hash FROM tallies, json_each(tallies.users)
            WHERE NOT EXISTS (
                SELECT 1 FROM issue_users known WHERE known.issue_id = tallies.issue_id AND known.user_hash = value
            )
        )
    ) fresh JOIN issues ON id = issue_id WHERE issues.users + place <= {limits.ISSUE_USERS}
    RETURNING issue_id
"""
_COUNT_USERS: Final = "UPDATE issues SET users = users + ? WHERE id = ?"


class Tables(NamedTuple):
    """Where to read what is counted: each has the columns of the table of that name."""

    event_counts: str
    issue_counts: str
    event_hours: str
    issues: str


_SETTLED: Final = Tables("event_counts", "issue_counts", "event_hours", "issues")
_NOW: Final = Tables("event_counts_now", "issue_counts_now", "event_hours_now", "issues_now")


def append(connection: sqlite3.Connection, added: Sequence[Tally], first_waiting: int | None) -> None:
    """Add to what is counted.

    Args:
        connection: inside a transaction that holds the write lock.
        added: what.
        first_waiting: the id of the first event that waits already.
    """
    connection.executemany(_ADD, [_values(tally) for tally in added])
    if first_waiting is not None and added[-1].last_id - first_waiting >= MOST:
        fold(connection)


def _values(tally: Tally) -> tuple[Any, ...]:
    users = orjson.dumps(list(tally.users)).decode() if tally.users else None
    return (*tally[:9], users, *tally[10:])


def fold(connection: sqlite3.Connection) -> None:
    """Add up what waits.

    Args:
        connection: inside a transaction that holds the write lock.
    """
    if not has_any(connection):
        return
    for statement in _FOLD:
        connection.execute(statement)
    new = Counter(id_ for (id_,) in connection.execute(_ADD_USERS).fetchall())
    connection.executemany(_COUNT_USERS, [(count, id_) for id_, count in new.items()])
    connection.execute("DELETE FROM tallies")


def tables(connection: sqlite3.Connection) -> Tables:
    """Where to read at this moment. What is committed after it may be missing there, as if one had read before."""
    return _NOW if has_any(connection) else _SETTLED


def has_any(connection: sqlite3.Connection) -> bool:
    """Whether anything waits to be added up."""
    return connection.execute(_ANY).fetchone() is not None
