"""PostgreSQL storage: opening a database, and refusing one that is not ours to open. Comes before `storage.py` and
`transfer.py`."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from ...errors import StorageUnusableError
from . import connections, news, schema

#: Partitioned tables with our kind of indexes, and RETURN in SQL functions (14).
_OLDEST: Final = 140_000
#: Starting up waits longer than a write does: another collector may be migrating this database.
_START_LOCK_SECONDS: Final = 60.0


def open_database(address: str) -> Connection[Any]:
    """A connection in autocommit mode, to a database that is set up or brought up to date where needed.

    Args:
        address: `postgresql://user:password@host/name`.

    Raises:
        StorageUnusableError: when the database cannot be used; says why and what to do, and never the address.
    """
    connection = connect(address)
    try:
        set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(
    address: str, *, statement_seconds: float | None = None, lock_seconds: float = _START_LOCK_SECONDS
) -> Connection[Any]:
    """A connection in autocommit mode to a server that is new enough; nothing is changed yet.

    Args:
        address: as for `open_database`.
        statement_seconds: how long a statement may take; `None`: as long as it does.
        lock_seconds: how long it may wait for a lock.

    Raises:
        StorageUnusableError: as for `open_database`.
    """
    try:
        connection: Connection[Any] = psycopg.connect(
            make_conninfo(address, **connections.options(statement_seconds, lock_seconds)), autocommit=True
        )
    except psycopg.ProgrammingError as error:
        # Without its text, which quotes the address.
        raise StorageUnusableError(
            "DATABASE_URL is no address of a PostgreSQL database such as postgresql://user@host/name"
        ) from error
    except psycopg.OperationalError as error:
        raise StorageUnusableError(f"DATABASE_URL: no connection to PostgreSQL: {_why(error)}") from None
    try:
        info = connection.info
        if info.server_version < _OLDEST:
            raise StorageUnusableError(f"PostgreSQL {info.server_version // 10_000} is too old; 14 or newer is needed")
        if info.parameter_status("server_encoding") != "UTF8":
            raise StorageUnusableError("the database's encoding is not UTF8; make one with ENCODING 'UTF8'")
    except BaseException:
        connection.close()
        raise
    return connection


def set_up(connection: Connection[Any]) -> None:
    """Make the tables, or take the steps that are still to be taken.

    Raises:
        StorageUnusableError: as for `open_database`.
    """
    try:
        schema.migrate(connection)
        news.begin(connection)
    except psycopg.Error as error:
        raise StorageUnusableError(f"the database cannot be set up: {str(error).splitlines()[0]}") from error


def version(connection: Connection[Any]) -> str:
    """The server's name and version, for people."""
    return f"PostgreSQL {connection.info.parameter_status('server_version')}".partition(" (")[0]


def _why(error: psycopg.OperationalError) -> str:
    """What the server or the system said. libpq names host, port and user in it, but no password."""
    return " ".join(str(error).split())
