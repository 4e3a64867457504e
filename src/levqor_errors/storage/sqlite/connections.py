"""SQLite storage: the connections to an open file, and what its errors mean. Used by `storage.py` alone.

Events are written by a process of its own (`process.py`), all else by one connection here; the two take turns. A
few connections read; reads go on while a write waits or runs (WAL). All errors of the driver become ours here; nothing
above sees them.
"""

from __future__ import annotations

import logging
import math
import queue
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from ...errors import StorageUnavailableError
from ..rows import Written
from .driver import sqlite3
from .open import connect, file_size, is_damage, open_database
from .process import LOST, WriterOptions, WriterProcess
from .turns import Turns

logger = logging.getLogger("levqor_errors.storage")

READERS: Final = 4
#: Upkeep can wait for its next turn; while it waits for another process here, no event is written.
UPKEEP_BUSY_SECONDS: Final = 0.2
#: The WAL file is cut back to this after a checkpoint, so that one burst does not keep its disk space for ever.
_WAL_KEPT_BYTES: Final = 16 * 1024 * 1024
#: From this many pages on, a commit copies the log into the file: each page once, however often it was written. With
#: SQLite's own 1,000 a commit under load costs a tenth more, with many more the one that copies is late.
_CHECKPOINT_PAGES: Final = 4_000
_NO_PAGE_LIMIT: Final = 2**32 - 2
#: Below this a disk is full, whatever else is.
_NOTHING_FREE_BYTES: Final = 1024 * 1024
#: How many steps of SQLite's machine a read runs between two looks at the clock: some 10 ms. A look needs Python's
#: global lock, so looking more often would make reads slow where the collector is busy.
_READ_STEPS: Final = 50_000


class QuotaError(StorageUnavailableError):
    """The database is as large as it may become."""

    def __init__(self) -> None:
        super().__init__("the database is full; its oldest events are being deleted", retry_after=10)


class _Reader:
    """A connection that only reads, and gives up when it is over its time."""

    def __init__(self, path: str, busy_seconds: float, is_closing: Callable[[], bool]) -> None:
        self.db = connect(path, read_only=True, busy_seconds=busy_seconds)
        self.deadline = math.inf
        self.db.conn.set_progress_handler(lambda: is_closing() or time.monotonic() > self.deadline, _READ_STEPS)


