"""/healthz: 200 when the collector can do its work, 503 with a reason when not; at once, whatever else is busy."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from levqor_errors import instants
from levqor_errors.collector import app, create_app, health
from levqor_errors.collector.app import Collector
from levqor_errors.collector.facts import KEEP_SECONDS
from levqor_errors.collector.writer import WriteResult
from levqor_errors.config import CollectorSettings
from levqor_errors.errors import StorageUnavailableError
from levqor_errors.storage import NewEvent, Storage
from levqor_errors.storage.postgres import connections
from levqor_errors.storage.sqlite import storage as sqlite
from support import SECRET, Database, served, wait_until, write_lock

LOG = "/api/errors/log"
#: How many requests it takes until all threads that they share are busy, and some more (anyio has 40 of them).
MANY = 60


class Served:
    """A collector, from within and from without."""

    def __init__(self, collector: Collector, client: httpx.Client) -> None:
        self.collector = collector
        self.client = client
        self.url = str(client.base_url).rstrip("/")

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and body of /healthz."""
        answer = self.client.get("/healthz")
        return answer.status_code, answer.json()

    def post(self) -> int:
        """The status for an event."""
        return self.client.post(LOG, json={"message": "x", "service": "a-name-of-ours"}).status_code


@pytest.fixture
def live(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Its writer gives up on a lock after a fraction of a second."""

    def open_sqlite(path: str, **options: Any) -> sqlite.SqliteStorage:
        return sqlite.SqliteStorage(path, busy_seconds=0.2, **options)

    if isinstance(database, Path):
        monkeypatch.setattr(app, "open_storage", open_sqlite)
    monkeypatch.setattr(connections, "LOCK_SECONDS", 0.2)
    made = create_app(CollectorSettings(str(database), SECRET))
    with served(made) as url, httpx.Client(base_url=url, headers={"X-Internal-Secret": SECRET}, timeout=60) as client:
        yield Served(made.state.collector, client)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY + 10) as threads:
        yield threads


class WriteGate:
    """Holds writes up until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
        self.opened = threading.Event()
        self.calls = 0
        real = storage.write

        async def held(batch: Sequence[NewEvent]) -> list[WriteResult]:
            self.calls += 1
            assert await asyncio.to_thread(self.opened.wait, 60)
            return await real(batch)

        monkeypatch.setattr(storage, "write", held)


class Gate:
    """Holds a method of the storage up until it is opened, as a slow disk would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, storage: object, name: str) -> None:
        self.opened = threading.Event()
        self.calls = 0
        real = getattr(storage, name)

        def held(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            assert self.opened.wait(60)
            return real(*args, **kwargs)

        monkeypatch.setattr(storage, name, held)


def test_a_collector_that_is_well_says_so_to_anyone(live: Served, database: Database, tmp_path: Path) -> None:
    assert live.post() == 201
    answer = httpx.get(f"{live.url}/healthz")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["ok"], body["why"], body["waiting"], body["failing_since"]) == (True, None, 0, None)
    assert body["database"].startswith(("SQLite 3.", "PostgreSQL "))
    assert body["alerts"]["last_tick"] is None
    assert answer.headers["Cache-Control"] == "no-store"
    for hidden in (str(database), str(tmp_path), "levqor.db", "postgres@", SECRET, "a-name-of-ours"):
        assert hidden not in answer.text
    assert httpx.post(f"{live.url}/healthz").status_code == 405


def test_it_says_when_writes_fail_and_when_they_work_again(live: Served, database: Database) -> None:
    assert live.post() == 201
    before = instants.hour_of(live.client.get("/api/errors/recent").json()["errors"][0]["received_at"])
    with write_lock(database):
        assert live.post() == 503
        status, body = live.health()
        assert status == 503
        assert body["ok"] is False
        assert body["why"] == "writes fail: the database is locked by another program"
        assert body["failing_since"] >= before
        since = body["failing_since"]
        assert live.post() == 503
        assert live.health()[1]["failing_since"] == since
        assert int(live.client.get("/healthz").headers["Retry-After"]) > 0
        # It can still be read.
        assert live.client.get("/api/errors/recent").json()["count"] == 1
    assert live.post() == 201
    status, body = live.health()
    assert (status, body["ok"], body["why"], body["failing_since"]) == (200, True, None, None)


def test_the_owner_reads_it_above_his_lists_and_above_an_issue(live: Served, database: Database) -> None:
    assert live.post() == 201

    def pages() -> list[str]:
        return [live.client.get(path).text for path in ("/owner/errors", "/owner/issues", "/owner/issues/1")]

    assert all("All is well" in page for page in pages())
    with write_lock(database):
        assert live.post() == 503
        for page in pages():
            assert "Something is wrong" in page
            assert "Writes fail: the database is locked by another program." in page


def test_one_that_gets_nothing_to_write_is_tried_again(
    live: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A balancer sends nothing to who is not well; without an end to it, neither would ever find out."""
    with write_lock(database):
        assert live.post() == 503
    assert live.health()[0] == 503
    monkeypatch.setattr(health, "FAILURE_SECONDS", 0)
    status, body = live.health()
    assert (status, body["ok"]) == (200, True)
    assert body["failing_since"] is not None
    assert body["warnings"] == [
        "the last write failed, and none was tried since: the database is locked by another program"
    ]


def test_it_says_when_a_commit_hangs(live: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = WriteGate(monkeypatch, live.collector.storage)
    monkeypatch.setattr(health, "STUCK_SECONDS", 0.05)
    first = pool.submit(live.post)
    wait_until(lambda: gate.calls)
    wait_until(lambda: live.health()[0] == 503)
    body = live.health()[1]
    assert body["why"] == "the database takes too long to write"
    assert body["lag_seconds"] > 0.05
    second = pool.submit(live.post)
    wait_until(lambda: live.health()[1]["waiting"] == 2)
    gate.opened.set()
    assert (first.result(), second.result()) == (201, 201)
    status, body = live.health()
    assert (status, body["lag_seconds"], body["waiting"]) == (200, 0, 0)


def test_it_answers_while_everything_else_waits(
    live: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, live.collector.storage, "recent")
    waiting = [pool.submit(live.client.get, "/api/errors/recent") for _ in range(MANY)]
    wait_until(lambda: gate.calls >= 40)
    other: Future[httpx.Response] = pool.submit(live.client.get, "/api/errors/stats")
    # The second time the facts are older than they may be, and are asked anew.
    for _ in range(2):
        assert live.health()[0] == 200
        assert live.client.get("/metrics").status_code == 200
        time.sleep(KEEP_SECONDS)
    assert not any(each.done() for each in (*waiting, other))
    gate.opened.set()
    assert {each.result().status_code for each in (*waiting, other)} == {200}


def test_a_flood_of_it_asks_the_database_once_a_second(
    live: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, live.collector.storage, "health")
    gate.opened.set()
    began = time.monotonic()
    answers = list(pool.map(lambda path: live.client.get(path).status_code, ["/healthz", "/metrics"] * 150))
    assert set(answers) == {200}
    assert 1 <= gate.calls <= 1 + (time.monotonic() - began) / KEEP_SECONDS


def test_a_database_that_does_not_answer_is_waited_for_once(
    live: Served, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, live.collector.storage, "health")
    monkeypatch.setattr(live.collector.facts, "_patience", 0.2)
    for status, body in pool.map(lambda _: live.health(), range(MANY)):
        assert status == 503
        assert body["why"] == "the database takes too long to answer"
        assert body["database"] is None
        assert body["alerts"] == {"last_tick": None, "unsent": None, "channels": None}
    assert gate.calls == 1
    assert "levqor_errors_database_up 0.0" in live.client.get("/metrics").text
    gate.opened.set()
    wait_until(lambda: live.health()[0] == 200)


@pytest.mark.parametrize(
    ("error", "why", "logged"),
    [
        (StorageUnavailableError("the database is busy with other reads"), "the database is busy with other reads", 0),
        (RuntimeError("/var/lib/levqor.db: password"), "the database does not answer", 1),
    ],
)
def test_why_the_database_does_not_answer_is_fit_for_anyone(
    live: Served,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    why: str,
    logged: int,
) -> None:
    def failing() -> dict[str, Any]:
        raise error

    monkeypatch.setattr(live.collector.storage, "health", failing)
    monkeypatch.setattr(live.collector.facts, "_keep", 0)
    for _ in range(3):
        status, body = live.health()
        assert (status, body["ok"], body["why"]) == (503, False, why)
    assert len(caplog.records) == logged


def test_what_the_database_warns_of_is_passed_on(live: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"database": "SQLite 3.53.4", "wal_fix": True, "alerts_unsent": 2, "free_bytes": 7, "warnings": ["Look."]}
    known: Callable[[], dict[str, Any]] = lambda: facts  # noqa: E731
    monkeypatch.setattr(live.collector.storage, "health", known)
    status, body = live.health()
    alone = "Alerts wait to be sent, and no channel is set up (docs/alerts.md)."
    assert (status, body["warnings"], body["alerts"]["unsent"], body["free_bytes"]) == (200, ["Look.", alone], 2, 7)
    facts["damaged"] = True
    wait_until(lambda: live.health()[0] == 503)
    assert live.health()[1]["why"] == "the database is damaged; restore a backup"
