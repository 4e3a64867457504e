"""A PostgreSQL database as one side of `..transfer`: on one connection, which holds the locks that collectors need."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Cursor, sql

from ...addresses import shown
from ...errors import StorageTransferError, StorageUnusableError
from ...printable import printable
from ..transfer import NUMBERS, Row, Table
from . import connections, locks, partitions, upkeep
from .open import connect, set_up

#: A collector that is being stopped has gone by then.
_ALONE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.1

#: For the session, so that a transaction's end does not give them up: no event is written meanwhile, nothing deleted.
_LOCK: Final = f"SELECT pg_try_advisory_lock({locks.ISSUES}) AND pg_try_advisory_lock({locks.UPKEEP})"
_COLLECTORS: Final = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s
"""


class PostgresSide:
    """A `Side` (see `../transfer.py`) in a PostgreSQL database.

    Args:
        address: `postgresql://user:password@host/name`.
        make: whether its tables may be made if they are not there.

    Raises:
        StorageUnusableError: when the database cannot be used, or is in use.
    """

    def __init__(self, address: str, *, make: bool) -> None:
        self.shown = shown(address)
        self._connection = connect(address)
        try:
            if not make and self._one("SELECT to_regclass('levqor_steps')") == (None,):
                raise StorageUnusableError(f"{self.shown} has no tables of levqor-errors")
            set_up(self._connection)
            self._be_alone()
            # The other kind of database has no tallies: they are in the counts before anything is read.
            upkeep.fold_counts(self._connection)
            self._days = set(partitions.days(self._connection))
        except psycopg.Error as error:
            self._connection.close()
            raise StorageUnusableError(f"{self.shown}: {_first_line(error)}") from error
        except BaseException:
            self._connection.close()
            raise

    def _be_alone(self) -> None:
        self._connection.execute("SET application_name = 'levqor-errors migrate-storage'")
        # While a part is written on the other side, this one waits in its transaction.
        self._connection.execute("SET idle_in_transaction_session_timeout = 0")
        deadline = time.monotonic() + _ALONE_SECONDS
        while True:
            (collectors,) = self._one(_COLLECTORS, connections.APPLICATION)
            if not collectors and self._one(_LOCK) == (True,):
                return
            if time.monotonic() > deadline:
                what = (
                    f"{collectors} connections of collectors" if collectors else "another migration, or SOURCE itself"
                )
                raise StorageUnusableError(f"{self.shown} is in use ({what}); stop all collectors, and start again")
            time.sleep(_LOOK_SECONDS)

    def columns(self, table: Table) -> list[str]:
        with self._told():
            found = self._connection.execute(f"SELECT * FROM {table.name} LIMIT 0")
            return [column.name for column in found.description or ()]

    def count(self, table: Table) -> int:
        with self._told():
            return int(self._one(f"SELECT count(*) FROM {table.name}")[0])

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._told(), self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    def rows(self, table: Table, columns: Sequence[str]) -> Generator[Row, None, None]:
        # As SQLite orders text: by its bytes, whatever the database's language.
        order = ", ".join(name if name in NUMBERS else f'{name} COLLATE "C"' for name in table.key)
        with self._told(), self._connection.cursor(name=f"rows_of_{table.name}") as cursor:
            cursor.itersize = table.fetch
            cursor.execute(f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY {order}")
            yield from cursor

    def add(self, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
        with self._told():
            if table.name == "error_events":
                self._make_days(row[columns.index("received_at")] for row in rows)
            with self._connection.transaction(), self._connection.cursor() as cursor:
                _copy(cursor, table.name, columns, rows)
                if table.name == "error_events":
                    keys = ("event_id", "id")
                    _copy(cursor, "event_keys", keys, [[row[columns.index(key)] for key in keys] for row in rows])

    def _make_days(self, instants: Iterable[str]) -> None:
        missing = {instant[:10] for instant in instants} - self._days
        partitions.make(self._connection, missing)
        self._days |= missing

    def last_id(self, table: Table) -> int:
        with self._told():
            given = f"SELECT last_value FROM {self._sequence(table)} WHERE is_called"
            (highest,) = self._one(f"SELECT greatest((SELECT max(id) FROM {table.name}), ({given}))")
        return int(highest or 0)

    def continue_after(self, table: Table, id_: int) -> None:
        if id_ > self.last_id(table):
            with self._told():
                self._connection.execute("SELECT setval(%s, %s)", [self._sequence(table), id_])

    def _sequence(self, table: Table) -> str:
        # What has none of its own is error_events: a table in parts has no identity before PostgreSQL 17.
        (name,) = self._one("SELECT coalesce(pg_get_serial_sequence(%s, 'id'), 'error_events_id')", table.name)
        return str(name)

    def _one(self, query: str, *values: object) -> tuple[Any, ...]:
        row = self._connection.execute(query, values or None).fetchone()
        assert row is not None
        return tuple(row)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, ValueError) as error:
            raise StorageTransferError(f"{self.shown}: {_first_line(error)}") from error


def _copy(cursor: Cursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)) as copy:
        for row in rows:
            copy.write_row(row)


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0])
