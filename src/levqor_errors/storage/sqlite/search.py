"""The full-text index of events in SQLite, and what is not in it yet. Searches are put together in `dialects.py`.

A commit pays a part of the index that every commit pays anew, however few its events are. So some wait until they are
worth it (`write.py`), or until somebody searches (`storage.py`).
"""

from __future__ import annotations

from typing import Final

from .driver import sqlite3

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
