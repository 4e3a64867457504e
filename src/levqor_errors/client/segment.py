"""A closed segment of a journal in the hands of a shipper: `journal.py` takes it, `delivery.py` sends what is in it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Segment:
    """A closed segment, taken for delivery.

    Attributes:
        path: where it is.
        header: what its writer said of itself.
        service: whose events they are; `None`: not known.
        records: its events, each a line as it was appended.
        torn: what follows the last newline: it was being written when its process died.
    """

    def __init__(self, release: Callable[[int], None], path: Path, descriptor: int, content: bytes) -> None:
        self._release = release
        self.path = path
        self._descriptor = descriptor
        header, *lines = content.split(b"\n")
        self.torn = lines.pop() if lines else header
        self.header: dict[str, Any] = _header(header)
        # Each event has its own; this one is for who may deliver them.
        self.service: Any = self.header.pop("service", None)
        self.records: list[bytes] = lines

    def remove(self) -> None:
        """All of it is delivered."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.release()

    def release(self) -> None:
        """Let any process have it again."""
        self._release(self._descriptor)


def _header(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_all(descriptor: int, size: int) -> bytes:
    """A file's content, of a size that is known."""
    chunks = []
    while size > 0 and (chunk := os.read(descriptor, size)):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
