"""An SQLite file as one side of `..transfer`: read and written by one connection that has the file for itself."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from ...errors import StorageTransferError, StorageUnusableError
from ...printable import printable
from ..transfer import Row, Table
from .driver import sqlite3
from .open import connect, file_size, open_database
from .search import index_rest
from .tallies import fold

#: A collector that is being stopped has gone by then.
_ALONE_SECONDS: Final = 5.0


class SqliteSide:
    """A `Side` (see `../transfer.py`) in an SQLite file.

    Args:
        path: the file.
        make: whether it may be made if it is not there.

    Raises:
        StorageUnusableError: when the file cannot be used, or is in use.
    """

    def __init__(self, path: str, *, make: bool) -> None:
        self.shown = path
        if not make and file_size(path) == 0 and file_size(f"{path}-wal") == 0:
            raise StorageUnusableError(f"{path} is not there, or empty")
        open_database(path).close()
        self._connection = connect(path, read_only=False, busy_seconds=_ALONE_SECONDS).conn
        try:
            # In WAL mode this needs the file for itself alone (https://sqlite.org/wal.html, "Use of WAL Without
            # Shared-Memory"): it fails even while a collector has it open and does nothing.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("BEGIN IMMEDIATE")
            # The other kind of database has no tallies: they are in the counts before anything is read.
            fold(self._connection)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._connection.close()
            raise StorageUnusableError(
                f"{path} is in use ({error}); stop the collector, and whatever else has it open, and start again"
            ) from error

    def columns(self, table: Table) -> list[str]:
        with self._told():
            return [name for name, *_ in self._connection.execute(f"SELECT * FROM {table.name} LIMIT 0").description]

    def count(self, table: Table) -> int:
        with self._told():
            return int(self._connection.execute(f"SELECT COUNT(*) FROM {table.name}").fetchone()[0])

    @contextmanager
    def reading(self) -> Iterator[None]:
        # Nobody else can write.
        yield

    def rows(self, table: Table, columns: Sequence[str]) -> Generator[Row, None, None]:
        query = f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY {', '.join(table.key)}"
        with self._told():
            yield from self._connection.execute(query)

    def add(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        insert = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        with self._told(), self._transaction():
            self._connection.executemany(insert, rows)
            if table.name == "error_events":
                index_rest(self._connection)

    def last_id(self, table: Table) -> int:
        with self._told():
            (highest,) = self._connection.execute(f"SELECT MAX(id) FROM {table.name}").fetchone()
            (given,) = self._connection.execute(
                "SELECT MAX(seq) FROM sqlite_sequence WHERE name = ?", [table.name]
            ).fetchone()
        return max(highest or 0, given or 0)

    def continue_after(self, table: Table, id_: int) -> None:
        with self._told(), self._transaction():
            # A table without AUTOINCREMENT goes on after its last row by itself.
            kept = self._connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = ? AND sql LIKE '%AUTOINCREMENT%'", [table.name]
            ).fetchone()
            given = self.last_id(table)
            if kept and id_ > given:
                self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table.name])
                self._connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table.name, id_])

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise StorageTransferError(f"{self.shown}: {printable(error)}") from error
