"""How to read events from SQLite: what `..read` needs to know of it; and the full-text index for searches.

A commit pays a part of the index that every commit pays anew, however few its events are. So some wait until they are
worth it (`write.py`), or until somebody searches (`storage.py`).
"""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database

from ..read import Dialect
from .driver import sqlite3
from .tallies import tables

#: How many events at most are not in the index yet; and none of a batch with larger texts, in characters an event: many
#: of those at once would take more space than anybody has looked for, and most of what they cost is their own.
BEHIND: Final = 256
BEHIND_CHARS: Final = 4_096

#: The last event that is in the index. All before it are; triggers take out what is deleted.
INDEXED: Final = "SELECT MAX(id) FROM error_events_fts_docsize"
_INDEX: Final = """
    INSERT INTO error_events_fts (rowid, message, stack) SELECT id, message, stack FROM error_events WHERE id > ?
"""
_IS_BEHIND: Final = f"SELECT (SELECT MAX(id) FROM error_events) > coalesce(({INDEXED}), 0)"


def dialect(db: Database) -> Dialect:
    """For reads on this connection."""
    now = tables(db.conn)
    return Dialect(
        run=db.execute,
        counts=now.event_counts,
        issues=now.issues,
        hours=now.event_hours,
        issue_counts=now.issue_counts,
        no_index="+",
        event_condition="e.event_id = ?",
        # The full-text index leads: it gives row ids in descending order, so the walk ends at the limit.
        search_tables="error_events_fts f CROSS JOIN error_events e ON e.id = f.rowid",
        search_order="f.rowid",
        search_sort="f.rowid",
        search_end=(
            "SELECT COUNT(*), MIN(id), MAX(id) FROM (SELECT f.rowid AS id FROM error_events_fts f"
            " WHERE {} AND f.rowid BETWEEN ? AND ? ORDER BY f.rowid {} LIMIT ?)"
        ),
        search_listed="+f.rowid IN (SELECT id FROM error_events WHERE {} AND id BETWEEN ? AND ?)",
        search_window="f.rowid BETWEEN ? AND ?",
        search_window_values=lambda window: window[:2],
        search_condition="f.error_events_fts MATCH ?",
        search_value=_match,
        title_condition="i.id IN (SELECT rowid FROM issues_fts WHERE issues_fts MATCH ?)",
        title_value=lambda words: " ".join(f'"{word}"*' for word in words) or '""',
    )


def _match(words: list[str]) -> str:
    """As FTS5 takes them: each a quoted string, so that nothing in them is its syntax. sqlite-utils' quote_fts lets a
    lone quote through."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words) or '""'


def index_after(connection: sqlite3.Connection, id_: int) -> None:
    """Put all later events into the full-text index.

    Args:
        connection: inside a transaction that holds the write lock.
        id_: of the last event that is in it; 0: none is.
    """
    connection.execute(_INDEX, (id_,))


def index_rest(connection: sqlite3.Connection) -> None:
    """Put all events into the index that are not in it yet; see `index_after`."""
    (indexed,) = connection.execute(INDEXED).fetchone()
    index_after(connection, indexed or 0)


def is_behind(connection: sqlite3.Connection) -> bool:
    """Whether there are such events."""
    return bool(connection.execute(_IS_BEHIND).fetchone()[0])
