"""The process that writes events into SQLite: reads batches from its standard input, answers on its standard output
(both are one socket).

Python runs one thread at a time. With the database on a thread of the collector's, the two wait for each other, and
one core does all the work; here the second core does half of it. `process.py` is the other end and starts this.
It ends when its input does: with the collector, however that one ends, and never in the middle of a transaction.

    python -m levqor_errors.storage.sqlite.child PATH BUSY_SECONDS PAGE_LIMIT CHECKPOINT_PAGES WAL_KEPT
"""

from __future__ import annotations

import marshal
import os
import signal
import struct
import sys
import traceback
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from ..rows import CountedNames, Row
from .driver import sqlite3
from .write import write_batch

#: Before each message: its length.
LENGTH: Final = struct.Struct(">I")
#: The indexes' upper pages and what was written last; with SQLite's 2 MB they are read from the file all the time.
_CACHE_KIB: Final = 16 * 1024


def read_message(stream: BinaryIO) -> bytes | None:
    """A message; `None` at the end of the stream, also when that comes in the middle of one."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    body = stream.read(size)
    return body if len(body) == size else None


def write_message(stream: BinaryIO, body: bytes) -> None:
    """Send a message."""
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def main() -> None:
    """Write what comes until no more comes."""
    # The terminal's Ctrl-C and the service manager's SIGTERM reach this process too; the collector still needs it then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    path, busy_seconds, page_limit, checkpoint_pages, wal_kept = sys.argv[1:]
    batches = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What is printed by accident must not be taken for an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    connection = sqlite3.connect(
        f"file:{quote(str(Path(path).absolute()))}?mode=rw", uri=True, isolation_level=None, timeout=float(busy_seconds)
    )
    for pragma in (
        "synchronous = FULL",
        f"cache_size = -{_CACHE_KIB}",
        f"max_page_count = {page_limit}",
        f"wal_autocheckpoint = {checkpoint_pages}",
        f"journal_size_limit = {wal_kept}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    names = CountedNames()
    while (batch := read_message(batches)) is not None:
        rows = [Row._make(row) for row in marshal.loads(batch)]  # noqa: S302 - from the process that started this one
        answer: object
        try:
            written = write_batch(connection, rows, names)
            answer = [one if isinstance(one, str) else tuple(one) for one in written]
        except sqlite3.Error as error:
            answer = (type(error).__name__, str(error))
        except Exception as error:  # noqa: BLE001 - the next batch may be better; this one is told as not stored
            traceback.print_exc()
            answer = ("InternalError", repr(error))
        write_message(answers, marshal.dumps(answer))
    connection.close()


if __name__ == "__main__":
    main()
