"""Segments as processes leave them, for the tests of the spool."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from host_support import Host
from levqor_errors.ids import uuid7

HEADER = b'{"host": "elsewhere", "pid": 1, "python": "3.11.7"}\n'
#: More events than a buffer has, and one that comes later; all of them delivered.
LOG_AND_FLUSH = """
for number in range(200):
    assert log_error("shop", f"event {number}", ("error", "info")[number % 2]) is not None
assert flush(30)
log_error("shop", "event 200")
delivered = flush(30)
print(json.dumps(stats()))
sys.exit(0 if delivered else "not delivered")
"""


def line(message: str) -> bytes:
    """An event as a journal has it."""
    return (
        json.dumps({"event_id": uuid7(), "created_at": 1.7e9, "service": "shop", "message": message}).encode() + b"\n"
    )


def numbered(count: int, first: int = 0) -> Counter[str]:
    return Counter(f"event {number}" for number in range(first, count))


def prepared(host: Host) -> Path:
    """The host's directory of segments, as its first process leaves it: empty."""
    host.run("current_client().journal.directory.mkdir(mode=0o700, parents=True)")
    return host.journal


def segment(directory: Path, content: bytes, rank: int = 1) -> Path:
    """A segment that a process left."""
    path = directory / f"{rank}-{uuid7()}.jsonl"
    path.write_bytes(content)
    return path
