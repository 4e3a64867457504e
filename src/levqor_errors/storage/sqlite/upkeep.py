"""The upkeep of an SQLite database: what is deleted, in which order, and how its space goes back to the system.

Called by `SqliteStorage` for the janitor, inside a transaction that holds the write lock. Each function does one small
step and returns, so that commits of events are never held up for long. None of them changes a count.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from sqlite_utils import Database

from ..base import NewEvent, Thinned
from .driver import sqlite3

#: A step ends after this long, then comes its commit. An event of the largest size takes 4 ms to delete.
STEP_SECONDS: Final = 0.02
#: Pages of the full-text index that one step writes; about 10 ms.
_MERGE_PAGES: Final = 100
#: A merge rewrites the whole index; one is due when this part of the events was deleted since the last, a tenth.
_MERGE_PART: Final = 10
#: Pages that go back to the system between two looks at the clock.
_VACUUM_PAGES: Final = 64
#: How many issues a plan names; they bound its memory.
_PLAN_ISSUES: Final = 1_000
#: A plan is made anew after this long, for events keep coming in.
_PLAN_SECONDS: Final = 10.0
#: The part of an issue's events, or of all events, that may go in one turn, a twentieth: while many issues are at one
#: level, all go down together.
_TURN: Final = 20

_NOISIEST: Final = """
    SELECT issue_id, COUNT(*) AS events FROM error_events
    GROUP BY issue_id HAVING events > 1 ORDER BY events DESC LIMIT ?
"""
# Nobody has said anything of it, no event of it is left, and nobody is still to be told of it.
_FORGOTTEN: Final = """
    state = 'open'
    AND NOT EXISTS (SELECT 1 FROM error_events WHERE issue_id = issues.id)
    AND NOT EXISTS (SELECT 1 FROM alert_outbox WHERE issue_id = issues.id AND sent_at IS NULL)
"""


def prune(db: Database, before: str, most: int) -> int:
    """Delete up to `most` of the events received before an instant, the oldest first; returns how many."""
    return _delete(
        db,
        "SELECT id FROM error_events WHERE received_at < ? ORDER BY received_at LIMIT ?",
        [before, most],
        _deadline(),
    )


class Thinner:
    """Which events go when there is no room: always the oldest of the issue that has the most of them.

    So all issues go down to one level together, the loudest from furthest up, and the only event of a rare issue is
    among the last to go. When every issue is down to one event, those issues go of which none is left (their part of
    the hourly counts stays), then the oldest events of all.

    Counting all events takes about 0.1 s for each million, so it is done once for many steps, by `count`.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._level = 1
        self._forgotten: list[int] = []
        self._even = 0
        self._until = 0.0

    @property
    def spent(self) -> bool:
        """Whether it must `count` before it can go on."""
        return time.monotonic() > self._until or not (self._too_loud() or self._forgotten or self._even)

    def forget(self) -> None:
        """Events were deleted by another rule: the plan may name some that are gone, and spare the wrong ones."""
        self._until = 0.0

    def count(self, db: Database) -> None:
        """Make a plan; only reads."""
        found = db.execute(_NOISIEST, [_PLAN_ISSUES]).fetchall()
        self._heap = [(-events, issue) for issue, events in found]
        heapq.heapify(self._heap)
        # Those that are not named have at most as many as the last that is.
        self._level = found[-1][1] - 1 if len(found) == _PLAN_ISSUES else 1
        self._forgotten = []
        self._even = 0
        if not found:
            rows = db.execute(f"SELECT id FROM issues WHERE {_FORGOTTEN} ORDER BY id LIMIT ?", [_PLAN_ISSUES])
            self._forgotten = [issue for (issue,) in rows]
            (events,) = db.execute("SELECT COUNT(*) FROM error_events").fetchone()
            # Not all of them on one count: an issue may become loud meanwhile.
            self._even = 0 if self._forgotten else min(events, max(1, events // _TURN))
        self._until = time.monotonic() + _PLAN_SECONDS

    def delete(self, db: Database, most: int) -> Thinned:
        """Delete up to `most` events by the plan."""
        deadline = _deadline()
        events = 0
        while self._too_loud() and events < most and time.monotonic() < deadline:
            events += self._quieten(db, most - events, deadline)
        if events or self._heap:
            return Thinned(events, 0)
        if self._forgotten:
            return Thinned(0, self._drop_issues(db, most, deadline))
        oldest = min(most, self._even)
        events = _delete(db, "SELECT id FROM error_events ORDER BY id LIMIT ?", [oldest], deadline)
        self._even -= max(events, 1)
        return Thinned(events, 0)

    def _too_loud(self) -> bool:
        return bool(self._heap) and -self._heap[0][0] > self._level

    def _quieten(self, db: Database, most: int, deadline: float) -> int:
        """Take the loudest issue some way down to the next."""
        negative, issue = heapq.heappop(self._heap)
        stored = -negative
        next_level = max(-self._heap[0][0] if self._heap else 0, self._level)
        turn = min(most, max(stored - next_level, stored // _TURN, 1))
        query = "SELECT id FROM error_events WHERE issue_id = ? ORDER BY id LIMIT ?"
        deleted = _delete(db, query, [issue, turn], deadline)
        if deleted:
            heapq.heappush(self._heap, (deleted - stored, issue))
        return deleted

    def _drop_issues(self, db: Database, most: int, deadline: float) -> int:
        dropped: list[int] = []
        while self._forgotten and len(dropped) < most and time.monotonic() < deadline:
            issue = self._forgotten.pop()
            if db.conn.execute(f"DELETE FROM issues WHERE id = ? AND {_FORGOTTEN}", [issue]).rowcount:
                dropped.append(issue)
        # What was told of them long ago. One statement for all: the outbox has no index for it.
        db.conn.execute(
            "DELETE FROM alert_outbox WHERE issue_id IN (SELECT value FROM json_each(?))", [json.dumps(dropped)]
        )
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
    deadline = _deadline()
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


def _deadline() -> float:
    return time.monotonic() + STEP_SECONDS


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
