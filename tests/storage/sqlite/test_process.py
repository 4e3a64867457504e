"""The process that writes: its answers come to whom they belong, and it can be lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from levqor_errors.storage import StoredEvent
from levqor_errors.storage.rows import Written, to_row
from levqor_errors.storage.sqlite.driver import sqlite3
from levqor_errors.storage.sqlite.process import WriterOptions, WriterProcess
from levqor_errors.storage.sqlite.storage import SqliteStorage
from storage_support import new_event
from support import event_ids, rows, wait_until

OPTIONS = {"busy_seconds": 1.0, "page_limit": 2**32 - 2, "checkpoint_pages": 1000, "wal_kept": 1024 * 1024}

pytestmark = pytest.mark.sqlite


@pytest.fixture
def process(database: Path) -> Iterator[WriterProcess]:
    SqliteStorage(str(database)).close()
    process = WriterProcess(WriterOptions(str(database), **OPTIONS))  # type: ignore[arg-type]
    yield process
    process.close()


def pid_of(process: WriterProcess) -> int:
    assert process._line is not None
    return process._line._process.pid


def write(process: WriterProcess, *issues: str) -> list[Written | str]:
    return asyncio.run(process.write([to_row(new_event(issue)) for issue in issues]))


def test_it_tells_what_became_of_each_row(process: WriterProcess) -> None:
    assert write(process, "a", "b", "a") == [Written(1, False, True), Written(2, False, True), Written(3, False, False)]
    assert write(process, "b") == [Written(4, False, False)]


def test_batches_that_overlap_get_their_own_answers(process: WriterProcess, database: Path) -> None:
    async def all_at_once() -> list[list[Written | str]]:
        batches = [[to_row(new_event(f"{number}")) for _ in range(number + 1)] for number in range(20)]
        return await asyncio.gather(*(process.write(batch) for batch in batches))

    answers = asyncio.run(all_at_once())
    assert [len(answer) for answer in answers] == list(range(1, 21))
    assert [one.id for answer in answers for one in answer if isinstance(one, Written)] == list(range(1, 211))
    assert len(event_ids(database)) == 210


def test_a_batch_larger_than_any_buffer_gets_through(process: WriterProcess, database: Path) -> None:
    big = [to_row(new_event("big", stack="x" * 60_000)) for _ in range(100)]
    assert len(asyncio.run(process.write(big))) == 100
    assert rows(database, "SELECT SUM(length(stack)) FROM error_events") == [(6_000_000,)]


def test_a_lost_process_is_an_error_and_the_next_batch_starts_another(process: WriterProcess, database: Path) -> None:
    write(process, "before")
    lost = pid_of(process)
    os.kill(lost, signal.SIGKILL)
    with pytest.raises(sqlite3.OperationalError, match="lost"):
        write(process, "on the way")
    assert write(process, "after")
    assert pid_of(process) != lost
    assert len(event_ids(database)) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_outlives_the_signals_that_stop_the_collector(process: WriterProcess, number: signal.Signals) -> None:
    """Both may be sent to all processes of a terminal or a service; the collector has batches for it still."""
    write(process, "before")
    os.kill(pid_of(process), number)
    assert write(process, "after") == [Written(2, False, True)]


def test_it_ends_with_the_collector_however_that_ends(database: Path) -> None:
    SqliteStorage(str(database)).close()
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, os, signal, sys\n"
            "from levqor_errors.storage.sqlite.process import *\n"
            "process = WriterProcess(WriterOptions(sys.argv[1], 1.0, 2**32 - 2, 1000, 1024))\n"
            "asyncio.run(process.write([]))\n"
            "print(process._line._process.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n",
            str(database),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = child.communicate(timeout=60)
    # Nobody of ours is left to wait for it: it is gone, or a zombie that init has not fetched yet.
    status = Path(f"/proc/{int(said)}/stat")
    wait_until(lambda: not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_an_error_of_the_database_is_raised_here(process: WriterProcess, database: Path) -> None:
    write(process, "before")
    blocker = sqlite3.connect(str(database), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write(process, "held up")
    blocker.close()
    assert write(process, "after") == [Written(2, False, True)]


def test_it_imports_nothing_from_where_the_collector_is_started(
    process: WriterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no -P")
    (tmp_path / "struct.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    assert write(process, "a")


def test_a_batch_that_is_given_up_takes_its_answer_with_it(process: WriterProcess, database: Path) -> None:
    """Its answer must not be taken for the next one's."""

    async def give_up() -> None:
        sent = asyncio.gather(process.write([to_row(new_event("given up")) for _ in range(500)]))
        # It goes as far as to wait for the answer.
        await asyncio.sleep(0)
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent

    write(process, "before")
    asyncio.run(give_up())
    (answer,) = write(process, "after")
    assert isinstance(answer, Written)
    assert rows(database, "SELECT id FROM error_events ORDER BY id DESC LIMIT 1") == [(answer.id,)]


def test_the_storage_gives_ids_and_marks(database: Path) -> None:
    storage = SqliteStorage(str(database))
    event = new_event("one")
    try:
        results = asyncio.run(storage.write([event, event]))
    finally:
        storage.close()
    assert results == [StoredEvent(1, event.event.event_id, False, True), StoredEvent(1, event.event.event_id, True)]


def test_it_loads_nothing_that_it_has_no_use_for() -> None:
    """Each collector waits for its start with the first event."""
    script = "import sys, levqor_errors.storage.sqlite.child; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    assert "levqor_errors.storage.sqlite.write" in loaded
    assert not {"sqlite_utils", "starlette", "httpx", "levqor_errors.storage.read"}.intersection(loaded)
