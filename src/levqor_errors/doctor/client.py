"""The client on this machine: where its journal lies, and what waits there. Only looks: no lock is taken."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..client.journal import SET_ASIDE, SPOOL_BYTES, Journal, directory_of
from ..client.losses import Losses
from . import words
from .finding import Finding, bad, doubtful, good
from .rights import may_write
from .settings import Usable

#: What waits longer than this is not on its way: a collector that is there takes it within seconds.
_LONG_SECONDS: Final = 600.0
#: From here on events may soon be given up.
_FULL_PART: Final = 0.8
#: What the client calls its directories (`directory_of`); others are somebody else's.
_NAME: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_TOPIC: Final = "client"


def look(settings: Usable) -> Iterator[Finding]:
    """What there is to say of it."""
    yield from _journal(settings.client.spool_dir, settings.client.url)
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


def _journal(spool: Path, url: str) -> Iterator[Finding]:
    there = next(path for path in (spool.absolute(), *spool.absolute().parents) if path.exists())
    if not may_write(there):
        yield bad(
            _TOPIC, "journal", f"{spool} cannot be written by this user: events wait in memory only",
            f"set LEVQOR_ERRORS_SPOOL_DIR to a directory of its own, or give this user the right to write in {there}",
        )  # fmt: skip
        return
    directory = directory_of(spool, url)
    journal = Journal(directory, {}, Losses())
    waiting, age = journal.size(), _age([journal])
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
    yield from _for_others(spool, directory)
    aside = directory / SET_ASIDE
    with suppress(OSError):
        yield doubtful(
            _TOPIC, "set aside", f"the collector did not take some events: {aside}, {words.size(aside.stat().st_size)}",
            "look at them, and remove the file",
        )  # fmt: skip


def _for_others(spool: Path, own: Path) -> Iterator[Finding]:
    """What waits for collectors at other addresses: a service that was given a new one leaves events behind."""
    with suppress(OSError):
        found = [path for path in sorted(spool.iterdir()) if _NAME.fullmatch(path.name) and path != own]
        waiting = [journal for path in found if (journal := Journal(path, {}, Losses())).size()]
        age = _age(waiting)
        if age > _LONG_SECONDS:
            names = words.listed([journal.directory.name for journal in waiting])
            size = words.size(sum(journal.size() for journal in waiting))
            yield doubtful(
                _TOPIC, "journal",
                f"{size} for collectors at other addresses wait in {names} of {spool}, some for {words.span(age)}",
                "`levqor-errors log --url` with its address sends what waits for one; delete what is for none any more",
            )  # fmt: skip


def _age(journals: Iterable[Journal]) -> float:
    """For how many seconds the oldest of what waits has not been written; 0 if nothing waits."""
    now = time.time()
    times = [now]
    for path in (path for journal in journals for path in journal.closed()):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return now - min(times)
