"""What the collector takes, beside the limits of what it is made of, in one run: `make bench-ingest`.

Single events: posted by wrk on 32 connections, beside an application that only echoes, under the same server. Batches
of 100: beside the same rows inserted into the same tables and indexes without a collector. Rounds in turn, medians.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from events import event_rows, make_event, write_batch_lua, write_lua
from load import Collector, require_wrk, row, wrk

from levqor_errors.ids import uuid7
from levqor_errors.storage.sqlite.driver import sqlite3 as driver
from levqor_errors.storage.sqlite.storage import SqliteStorage

HERE = Path(__file__).parent
ROUNDS = 5
SECONDS = 5
CONNECTIONS = 32
BATCH = 100
MILLION = 1_000_000


@contextlib.contextmanager
def collector() -> Iterator[Collector]:
    """A collector on an empty database."""
    with tempfile.TemporaryDirectory() as directory:
        running = Collector(f"{directory}/levqor.db")
        try:
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def echo() -> Iterator[str]:
    """The echoing application's address."""
    with subprocess.Popen([sys.executable, HERE / "echo_app.py"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def raw_inserts(count: int = 20_000) -> float:
    """Events a second into SQLite alone: our tables and indexes, full-text too, FULL durability, 100 rows a commit."""
    rows = event_rows(range(count))
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/levqor.db"
        SqliteStorage(path).close()
        with contextlib.closing(driver.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -16384")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            start = time.perf_counter()
            for first in range(0, count, BATCH):
                connection.execute("BEGIN IMMEDIATE")
                insert = f"INSERT INTO error_events VALUES ({', '.join('?' * 15)}, NULL)"
                connection.executemany(insert, rows[first : first + BATCH])
                connection.execute(
                    "INSERT INTO error_events_fts (rowid, message, stack) "
                    "SELECT id, message, stack FROM error_events WHERE id > ?",
                    (first,),
                )
                connection.execute("COMMIT")
            return count / (time.perf_counter() - start)


def fsync_seconds(directory: Path, size: int = 64 * 1024, times: int = 200) -> float:
    """How long this disk takes to be sure of a commit, the median: nobody who waits for it is answered sooner."""
    taken: list[float] = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * size)
            start = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def pids_of(running: Collector) -> list[int]:
    """The collector and its process that writes."""
    pid = running.process.pid
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, listed)]


def stored_by(running: Collector) -> int:
    """How many events are in its database."""
    with contextlib.closing(sqlite3.connect(f"file:{running.database}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT SUM(count) FROM event_counts_now").fetchone()
    return int(count)


def memory(pids: list[int]) -> float:
    """MiB that processes have had at most, together."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(status.partition("VmHWM:")[2].split()[0])
    return total / 1024


def single_events(directory: Path) -> None:
    """Single events beside echoes."""
    script = directory / "single.lua"
    write_lua(script)
    with echo() as echo_url, collector() as running:
        rounds = [(wrk(script, echo_url), wrk(script, running.url)) for _ in range(ROUNDS)]
        fsync = fsync_seconds(directory)
    echoed = statistics.median(limit.rate for limit, _ in rounds)
    taken = statistics.median(ours.rate for _, ours in rounds)
    ratio = statistics.median(ours.rate / limit.rate for limit, ours in rounds)
    row(f"single events, {CONNECTIONS} connections", f"{taken:,.0f}/s", f"{echoed:,.0f}/s echoed", ratio, "0.5")
    most = CONNECTIONS / fsync
    row(
        f"the same beside one fsync ({fsync * 1000:.2f} ms) for all of them",
        f"{taken:,.0f}/s",
        f"{most:,.0f}/s",
        taken / most,
        "",
    )
    p50 = statistics.median(ours.p50 for _, ours in rounds)
    p99 = statistics.median(ours.p99 for _, ours in rounds)
    row("p99, beside p50", f"{p99:.1f} ms", f"{p50:.1f} ms", p99 / p50, "under 10")


def batches(directory: Path) -> None:
    """Batches beside plain inserts, then on to a million events."""
    script = directory / "batch.lua"
    write_batch_lua(script, BATCH)
    with collector() as running:
        rounds = [(raw_inserts(), wrk(script, running.url, connections=8).rate * BATCH) for _ in range(ROUNDS)]
        inserted = statistics.median(limit for limit, _ in rounds)
        taken = statistics.median(ours for _, ours in rounds)
        ratio = statistics.median(ours / limit for limit, ours in rounds)
        print(
            f"| batches of {BATCH}, 8 connections | {taken:,.0f}/s | {inserted:,.0f}/s inserted | {ratio:.2f} | 0.4 |"
        )
        early = memory(pids_of(running))
        while (stored := stored_by(running)) < MILLION:
            wrk(script, running.url, seconds=max(2, min(30, int((MILLION - stored) / taken) + 1)), connections=8)
        late = memory(pids_of(running))
        row(f"memory after {stored:,} events", f"{late:.0f} MiB", f"{early:.0f} MiB early", late / early, "150 MiB")
        events = [make_event(number, event_id=uuid7()) for number in range(2_000)]
        size = sum(len(json.dumps(event, separators=(",", ":"))) for event in events) / len(events)
        disk = Path(running.database).stat().st_size / stored
        print(
            f"| database bytes an event | {disk:,.0f} | {size:,.0f} as JSON | {disk / size:.2f} | under 2 |", flush=True
        )


def main() -> None:
    """Print the table."""
    require_wrk()
    print("| ingest | collector | limit | ratio | bar |")
    print("|---|---:|---:|---:|---|", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        single_events(Path(directory))
        batches(Path(directory))


if __name__ == "__main__":
    main()