class Readers:
    """Some connections that read, lent to one thread each.

    Args:
        connections: these.
        wait_seconds: how long one waits for one of them.
    """

    def __init__(self, connections: list[_Reader], wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._number = len(connections)
        self._free: queue.SimpleQueue[_Reader] = queue.SimpleQueue()
        for connection in connections:
            self._free.put(connection)

    @contextmanager
    def lent(self, seconds: float) -> Iterator[Database]:
        """One of them, for reads that take at most so long together."""
        try:
            reader = self._free.get(timeout=self._wait_seconds)
        except queue.Empty:
            raise StorageUnavailableError("the database is busy with other reads") from None
        try:
            reader.deadline = time.monotonic() + seconds
            yield reader.db
        finally:
            self._free.put(reader)

    def close(self) -> None:
        """Close them as they come back."""
        for _ in range(self._number):
            self._free.get().db.close()


class Connections:
    """All connections to one file.

    Args:
        path: the file; made if it is not there.
        max_bytes: how large it may grow, with the log as far as that is kept; one that is larger does not grow.
        busy_seconds: how long a write waits for another process's lock.

    Raises:
        StorageUnusableError: when the file cannot be used; says why and what to do.
    """

    def __init__(self, path: str, *, max_bytes: int | None, busy_seconds: float) -> None:
        self._path = path
        self._wal = f"{path}-wal"
        self._busy_seconds = busy_seconds
        self._max_bytes = max_bytes
        self._turns = Turns()
        self._closing = False
        #: The driver has met damage in the file.
        self.damaged = False
        #: A log larger than this is cut off when it is empty. A small database cannot have half of its space there.
        self.wal_kept = min(_WAL_KEPT_BYTES, max_bytes // 20) if max_bytes is not None else _WAL_KEPT_BYTES
        self._writer = open_database(path)
        self.page_bytes: int = self._writer.execute("PRAGMA page_size").fetchone()[0]
        #: How many pages events may fill.
        self.page_limit = (max_bytes - self.wal_kept) // self.page_bytes if max_bytes is not None else None
        checkpoint_pages = max(1, min(_CHECKPOINT_PAGES, self.wal_kept // self.page_bytes))
        self._writer.execute(f"PRAGMA journal_size_limit = {self.wal_kept}")
        self._writer.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
        self._wait_for_others(busy_seconds)
        self._process = WriterProcess(
            WriterOptions(path, busy_seconds, self.page_limit or _NO_PAGE_LIMIT, checkpoint_pages, self.wal_kept)
        )
        #: For whatever may take long.
        self.searches = self._readers(READERS)
        #: For moments only, so that nobody who asks how the database is has to wait for a search.
        self.facts = self._readers(1)
        #: For the janitor, who may count all events.
        self.plans = self._readers(1)

    async def write(self, rows: list[tuple[Any, ...]]) -> list[Written | str]:
        """Have events written, in their turn; they alone are held to the quota. See `write.write_batch`."""
        async with self._turns.of_batch():
            with self._translated():
                return await self._process.write(rows)

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """The connection here that writes, inside a transaction that holds the write lock from its start.

        It is not held to the quota: to delete events, and to sign in to see what is wrong, may need a page or two.
        """
        with self._turns.of_thread(), self._translated(), self._begun() as db:
            yield db

    @contextmanager
    def upkeep(self) -> Iterator[Database]:
        """A transaction that gives way to other programs soon, and need not outlive a power cut.

        It can be done again, and so costs no fsync: in WAL mode NORMAL keeps the file sound, and the next commit of
        events makes this one durable, too (https://sqlite.org/pragma.html#pragma_synchronous).
        """
        with self._turns.of_thread(), self._translated():
            self._wait_for_others(UPKEEP_BUSY_SECONDS)
            self._writer.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._begun() as db:
                    yield db
            finally:
                self._writer.execute("PRAGMA synchronous = FULL")
                self._wait_for_others(self._busy_seconds)

    @contextmanager
    def _begun(self) -> Iterator[Database]:
        connection = self._writer.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself on a full disk; then there is nothing left to do.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def reading(self, readers: Readers, seconds: float) -> Iterator[Database]:
        """A connection that reads, for at most so many seconds."""
        with readers.lent(seconds) as db, self._translated():
            yield db

    def shorten_wal(self, busy_seconds: float) -> bool:
        """Copy the log into the file and empty it; not while somebody reads an older state, then returns False."""
        with self._turns.of_thread(), self._translated():
            self._wait_for_others(busy_seconds)
            try:
                (busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._wait_for_others(self._busy_seconds)
        return not busy

    def free_bytes(self) -> int:
        """What the file system has left for us."""
        try:
            return shutil.disk_usage(Path(self._path).absolute().parent).free
        except OSError as error:
            raise StorageUnavailableError("the database's directory is gone", retry_after=30) from error

    def wal_bytes(self) -> int:
        """The log's size."""
        return file_size(self._wal)

    def disk_bytes(self) -> int:
        """The size of the file and of what lies beside it."""
        return sum(file_size(f"{self._path}{end}") for end in ("", "-wal", "-shm"))

    def stop(self) -> None:
        """Break off what is being read, and write no more events; `transaction` and `upkeep` are left."""
        self._closing = True
        for readers in (self.searches, self.facts, self.plans):
            readers.close()
        # A batch that is under way ends by this with an error, though it may well be stored: its senders send it again.
        self._process.close()

    def close(self) -> None:
        """Close them all, after `stop`."""
        with self._turns.of_thread():
            self._writer.close()

    def _readers(self, number: int) -> Readers:
        opened = [_Reader(self._path, self._busy_seconds, lambda: self._closing) for _ in range(number)]
        return Readers(opened, self._busy_seconds)

    def _wait_for_others(self, seconds: float) -> None:
        self._writer.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: sqlite3.Error) -> StorageUnavailableError:
        text = str(error)
        if is_damage(error):
            if not self.damaged:
                self.damaged = True
                logger.error("the database is damaged, restore a backup: %s", error)
            return StorageUnavailableError("the database is damaged; restore a backup", retry_after=60)
        if "interrupted" in text:
            if self._closing:
                return StorageUnavailableError("the collector is stopping")
            return StorageUnavailableError("the search took too long; narrow it", retry_after=30)
        if "locked" in text or "busy" in text:
            return StorageUnavailableError("the database is locked by another program", retry_after=5)
        if "full" in text:
            if self._max_bytes is not None and self.free_bytes() > _NOTHING_FREE_BYTES:
                return QuotaError()
            return StorageUnavailableError("the disk is full", retry_after=30)
        if LOST in text:
            # The next batch starts another.
            return StorageUnavailableError("the database does not answer", retry_after=1)
        return StorageUnavailableError("the database does not answer", retry_after=10)
