"""Sizes, times and sums as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from .. import instants

_SIZES: Final = (("TB", 1024**4), ("GB", 1024**3), ("MB", 1024**2), ("KB", 1024))
_MOMENT_SECONDS: Final = 2.0
_TIMES: Final = (("days", 24 * 3600), ("hours", 3600), ("minutes", 60))


def size(number: int) -> str:
    """`3.4 GB`."""
    for unit, least in _SIZES:
        if number >= least:
            return f"{number / least:.1f} {unit}" if number < 10 * least else f"{number // least:,} {unit}"
    return f"{number} bytes"


def count(number: int, one: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def span(seconds: float) -> str:
    """`3 hours`."""
    for unit, least in _TIMES:
        if seconds >= 2 * least:
            return f"{int(seconds // least)} {unit}"
    return count(int(seconds), "second")


def ago(at: str, now: datetime) -> str:
    """`3 hours ago`, of an instant as the database has it."""
    seconds = (now - instants.from_text(at)).total_seconds()
    if abs(seconds) < _MOMENT_SECONDS:
        return "just now"
    return f"{span(seconds)} ago" if seconds >= 0 else f"{span(-seconds)} ahead of this clock"


def clock(at: str) -> str:
    """`2026-11-24 03:00`, in UTC."""
    return at[:16].replace("T", " ")
