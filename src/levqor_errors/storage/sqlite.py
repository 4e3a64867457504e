"""SQLite storage: opening the file, one connection that writes, a few that read, and what SQLite's errors mean.

Reads go on while a write waits or runs (WAL). All errors of the driver become ours here; nothing above sees them.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlite_utils import Database

from ..errors import EventUnstorableError, StorageUnavailableError, StorageUnusableError
from . import sqlite_read, sqlite_services, sqlite_write
from .base import Filters, NewEvent, Page, StoredEvent
from .driver import sqlite3
from .sqlite_schema import migrations, steps

#: How long a write waits for another process's lock before its senders are told to come again.
BUSY_SECONDS: Final = 5.0
#: Starting up waits longer: another collector may be migrating this database.
_START_BUSY_SECONDS: Final = 30.0
READERS: Final = 4
#: RETURNING is the newest thing that is used.
_OLDEST_SQLITE: Final = (3, 35, 0)
#: The WAL file is cut back to this after a checkpoint, so that one burst does not keep its disk space for ever.
_WAL_KEPT_BYTES: Final = 16 * 1024 * 1024

# What the database says of one event's content, as against its own state.
_CONTENT_ERRORS = (
    sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError, OverflowError,
    UnicodeError,
)  # fmt: skip


class SqliteStorage:
    """A `Storage` (see `base.py`) in one SQLite file.

    Args:
        path: the file; made, with mode 0600, if it is not there.
        busy_seconds: how long a write waits for another process's lock.

    Raises:
        StorageUnusableError: when the file cannot be used; says why and what to do.
    """

    def __init__(self, path: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StorageUnusableError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
        _make_private(path)
        try:
            self._writer = self._connect(read_only=False, busy_seconds=_START_BUSY_SECONDS)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        try:
            self._migrate()
            self._writer.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        except sqlite3.Error as error:
            self._writer.close()
            raise _unusable(path, error) from error
        except BaseException:
            self._writer.close()
            raise
        self._write_lock = threading.Lock()
        self._readers: queue.SimpleQueue[Database] = queue.SimpleQueue()
        for _ in range(READERS):
            self._readers.put(self._connect(read_only=True, busy_seconds=busy_seconds))

    def write(self, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
        with self._transaction() as db:
            return self._insert(db, batch)

    def _insert(self, db: Database, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
        try:
            # Within a transaction this is a savepoint.
            with db.atomic():
                return list(sqlite_write.insert_batch(db.conn, batch))
        except _CONTENT_ERRORS as error:
            if len(batch) == 1:
                return [EventUnstorableError(f"the database does not take this event: {error}")]
        # Halving finds the one event at fault in a few steps, and the others need not pay for it.
        middle = len(batch) // 2
        return self._insert(db, batch[:middle]) + self._insert(db, batch[middle:])

    def recent(self, filters: Filters, *, limit: int, before: int | None = None) -> Page:
        with self._reader() as db:
            return sqlite_read.recent(db, filters, limit=limit, before=before)

    def get(self, event_id: int) -> dict[str, Any] | None:
        with self._reader() as db:
            return sqlite_read.get(db, event_id)

    def stats(self, filters: Filters) -> dict[str, Any]:
        with self._reader() as db:
            return sqlite_read.stats(db, filters)

    def services(self) -> list[str]:
        with self._reader() as db:
            return sqlite_services.known(db)

    def health(self) -> dict[str, Any]:
        with self._reader() as db:
            db.execute("SELECT 1 FROM error_events LIMIT 1").fetchone()
        wal = Path(f"{self.path}-wal")
        return {
            "database": f"SQLite {sqlite3.sqlite_version}",
            "wal_fix": has_wal_fix(sqlite3.sqlite_version_info),
            "wal_bytes": wal.stat().st_size if wal.exists() else 0,
        }

    def add_session(self, token_hash: str, *, created_at: str, expires_at: str) -> None:
        with self._transaction() as db:
            db["sessions"].delete_where("expires_at <= ?", [created_at])  # type: ignore[union-attr]
            db["sessions"].insert(  # type: ignore[union-attr]
                {"token_hash": token_hash, "created_at": created_at, "expires_at": expires_at}
            )

    def has_session(self, token_hash: str, *, now: str) -> bool:
        with self._reader() as db:
            found = db.execute(
                "SELECT 1 FROM sessions WHERE token_hash = ? AND expires_at > ?", [token_hash, now]
            ).fetchone()
        return found is not None

    def drop_session(self, token_hash: str) -> None:
        with self._transaction() as db:
            db["sessions"].delete_where("token_hash = ?", [token_hash])  # type: ignore[union-attr]

    def close(self) -> None:
        for _ in range(READERS):
            self._readers.get().close()
        with self._write_lock:
            self._writer.close()

    def _connect(self, *, read_only: bool, busy_seconds: float) -> Database:
        # quote(): a `?` or `#` in a file's name would end the path in a URI.
        uri = f"file:{quote(str(Path(self.path).absolute()))}?mode={'ro' if read_only else 'rw'}"
        # isolation_level=None: the driver begins no transaction of its own; ours are explicit.
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=busy_seconds)
        try:
            if not read_only:
                # Only takes effect before the first table is made; lets retention give space back later.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
            return Database(connection, execute_plugins=False)
        except BaseException:
            connection.close()
            raise

    def _migrate(self) -> None:
        db = self._writer
        # IMMEDIATE: of two collectors that start at once, one migrates while the other waits and finds it done.
        db.execute("BEGIN IMMEDIATE")
        try:
            applied = {step.name for step in migrations.applied(db)}
            unknown = applied - steps()
            if unknown:
                raise StorageUnusableError(
                    f"{self.path} was made by a newer version of levqor-errors (it has {', '.join(sorted(unknown))});"
                    " upgrade this one, or use another file"
                )
            if not applied and "error_events" in db.table_names():
                raise StorageUnusableError(
                    f"{self.path} has a table error_events that is not ours; use another file (DATABASE_PATH)"
                )
            migrations.apply(db)
            db.execute("COMMIT")
        except BaseException:
            db.rollback()
            raise

    @contextmanager
    def _transaction(self) -> Iterator[Database]:
        """The writing connection, inside a transaction that holds the write lock from its start."""
        with self._write_lock:
            db = self._writer
            try:
                db.conn.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.conn.execute("COMMIT")
                except BaseException:
                    # SQLite has rolled back by itself on a full disk; then there is nothing left to do.
                    if db.conn.in_transaction:
                        db.conn.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise _unavailable(error) from error

    @contextmanager
    def _reader(self) -> Iterator[Database]:
        try:
            db = self._readers.get(timeout=self._busy_seconds)
        except queue.Empty:
            raise StorageUnavailableError("the database is busy with other reads") from None
        try:
            yield db
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        finally:
            self._readers.put(db)


def has_wal_fix(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the fix for WAL corruption by two connections (https://sqlite.org/wal.html, 3.51.3)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def _make_private(path: str) -> None:
    """Make the file, readable by its owner only, unless it is there: it will hold other people's data."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except IsADirectoryError as error:
        raise StorageUnusableError(f"{path} is a directory; DATABASE_PATH must name a file") from error
    except FileNotFoundError as error:
        raise StorageUnusableError(f"{path} cannot be made: its directory does not exist") from error
    except OSError as error:
        raise StorageUnusableError(f"{path} cannot be opened for writing: {error.strerror}") from error


def _unusable(path: str, error: sqlite3.Error) -> StorageUnusableError:
    text = str(error)
    if "not a database" in text:
        why = "is not an SQLite database; use another file (DATABASE_PATH)"
    elif "malformed" in text:
        why = "is damaged; restore a backup, or try `sqlite3 FILE .recover`"
    elif "locked" in text:
        why = "is locked by another program; stop that one first"
    else:
        why = f"cannot be used: {text}"
    return StorageUnusableError(f"{path} {why}")


def _unavailable(error: sqlite3.Error) -> StorageUnavailableError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return StorageUnavailableError("the database is locked by another program", retry_after=5)
    if "full" in text:
        return StorageUnavailableError("the disk is full", retry_after=30)
    return StorageUnavailableError("the database does not answer", retry_after=10)
