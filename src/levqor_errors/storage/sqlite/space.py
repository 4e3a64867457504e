"""How much space an SQLite database has, and who is refused before anything is begun where there is none for it.

Used by `storage.py`. What keeps the bound in the end is SQLite itself (`max_page_count`, `child.py`); here the next
writes are spared what one has found out, and upkeep is told how much is to go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from sqlite_utils import Database

from ...errors import StorageUnavailableError
from ..base import NewEvent
from .connections import UPKEEP_BUSY_SECONDS, Connections, QuotaError
from .upkeep import weight

#: Free pages that stay in the file for the next events; moving others to give these back costs more than it brings.
_FREE_PAGES: Final = 256
_FREE_PART: Final = 10
#: However much a single write needs, not more than this part of the quota is made free for it.
_WANTED_PART: Final = 0.4
#: Between two looks: each costs as much as the gate does for an event.
_LOOK_SECONDS: Final = 0.05


class Space:
    """The space of one file.

    Args:
        connections: to it.
        reading: where to read, for moments.
        max_bytes: how large it may grow.
        min_free_bytes: with less than this free on the disk nothing is taken.
    """

    def __init__(
        self,
        connections: Connections,
        reading: Callable[[], AbstractContextManager[Database]],
        *,
        max_bytes: int | None,
        min_free_bytes: int | None,
    ) -> None:
        self._connections = connections
        self._reading = reading
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        #: What the batch takes that found too little.
        self._needed = 0
        self._looked_until = 0.0

    @property
    def wanted(self) -> int:
        """How many bytes are to be made free for what was refused."""
        return min(self._needed, int((self._max_bytes or 0) * _WANTED_PART))

    def was_not_enough_for(self, batch: Sequence[NewEvent]) -> None:
        """A batch has met the end of the quota."""
        # Twice as much if that was not enough: now and then the full-text index merges its parts within a write.
        self._needed = max(weight(batch), 2 * self._needed)
        self._looked_until = 0.0

    def was_enough(self) -> None:
        """A batch was written."""
        self._needed = 0

    async def require(self) -> None:
        """Have looked for it a moment ago, without blocking the event loop; raises what `look` does."""
        now = time.monotonic()
        if now >= self._looked_until:
            # It may have to wait for the disk, or for a reader.
            await asyncio.to_thread(self.look)
            self._looked_until = now + _LOOK_SECONDS

    def look(self) -> None:
        """Refuse what is to be written, where its place is not there.

        Raises:
            StorageUnavailableError: there is too little; says why.
        """
        if self._min_free_bytes is not None and self._connections.free_bytes() < self._min_free_bytes:
            raise StorageUnavailableError("the disk has too little free space", retry_after=30)
        if self._max_bytes is None:
            return
        # A write that meets the end of the quota has done its work for nothing; the next ones are spared it. And SQLite
        # lets them fill a file that is larger already: by upkeep, or since before the quota was set.
        if self.live_bytes() + self.wanted > self._max_bytes - self._connections.wal_kept:
            raise QuotaError
        most = max(self._max_bytes // 10, self._connections.wal_kept)
        if self._connections.wal_bytes() > most:
            # Readers of the collector's own are gone in a moment.
            self._connections.shorten_wal(UPKEEP_BUSY_SECONDS)
        if self._connections.wal_bytes() > most:
            raise StorageUnavailableError("the database's log is full; another program reads it", retry_after=10)

    def live_bytes(self) -> int:
        """How much of the file is in use."""
        with self._reading() as db:
            pages, free = _page_counts(db)
        return (pages - free) * self._connections.page_bytes

    def surplus_pages(self, db: Database) -> int:
        """How many free pages should go back to the system."""
        pages, free = _page_counts(db)
        if self._min_free_bytes is not None and self._connections.free_bytes() < 2 * self._min_free_bytes:
            return free
        # Upkeep may have made the file larger than events may make it; they would fill what it leaves.
        over = 0 if self._connections.page_limit is None else pages - self._connections.page_limit
        return max(free - max(_FREE_PAGES, pages // _FREE_PART), min(free, over))

    def warnings(self, free: int) -> list[str]:
        """What the owner should know, with so many bytes free on the disk."""
        told = []
        if self._needed:
            told.append("The database is as large as MAX_DATABASE_BYTES allows; no event is taken until others go.")
        if self._min_free_bytes is not None and free < 2 * self._min_free_bytes:
            least = megabytes(self._min_free_bytes)
            told.append(f"The disk has {megabytes(free)} left; under {least} (MIN_FREE_BYTES) no event is taken.")
        return told


def megabytes(size: int) -> str:
    """So many bytes, for people."""
    return f"{size // 1024**2:,} MB"


def _page_counts(db: Database) -> tuple[int, int]:
    """How many pages the file has, and how many of them are free."""
    return db.execute("PRAGMA page_count").fetchone()[0], db.execute("PRAGMA freelist_count").fetchone()[0]
