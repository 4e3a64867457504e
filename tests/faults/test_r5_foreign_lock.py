"""R5: another process holds the write lock for 30 s.

Passes when: 503 after a bounded wait, reads go on, event loop never blocked.

The lock is held until the test lets go of it: the wait that is to be bounded is the collector's own, here one second.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import support
from levqor_errors.ids import uuid7
from support import CollectorProcess, event_ids, owner, rows, wait_until

pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
"""
StartCollector = Callable[..., CollectorProcess]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(__file__).with_name("short_patience.py")
    monkeypatch.setattr(support, "COMMAND", [sys.executable, str(script)])


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """The database's write lock, in the hands of another process."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "free\n"


def test_r5_foreign_write_lock(start_collector: StartCollector, database: Path) -> None:
    collector = start_collector()
    acknowledged = [uuid7()]
    with owner(collector.url) as client, ThreadPoolExecutor(8) as pool:
        assert client.post(LOG, json={"message": "before", "event_id": acknowledged[0]}).status_code == 201
        with write_lock(database):
            posts = [
                pool.submit(httpx.post, f"{collector.url}{LOG}", json={"message": f"held up {number}"}, timeout=60)
                for number in range(8)
            ]
            answered = 0
            while not all(post.done() for post in posts):
                # Reads, pages and what it tells of itself are answered all the while.
                assert client.get("/api/errors/recent").json()["count"] == 1
                assert client.get("/api/errors/stats").json()["total"] == 1
                assert client.get("/healthz").status_code in (200, 503)
                answered += 1
                time.sleep(0.05)
            # A second of its own patience: were the event loop held up by it, there would be one round or two.
            assert answered > 5
            for post in posts:
                assert post.result().status_code == 503
                assert int(post.result().headers["Retry-After"]) > 0
                assert post.result().json() == {"ok": False, "error": "the database is locked by another program"}
            assert client.get("/healthz").json()["why"] == "writes fail: the database is locked by another program"
        # By itself, as soon as the lock is free.
        for number in range(3):
            acknowledged.append(uuid7())
            answer = client.post(LOG, json={"message": f"after {number}", "event_id": acknowledged[-1]})
            assert answer.status_code == 201, answer.text
        wait_until(lambda: client.get("/healthz").status_code == 200)
    assert collector.terminate() == 0
    assert event_ids(database) == acknowledged
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]


def test_r5_sign_in_and_stop_under_a_foreign_lock(start_collector: StartCollector, database: Path) -> None:
    """What else writes has a bounded wait too, and the collector can be stopped."""
    collector = start_collector()
    with write_lock(database):
        with httpx.Client(base_url=collector.url, timeout=60) as browser:
            answer = browser.post("/login", data={"secret": collector.secret})
        assert answer.status_code == 503
        assert collector.terminate() == 0
