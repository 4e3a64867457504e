"""The collector's end of the process that writes events (`sqlite_child.py`, which says why there is one).

`SqliteStorage.write` calls it, one batch at a time. The process starts with the first batch, and again if it was lost.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from .driver import sqlite3
from .sqlite_child import read_message, write_message
from .sqlite_write import Row, Written


class WriterOptions(NamedTuple):
    """How the process opens the database."""

    path: str
    busy_seconds: float
    page_limit: int
    checkpoint_pages: int
    log_bytes: int


class WriterProcess:
    """Writes batches of events. For one thread at a time.

    Args:
        options: how it opens the database, which must be there.
    """

    def __init__(self, options: WriterOptions) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def write(self, rows: Sequence[Row]) -> list[Written | str]:
        """Write a batch in one transaction; see `sqlite_write.write_batch`.

        Raises:
            sqlite3.Error: the database's own, with its text; also when the process was lost on the way, and then nobody
                knows whether the batch is stored. That is as with a lost answer: the senders send again, and what is
                there already is told as such.
        """
        try:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            write_message(process.stdin, marshal.dumps([tuple(row) for row in rows]))  # type: ignore[arg-type]
            answer = read_message(process.stdout)  # type: ignore[arg-type]
        except OSError as error:
            self.close()
            raise sqlite3.OperationalError(f"the writing process is lost: {error}") from error
        if answer is None:
            self.close()
            raise sqlite3.OperationalError("the writing process is lost")
        result: Any = marshal.loads(answer)  # noqa: S302 - from the process that this one started
        if isinstance(result, tuple):
            kind, text = result
            raise getattr(sqlite3, kind)(text)
        return [written if isinstance(written, str) else Written._make(written) for written in result]

    def close(self) -> None:
        """End the process; what was answered is stored."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        with process, suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.close()

    def _running(self) -> subprocess.Popen[bytes]:
        # After a fork the parent's process is the parent's: two that write into one pipe would mix.
        if self._process is None or self._owner != os.getpid():
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with numbers and a path as arguments
                [sys.executable, "-m", "levqor_errors.storage.sqlite_child", *map(str, self._options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._owner = os.getpid()
        return self._process
