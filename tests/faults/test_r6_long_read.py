"""R6: a long read open for minutes under load.

Passes when: WAL bounded, or a warning on /healthz and the dashboard.

Another program's read keeps SQLite from using its log anew, and nothing that a collector does can change that. So it
warns; where a quota is set, the log is bounded by it; and when the reader has gone, so has the log.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from levqor_errors import limits
from levqor_errors.collector import create_app, janitor
from levqor_errors.config import CollectorSettings
from support import SECRET, owner, rows, served, wait_until

pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
_READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
print(connection.execute("SELECT COUNT(*) FROM error_events").fetchone(), flush=True)
sys.stdin.read()
print(connection.execute("SELECT COUNT(*) FROM error_events").fetchone(), flush=True)
"""
BATCH = [{"message": f"number {number}", "stack": "at order\n" * 1_000} for number in range(50)]


@contextmanager
def long_read(database: Path) -> Iterator[None]:
    """A read transaction that another process keeps open; in this one, two SQLite libraries would lose each other's
    locks."""
    with subprocess.Popen(
        [sys.executable, "-c", _READ, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        before = process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()
            # It saw what was there when it began, to the end.
            assert process.stdout.readline() == before


def wal_bytes(database: Path) -> int:
    """The log's size."""
    wal = Path(f"{database}-wal")
    return wal.stat().st_size if wal.exists() else 0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of load, in seconds: the janitor looks more often."""
    monkeypatch.setattr(janitor, "TICK_SECONDS", 0.1)


def settings(database: Path, **more: Any) -> CollectorSettings:
    return CollectorSettings(str(database), SECRET, rate_limit=None, min_free_bytes=None, **more)


def test_r6_is_warned_of_and_over_when_the_reader_goes(database: Path) -> None:
    app = create_app(settings(database, max_database_bytes=None))
    with served(app) as url, owner(url) as client:
        client.post(LOG, json=BATCH).raise_for_status()
        assert client.get("/healthz").json()["warnings"] == []
        with long_read(database):
            sent = 50
            while wal_bytes(database) < limits.WAL_WARN_BYTES + 1024 * 1024:
                client.post(LOG, json=BATCH).raise_for_status()
                sent += 50
            wait_until(lambda: client.get("/healthz").json()["warnings"])
            (warning,) = client.get("/healthz").json()["warnings"]
            assert "has been reading" in warning
            (told,) = re.findall(r"^levqor_errors_wal_bytes (\S+)$", client.get("/metrics").text, re.MULTILINE)
            assert float(told) > limits.WAL_WARN_BYTES
            # The owner need not look there for it.
            assert "has been reading" in client.get("/owner/errors").text
            assert client.get("/api/errors/stats").json()["total"] == sent
        wait_until(lambda: wal_bytes(database) <= 16 * 1024 * 1024)
        wait_until(lambda: client.get("/healthz").json()["warnings"] == [])
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]


def test_r6_a_quota_bounds_the_log_too(database: Path) -> None:
    quota = 100 * 1024 * 1024
    app = create_app(settings(database, max_database_bytes=quota))
    with served(app) as url, owner(url) as client:
        client.post(LOG, json=BATCH).raise_for_status()
        with long_read(database):
            answer = httpx.Response(200)
            for _ in range(200):
                answer = client.post(LOG, json=BATCH)
                if answer.status_code != 200:
                    break
            assert answer.status_code == 503
            assert answer.json()["error"] == "the database's log is full; another program reads it"
            assert int(answer.headers["Retry-After"]) > 0
            assert wal_bytes(database) < quota // 4
            assert client.get("/api/errors/recent").status_code == 200
        wait_until(lambda: client.post(LOG, json=BATCH).status_code == 200)
