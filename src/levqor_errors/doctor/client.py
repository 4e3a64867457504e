"""The client on this machine: where its journal lies, and what waits there. Only looks: no lock is taken."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..client.journal import SET_ASIDE, SPOOL_BYTES, Journal
from ..client.losses import Losses
from . import words
from .finding import Finding, bad, doubtful, good
from .settings import Usable

#: What waits longer than this is not on its way: a collector that is there takes it within seconds.
_LONG_SECONDS: Final = 600.0
#: From here on events may soon be given up.
_FULL_PART: Final = 0.8
_TOPIC: Final = "client"


def look(settings: Usable) -> Iterator[Finding]:
    """What there is to say of it."""
    yield from _journal(settings.client.spool_dir)
    key, keys = settings.client.key, settings.collector.ingest_keys
    if key is not None and keys:
        service = keys.get(key)
        if service is None:
            yield bad(
                _TOPIC, "key", "LEVQOR_ERRORS_KEY is none of INGEST_KEYS: a collector with these takes nothing of it",
                "set LEVQOR_ERRORS_KEY to the service's own key of INGEST_KEYS",
            )  # fmt: skip
        else:
            whose = "any service" if service == "*" else f"the service {service}"
            yield good(_TOPIC, "key", f"LEVQOR_ERRORS_KEY is for {whose}")


def _journal(directory: Path) -> Iterator[Finding]:
    there = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield bad(
            _TOPIC, "journal", f"{directory} cannot be written by this user: events wait in memory only",
            f"give this user the right to write in {there}, or set LEVQOR_ERRORS_SPOOL_DIR",
        )  # fmt: skip
        return
    journal = Journal(directory, {}, Losses())
    waiting, oldest = journal.size(), _oldest(journal)
    age = time.time() - oldest if oldest is not None else 0.0
    room = f"{words.size(waiting)} of {words.size(SPOOL_BYTES)}"
    if waiting > _FULL_PART * SPOOL_BYTES:
        yield bad(
            _TOPIC, "journal", f"{directory} is nearly full ({room}): the least severe events will be given up",
            "see that the collector is reached; `levqor-errors log` then sends what waits",
        )  # fmt: skip
    elif age > _LONG_SECONDS:
        yield doubtful(
            _TOPIC, "journal", f"{room} wait in {directory}, some for {words.span(age)}",
            "see that the collector is reached; `levqor-errors log` then sends what waits",
        )  # fmt: skip
    else:
        yield good(_TOPIC, "journal", f"{directory}, {f'{room} on their way' if waiting else 'nothing waits'}")
    aside = directory / SET_ASIDE
    with suppress(OSError):
        yield doubtful(
            _TOPIC, "set aside", f"the collector did not take some events: {aside}, {words.size(aside.stat().st_size)}",
            "look at them, and remove the file",
        )  # fmt: skip


def _oldest(journal: Journal) -> float | None:
    """When the oldest of what waits was written last."""
    times: list[float] = []
    for path in journal.closed():
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return min(times, default=None)
