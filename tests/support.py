"""What tests share: a real collector as a process or in a thread, and small ways of talking to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

import levqor_errors.config
from levqor_errors.storage.sqlite.driver import sqlite3 as collectors_sqlite3
from postgres_support import PostgresDatabase

#: A file of SQLite's, or a database of PostgreSQL's; as text what the collector takes.
Database: TypeAlias = "Path | PostgresDatabase"
SECRET = "a-secret-for-tests-0123456789"
#: The variables that are read; `test_config.py` sees that they are all.
SETTINGS = frozenset(re.findall(r'environ\.get\("([A-Z_]+)"', Path(levqor_errors.config.__file__).read_text()))
COMMAND = [sys.executable, "-m", "levqor_errors"]


def clean_environ(**extra: str) -> dict[str, str]:
    """This process's environment without settings of ours, which would change what a test means."""
    ours = SETTINGS | {"NO_COLOR", "FORCE_COLOR"}
    return {key: value for key, value in os.environ.items() if key not in ours} | extra


class CollectorProcess:
    """`levqor-errors collector` as a real process on a free port; `settings` are variables of its environment."""

    def __init__(self, database: Database, *, port: int = 0, secret: str | None = SECRET, **settings: str) -> None:
        environ = clean_environ(**({"INTERNAL_SECRET": secret} if secret else {}), **settings)
        self.database = database
        self.secret = secret
        self.process = subprocess.Popen(
            [*COMMAND, "collector", "--port", str(port), "--database", str(database)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environ,
            # A process group of its own, for `kill`.
            start_new_session=True,
        )
        self.output = ""
        # All of the reading is done there, so that the collector never waits for a full pipe.
        threading.Thread(target=self._drain, daemon=True).start()
        try:
            self.url = self._wait_for(r"Collector +(http://\S+)")
            self.port = int(self.url.rpartition(":")[2])
            self.link = self._wait_for(r"Sign in +(http://\S+)")
            wait_until(self._answers)
        except BaseException:
            self.close()
            raise

    def _wait_for(self, pattern: str) -> str:
        line = re.compile(pattern + r"\n")
        wait_until(lambda: line.search(self.output) or self.process.poll() is not None)
        found = line.search(self.output)
        assert found is not None, f"no {pattern}: {self.output}"
        return found.group(1)

    def _drain(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                self.output += line

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz").status_code == 200
        return False

    def kill(self) -> None:
        """SIGKILL to it and to its process that writes, in one moment; waits for the end."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def writing_pid(self) -> int:
        """Its process that writes; there is one after the first event."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def close(self) -> None:
        """End it whatever state it is in."""
        if self.process.poll() is None:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()


class _Server(uvicorn.Server):
    """uvicorn, which looks ten times a second whether it is to end, and then sleeps for a tenth of a second whether
    there is anything to wait for or not. In two thousand tests these are minutes."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.005)
        await self.lifespan.shutdown()


@contextlib.contextmanager
def served(app: ASGIApp, *, lifespan: bool = True, http: Any = "auto") -> Iterator[str]:
    """Serve an application by a real uvicorn on a free port, in a thread; gives its address."""
    config = uvicorn.Config(
        app,
        http=http,
        port=0,
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="on" if lifespan else "off",
        # As `collector/server.py` has it: uvicorn would believe X-Forwarded-For from 127.0.0.1.
        proxy_headers=False,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        # A live stream ends with the signal that ends a server, and no thread gets one.
        if isinstance(app, Starlette) and hasattr(app.state, "collector"):
            app.state.collector.feed.close()
        thread.join(30)


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for a condition; fails the test after a time that only a hang takes."""
    deadline = time.monotonic() + seconds
    # Most are there within milliseconds; whoever waits for long does not ask, and so disturb, more often.
    pause = 0.002
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def owner(url: str, secret: str = SECRET) -> httpx.Client:
    """An HTTP client that comes with the owner's secret."""
    return httpx.Client(base_url=url, headers={"X-Internal-Secret": secret}, timeout=30)


def rows(database: Database, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Ask the database itself, as the owner's own tool would; see `read_counts_now`."""
    if isinstance(database, PostgresDatabase):
        return database.query(sql, values)
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        read_counts_now(connection)
        return connection.execute(sql, values).fetchall()


def read_counts_now(connection: Any) -> None:
    """Let a connection to SQLite find in the counts what was only appended to them."""
    views = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
    for table, summed in _SUMMED.items():
        if (f"{table}_now",) in views:
            # Where a table of that name is meant, it is this.
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT {summed.format(table=f'main.{table}_now')}")


_SUMMED: Final = {
    "event_counts": "hour, service, source, severity, environment, release, SUM(count) AS count FROM {table}"
    " GROUP BY 1, 2, 3, 4, 5, 6",
    "issue_counts": "issue_id, hour, source, severity, SUM(count) AS count FROM {table} GROUP BY 1, 2, 3, 4",
    "event_hours": "hour, MIN(first_id) AS first_id, MAX(last_id) AS last_id FROM {table} GROUP BY 1",
    "issues": "* FROM {table}",
}


def execute(database: Database, sql: str) -> None:
    """Change the database, as the owner's own tool would."""
    if isinstance(database, PostgresDatabase):
        database.execute(sql)
        return
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql)


@contextlib.contextmanager
def write_lock(database: Database) -> Iterator[None]:
    """Nobody else can write events meanwhile."""
    if isinstance(database, PostgresDatabase):
        with database.locked("error_events"):
            yield
        return
    # The collector's own driver: of another SQLite in the same process no lock would be seen, and two connections of
    # which one is older could damage the file.
    with contextlib.closing(collectors_sqlite3.connect(str(database), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def check_sound(database: Database) -> None:
    """The database's own structure, and the keys between its tables, are whole."""
    if isinstance(database, PostgresDatabase):
        # What unique indexes and foreign keys would say if a table in parts by day could have them.
        keys = "SELECT e.id, k.id FROM error_events e FULL JOIN event_keys k USING (event_id)"
        assert rows(database, f"SELECT * FROM ({keys}) AS both_ids (e, k) WHERE e IS DISTINCT FROM k") == []
        orphans = "SELECT id FROM error_events e WHERE NOT EXISTS (SELECT FROM issues WHERE id = e.issue_id)"
        assert rows(database, orphans) == []
        return
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(database, "PRAGMA foreign_key_check") == []


def event_ids(database: Database) -> list[str]:
    """All event_ids that are stored."""
    return [row[0] for row in rows(database, "SELECT event_id FROM error_events ORDER BY id")]


def run_command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`levqor-errors …` as a real process."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=clean_environ(**environ), timeout=60
    )
