"""News of an SQLite file: what was committed after a cursor, and when to look. Used by `storage.py`.

Ids are in the order of commits here, since there is one writer at a time and each takes its ids under its lock. So a
cursor is the last id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final

from sqlite_utils import Database

from ..base import News
from .driver import sqlite3
from .open import connect

#: How often it is looked whether another process has committed something. A look takes some microseconds: it compares
#: two numbers in the memory that all connections of the file share.
POLL_SECONDS: Final = 0.25
_CLOSE_SECONDS: Final = 5.0
#: The cursor of another kind of database begins with another letter, and is none here.
_KIND: Final = "s"


def read(db: Database, after: str | None, most: int) -> News:
    """See `Storage.news`."""
    # Not the highest id in the table: that event may be deleted, and its id is not used again.
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'error_events'").fetchone()
    newest = found[0] if found else 0
    seen = None if after is None else _id(after)
    if seen is None or seen > newest:
        return News([], f"{_KIND}{newest}", more=False, missed=after is not None)
    query = "SELECT id FROM error_events WHERE id > ? ORDER BY id LIMIT ?"
    ids = [id_ for (id_,) in db.execute(query, [seen, most])]
    return News(ids, f"{_KIND}{ids[-1] if ids else seen}", more=len(ids) == most, missed=False)


def _id(cursor: str) -> int | None:
    digits = cursor.removeprefix(_KIND)
    if digits == cursor or not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        return None
    return int(digits)


class FileWatcher:
    """A thread that finds out when something was committed.

    Args:
        path: the file.
        wake: called then. Also for what is no event; whoever is woken looks for himself.
    """

    def __init__(self, path: str, wake: Callable[[], None]) -> None:
        self._path = path
        self._wake = wake
        self._committed = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="levqor-errors-news", daemon=True)
        self._thread.start()

    def committed(self) -> None:
        """This process has committed events: no need to wait for the next look."""
        self._committed.set()

    def close(self) -> None:
        """End it; waits a while for a call of `wake` that is under way."""
        self._closing = True
        self._committed.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        with closing(connect(self._path, read_only=True, busy_seconds=0)) as db:
            version: int | None = None
            while not self._closing:
                # https://sqlite.org/pragma.html#pragma_data_version: another connection has committed if it changes.
                before, version = version, _data_version(db, version)
                if version != before:
                    self._wake()
                self._committed.wait(POLL_SECONDS)
                self._committed.clear()


def _data_version(db: Database, before: int | None) -> int | None:
    try:
        version: int = db.execute("PRAGMA data_version").fetchone()[0]
    except sqlite3.Error:
        # Locked for a moment, or damaged, which others find out and tell.
        return before
    return version
