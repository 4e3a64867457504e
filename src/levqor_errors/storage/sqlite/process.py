"""The collector's end of the process that writes events (`child.py`, which says why there is one).

`SqliteStorage.write` calls it, one batch at a time. The process starts with the first batch, and again if it was lost.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import socket
import subprocess
import sys
from typing import Any, Final, NamedTuple

from ..rows import Written
from .child import LENGTH
from .driver import sqlite3

#: Without it, `-m` would import from the directory that the collector happens to be started in.
_SAFE_PATH: Final = ("-P",) if sys.version_info >= (3, 11) else ()
#: What the error says when the process is gone.
LOST: Final = "the writing process is lost"
_CHUNK_BYTES: Final = 64 * 1024
#: It ends as soon as its batch is committed; then it is late.
_END_SECONDS: Final = 30.0


class WriterOptions(NamedTuple):
    """How the process opens the database; its arguments, in their order."""

    path: str
    busy_seconds: float
    page_limit: int
    checkpoint_pages: int
    wal_kept: int


class WriterProcess:
    """Writes batches of events, in the order in which they come. The calls of one event loop may overlap.

    Args:
        options: how it opens the database, which must be there.
    """

    def __init__(self, options: WriterOptions) -> None:
        self._options = options
        self._line: _Line | None = None

    async def write(self, rows: list[tuple[Any, ...]]) -> list[Written | str]:
        """Write a batch, made by `write.to_row`, in one transaction; see `write.write_batch`.

        Raises:
            sqlite3.Error: the database's own, with its text. Also when the process was lost on the way, and then nobody
                knows whether the batch is stored; as after a lost answer, the senders send again, and what is there
                already is told as such.
        """
        batch = marshal.dumps(rows)
        line = self._line
        # After a fork, the parent's process is the parent's: two that write to it at once would mix.
        if line is None or line.owner != os.getpid():
            try:
                line = self._line = _Line(self._options)
            except OSError as error:
                raise sqlite3.OperationalError(f"the writing process cannot be started: {error}") from error
        try:
            answer = await line.ask(batch)
        except OSError as error:
            self._drop(line)
            raise sqlite3.OperationalError(f"{LOST}: {error}") from error
        except BaseException:
            # Cancelled in the middle: what it answers now would be taken for the answer to the next batch.
            self._drop(line)
            raise
        result: Any = marshal.loads(answer)  # noqa: S302 - from the process that this one started
        if isinstance(result, tuple):
            kind, text = result
            raise getattr(sqlite3, kind)(text)
        return [one if isinstance(one, str) else Written._make(one) for one in result]

    def close(self) -> None:
        """End the process, after the batches that it has; waits for that."""
        if self._line is not None:
            self._drop(self._line)

    def _drop(self, line: _Line) -> None:
        if self._line is line:
            self._line = None
        line.close()


class _Line:
    """A running process, and the socket to it."""

    def __init__(self, options: WriterOptions) -> None:
        self.owner = os.getpid()
        self._socket, childs = socket.socketpair()
        self._socket.setblocking(False)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sending = asyncio.Lock()
        self._receiving = asyncio.Lock()
        self._received = b""
        with childs:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a path and numbers
                [sys.executable, *_SAFE_PATH, "-m", "levqor_errors.storage.sqlite.child", *map(str, options)],
                stdin=childs.fileno(),
                stdout=childs.fileno(),
            )

    async def ask(self, batch: bytes) -> bytes:
        """Send a batch and wait for its answer. Both locks are fair, so answers come to whom they belong."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # A lock belongs to the loop in which somebody waited for it. Two loops are never at this at once.
            self._loop = loop
            self._sending = asyncio.Lock()
            self._receiving = asyncio.Lock()
        async with self._sending:
            await loop.sock_sendall(self._socket, LENGTH.pack(len(batch)) + batch)
        async with self._receiving:
            received = self._received
            while len(received) < LENGTH.size or len(received) < (end := LENGTH.size + LENGTH.unpack_from(received)[0]):
                chunk = await loop.sock_recv(self._socket, _CHUNK_BYTES)
                if not chunk:
                    raise ConnectionResetError("it has ended")
                received += chunk
            # The next answer may have begun to arrive.
            self._received = received[end:]
            return received[LENGTH.size : end]

    def close(self) -> None:
        self._socket.close()
        if self.owner != os.getpid():
            return
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            # It is in a system call that does not come back. Its transaction is not committed, and never will be.
            self._process.kill()
