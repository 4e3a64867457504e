"""What the writer tells of itself: its numbers, and a line in the log when writes begin to fail and when they work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from levqor_errors.collector.logs import LogFormatter
from levqor_errors.collector.writer import Writer
from levqor_errors.errors import LevqorError, StorageUnavailableError, StorageUnusableError
from levqor_errors.event import normalize
from levqor_errors.grouping import group
from levqor_errors.storage import NewEvent, StoredEvent
from levqor_errors.storage.sqlite import driver
from levqor_errors.storage.sqlite.storage import SqliteStorage

pytestmark = pytest.mark.sqlite


@pytest.fixture
def storage(database: Path) -> Iterator[SqliteStorage]:
    storage = SqliteStorage(str(database), busy_seconds=0.1)
    yield storage
    storage.close()


@pytest.fixture
def writer(storage: SqliteStorage) -> Iterator[Writer]:
    writer = Writer(storage)
    yield writer
    writer.close()


def locked(database: Path) -> Any:
    """A connection that holds the write lock. Of the storage's own driver: of another SQLite in the same process no
    lock would be seen.
    """
    connection = driver.sqlite3.connect(str(database), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def submit(writer: Writer, *severities: str) -> LevqorError | None:
    """Have an event of each severity written; the error that its sender gets, if any."""
    made = [
        normalize({"message": "x", "severity": each}, received_at=datetime.now(timezone.utc)) for each in severities
    ]
    try:
        asyncio.run(writer.submit([NewEvent(event, group(event)) for event in made], 100))
    except LevqorError as error:
        return error
    return None


def failing(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def write(_batch: object) -> list[object]:
        raise error

    monkeypatch.setattr(storage, "write", write)


def test_what_is_stored_is_counted(writer: Writer) -> None:
    assert dict(writer.stored) == {"info": 0, "warning": 0, "error": 0, "critical": 0}
    assert submit(writer, "info", "fatal", "error") is None
    assert submit(writer, "error") is None
    assert dict(writer.stored) == {"info": 1, "warning": 0, "error": 2, "critical": 1}
    assert writer.commits == 2
    assert 0 < writer.commit_seconds < 60
    assert (writer.waiting, writer.lag, writer.outage) == (0, 0, None)


def test_an_outage_is_two_lines_however_long_it_is(
    writer: Writer, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(locked(database)) as blocker:
        for refused in range(1, 4):
            assert isinstance(submit(writer, "error"), StorageUnavailableError)
            assert writer.outage is not None
            assert writer.outage.requests == refused
            assert writer.outage.why == "the database is locked by another program"
            assert writer.outage.last >= writer.outage.first
        assert len(caplog.records) == 1
        since = vars(caplog.records[0])["since"]
        blocker.execute("ROLLBACK")
    assert submit(writer, "error") is None
    assert writer.outage is None
    began, ended = [LogFormatter().format(record).partition(" ")[2] for record in caplog.records]
    assert began == (
        'level=error event="writes fail; senders are told to come again" '
        f'reason="the database is locked by another program" since={since} cause="database is locked"'
    )
    assert ended.startswith('level=warning event="writes work again" after_seconds=')
    assert ended.endswith(" requests_refused=3")
    # The next one is told again.
    with closing(locked(database)) as blocker:
        submit(writer, "error")
    assert len(caplog.records) == 3


def test_each_reason_is_told_once_and_not_without_end(
    writer: Writer, storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (0, 1, 0, 1, *range(100)):
        failing(storage, monkeypatch, StorageUnavailableError(f"only {number} bytes are left"))
        submit(writer, "error")
    assert [vars(record)["reason"] for record in caplog.records] == [f"only {n} bytes are left" for n in range(10)]
    assert writer.outage is not None
    assert writer.outage.why == "only 99 bytes are left"


@pytest.mark.parametrize("make", [StorageUnusableError, RuntimeError])
def test_what_nobody_expected_is_logged_with_its_traceback_and_not_told_to_anyone(
    writer: Writer,
    storage: SqliteStorage,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    make: Callable[[str], Exception],
) -> None:
    failing(storage, monkeypatch, make("/var/lib/levqor.db is gone"))
    for _ in range(2):
        assert submit(writer, "error") is not None
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert "/var/lib/levqor.db is gone" in LogFormatter().format(record)
    assert writer.outage is not None
    assert "/var" not in writer.outage.why


class SlowStorage:
    """Commits when it is told to; only what a writer needs of a storage."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.go = asyncio.Event()

    async def write(self, batch: Sequence[NewEvent]) -> list[StoredEvent]:
        self.batches.append(len(batch))
        await self.go.wait()
        return [StoredEvent(1, new.event.event_id, False) for new in batch]


def test_what_waits_together_is_committed_together_and_two_commits_overlap() -> None:
    async def many() -> list[int]:
        storage = SlowStorage()
        writer = Writer(storage)  # type: ignore[arg-type]
        event = normalize({"message": "x"}, received_at=datetime.now(timezone.utc))

        def submit_some(number: int) -> list[asyncio.Task[Any]]:
            return [asyncio.create_task(writer.submit([NewEvent(event, group(event))], 1)) for _ in range(number)]

        waiting = submit_some(10)
        await asyncio.sleep(0.01)
        # Fewer than are under way: a commit costs the same for one event as for ten.
        waiting += submit_some(9)
        await asyncio.sleep(0.01)
        assert (storage.batches, writer.waiting) == ([10], 19)
        waiting += submit_some(1)
        await asyncio.sleep(0.01)
        assert storage.batches == [10, 10]
        waiting += submit_some(30)
        await asyncio.sleep(0.01)
        assert (storage.batches, writer.waiting) == ([10, 10], 50)
        storage.go.set()
        await asyncio.gather(*waiting)
        assert writer.waiting == 0
        return storage.batches

    assert asyncio.run(many()) == [10, 10, 30]
