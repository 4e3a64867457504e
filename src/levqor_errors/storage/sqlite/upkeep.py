"""The upkeep of an SQLite database: what is deleted, in which order, and how its space goes back to the system.

Called by `SqliteStorage` for the janitor, inside a transaction that holds the write lock. Each function does one small
step and returns, so that commits of events are never held up for long. None of them changes a count.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from sqlite_utils import Database

from ..alerts import AlertDialect, parts
from ..base import NewEvent
from ..issues.forgetting import FORGOTTEN, forget_rows
from ..thinning import step_deadline
from .driver import sqlite3

#: Pages of the full-text index that one step writes; about 10 ms.
_MERGE_PAGES: Final = 100
#: A merge rewrites the whole index; one is due when this part of the events was deleted since the last, a tenth.
_MERGE_PART: Final = 10
#: Pages that go back to the system between two looks at the clock.
_VACUUM_PAGES: Final = 64

_NOISIEST: Final = """
    SELECT issue_id, COUNT(*) AS events FROM error_events
    GROUP BY issue_id HAVING events > 1 ORDER BY events DESC LIMIT ?
"""


def prune(db: Database, before: str, most: int) -> int:
    """Delete up to `most` of the events received before an instant, the oldest first; returns how many."""
    return _delete(
        db,
        "SELECT id FROM error_events WHERE received_at < ? ORDER BY received_at LIMIT ?",
        [before, most],
        step_deadline(),
    )


class SqliteVictims:
    """What `Thinner` has to know of SQLite.

    Args:
        db: a connection; inside a transaction that holds the write lock, if something is to be deleted.
        kept: the same, for what belongs to issues.
    """

    def __init__(self, db: Database, kept: AlertDialect) -> None:
        self._db = db
        self._kept = kept

    def noisiest(self, most: int) -> list[tuple[int, int]]:
        return self._db.execute(_NOISIEST, [most]).fetchall()

    def forgotten(self, most: int) -> list[int]:
        rows = self._db.execute(f"SELECT id FROM issues WHERE {FORGOTTEN} ORDER BY id LIMIT ?", [most])
        return [issue for (issue,) in rows]

    def events(self) -> int:
        return int(self._db.execute("SELECT COUNT(*) FROM error_events").fetchone()[0])

    def delete_events(self, issue: int | None, most: int, deadline: float) -> int:
        if issue is None:
            return _delete(self._db, "SELECT id FROM error_events ORDER BY id LIMIT ?", [most], deadline)
        query = "SELECT id FROM error_events WHERE issue_id = ? ORDER BY id LIMIT ?"
        return _delete(self._db, query, [issue, most], deadline)

    def delete_issues(self, issues: Sequence[int], deadline: float) -> int:
        dropped: list[int] = []
        for issue in issues:
            if self._db.conn.execute(f"DELETE FROM issues WHERE id = ? AND {FORGOTTEN}", [issue]).rowcount:
                dropped.append(issue)
            if time.monotonic() > deadline:
                break
        for part in parts(dropped):
            forget_rows(self._kept, part)
        return len(dropped)


class IndexMerge:
    """Getting rid of what a delete leaves in the full-text index: it only marks there, and makes the index larger.

    The marks and what they mark go when the index is merged into one (https://sqlite.org/fts5.html, 6.9), in steps.
    """

    def __init__(self) -> None:
        self._deleted = 0
        self._events: int | None = None
        self._under_way = False

    def deleted(self, events: int) -> None:
        """So many are marked in the index now."""
        self._deleted += events

    def due(self, db: Database) -> bool:
        """Whether enough is marked for a merge to be worth its while, or one is under way; only reads."""
        if self._under_way:
            return True
        if not self._deleted:
            return False
        if self._events is None:
            (self._events,) = db.execute("SELECT COUNT(*) FROM error_events").fetchone()
        return self._deleted * _MERGE_PART >= self._events

    def step(self, db: Database) -> None:
        """Merge some pages."""
        before = db.conn.total_changes
        # A negative number begins a merge of everything, positive ones carry it on.
        pages = _MERGE_PAGES if self._under_way else -_MERGE_PAGES
        db.conn.execute("INSERT INTO error_events_fts (error_events_fts, rank) VALUES ('merge', ?)", [pages])
        # The documented sign of a step that found something to merge.
        self._under_way = db.conn.total_changes - before >= 2
        if not self._under_way:
            self._deleted = 0
            self._events = None


def vacuum(db: Database, pages: int) -> int:
    """Give up to so many free pages back, by moving others into their place; returns how many."""
    deadline = step_deadline()
    (first,) = db.conn.execute("PRAGMA freelist_count").fetchone()
    free = first
    while first - free < pages and time.monotonic() < deadline:
        # fetchall: SQLite gives back one page with each step of the statement.
        db.conn.execute(f"PRAGMA incremental_vacuum({min(pages - (first - free), _VACUUM_PAGES)})").fetchall()
        left: int = db.conn.execute("PRAGMA freelist_count").fetchone()[0]
        if left == free:
            break
        free = left
    return int(first - free)


def weight(batch: Iterable[NewEvent]) -> int:
    """About how many bytes of the database a batch takes, with its part of the indexes."""
    texts = 0
    for event, *_ in batch:
        texts += len(event.message.encode()) + len((event.stack or "").encode())
        texts += len(orjson.dumps(event.context)) + 1_000
    return texts * 3 // 2


def _delete(db: Database, query: str, values: Sequence[object], deadline: float) -> int:
    """Delete the events that a query names; at least one, so that there is progress on the slowest machine."""
    ids = db.conn.execute(query, values).fetchall()
    deleted = 0
    for id_ in ids:
        deleted += _delete_one(db.conn, id_)
        if time.monotonic() > deadline:
            break
    return deleted


def _delete_one(connection: sqlite3.Connection, id_: tuple[int]) -> int:
    return connection.execute("DELETE FROM error_events WHERE id = ?", id_).rowcount
