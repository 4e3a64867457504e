"""SQLite storage: what the collector asks of it, and how it is doing.

`open.py` opens the file, `connections.py` keeps the connections, `space.py` says whether there is room; what is done
with them is in `write.py`, `read.py` and `upkeep.py`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlite_utils import Database

from ... import limits
from ...errors import EventUnstorableError, StorageUnavailableError
from .. import read, rows, stats
from ..alerts import AlertDialect
from ..alerts.digest import digest
from ..alerts.store import AlertStore
from ..base import Filters, NewEvent, News, Overview, Page, Size, StoredEvent, Thinned, Unit
from ..issues import listing, one
from ..issues import upkeep as issue_upkeep
from ..issues.model import IssuePage, IssueQuery
from ..overview import overview
from ..owner import OwnersDeeds
from ..regroup.engine import Regrouper
from ..source_maps import SourceMapStore
from ..thinning import Thinner
from ..watchers import Watch, Watchers
from . import news, upkeep
from .connections import Connections, QuotaError
from .dialects import alert_dialect, counting_dialect, dialect, reading_dialect
from .driver import sqlite3
from .search import index_rest, is_behind
from .space import Space, megabytes
from .tallies import fold, has_any

#: How long a write waits for another process's lock before its senders are told to come again.
BUSY_SECONDS: Final = 5.0
_ADD_REFUSALS: Final = """
    INSERT INTO refusals (hour, reason, requests, events) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, events = events + excluded.events
"""


class SqliteStorage(OwnersDeeds):
    """A `Storage` (see `../protocol.py`) in one SQLite file.

    Args:
        path: the file; made, with mode 0600, if it is not there.
        max_bytes: how large the file may grow (one that is larger already does not grow). Its log beside it has room in
            this, but for moments, when it may be a tenth of it and one commit.
        min_free_bytes: with less than this free on the disk no event is taken.
        busy_seconds: how long a write waits for another process's lock.
        read_seconds: how long a read may take.
        wal_warn_bytes: from which size of the log on `health` warns of it.

    Raises:
        StorageUnusableError: when the file cannot be used; says why and what to do.
    """

    #: A file is one collector's; a second one on it has limits of its own.
    exchange: None = None

    def __init__(
        self,
        path: str,
        *,
        max_bytes: int | None = None,
        min_free_bytes: int | None = None,
        busy_seconds: float = BUSY_SECONDS,
        read_seconds: float = limits.READ_SECONDS,
        wal_warn_bytes: int = limits.WAL_WARN_BYTES,
    ) -> None:
        self._path = path
        self._read_seconds = read_seconds
        self._wal_warn_bytes = wal_warn_bytes
        self._thinner = Thinner()
        self._merge = upkeep.IndexMerge()
        self._to_shorten = False
        self._watchers = Watchers()
        self._watching = threading.Lock()
        self._watcher: news.FileWatcher | None = None
        self._connections = Connections(path, max_bytes=max_bytes, busy_seconds=busy_seconds)
        self._space = Space(self._connections, self._facts, max_bytes=max_bytes, min_free_bytes=min_free_bytes)
        self._regrouper = Regrouper(self._regroup_reading, self._regroup_writing)

    async def write(self, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
        await self._space.require()
        written = [rows.to_row(new) for new in batch]
        try:
            results = await self._connections.write(written)
        except QuotaError:
            self._space.was_not_enough_for(batch)
            raise
        self._space.was_enough()
        if self._watcher is not None:
            self._watcher.committed()
        return [
            EventUnstorableError(one) if isinstance(one, str) else StoredEvent(one.id, new.event.event_id, *one[1:])
            for new, one in zip(batch, results, strict=True)
        ]

    def recent(
        self,
        filters: Filters,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
        among: Sequence[int] | None = None,
        whole: bool = False,
        reach: int | None = None,
    ) -> Page:
        with self._filtered(filters) as db:
            try:
                return read.recent(
                    dialect(db),
                    filters,
                    limit=limit,
                    before=before,
                    after=after,
                    among=among,
                    whole=whole,
                    reach=reach,
                )
            except ValueError as error:
                raise sqlite3.DatabaseError("malformed context") from error

    def matching(self, filters: Filters, among: Sequence[int]) -> list[int]:
        with self._filtered(filters) as db:
            return read.matching(dialect(db), filters, among)

    def news(self, after: str | None, *, most: int) -> News:
        with self._reader() as db:
            return news.read(db, after, most)

    def watch(self, wake: Callable[[], None]) -> Watch:
        watch = self._watchers.add(wake)
        with self._watching:
            if self._watcher is None:
                self._watcher = news.FileWatcher(self._path, self._watchers.wake)
        return watch

    def get(self, event_id: int) -> dict[str, Any] | None:
        with self._reader() as db:
            try:
                return read.get(dialect(db), event_id)
            except ValueError as error:
                raise sqlite3.DatabaseError(f"malformed context of event {event_id}") from error

    def stats(self, filters: Filters) -> dict[str, Any]:
        with self._filtered(filters) as db:
            return stats.stats(dialect(db), filters)

    def overview(self, filters: Filters, *, unit: Unit, before: tuple[str, str] | None, named_since: str) -> Overview:
        with self._filtered(filters) as db:
            return overview(dialect(db), filters, unit=unit, before=before, named_since=named_since)

    def refused(self, since: str) -> dict[str, dict[str, int]]:
        with self._facts() as db:
            return stats.refused(dialect(db), since, None)

    def services(self) -> list[str]:
        with self._reader() as db:
            return stats.services(dialect(db))

    def health(self) -> dict[str, Any]:
        unsent = 0
        try:
            with self._facts() as db:
                db.execute("SELECT 1 FROM error_events LIMIT 1").fetchone()
                unsent = AlertStore(alert_dialect(db)).deliveries.unsent()
        except StorageUnavailableError:
            # A damaged database is told below, with all else that can be said.
            if not self._connections.damaged:
                raise
        free = self._connections.free_bytes()
        wal_bytes = self._connections.wal_bytes()
        return {
            "database": f"SQLite {sqlite3.sqlite_version}",
            "wal_fix": has_wal_fix(sqlite3.sqlite_version_info),
            "wal_bytes": wal_bytes,
            "database_bytes": self._connections.disk_bytes(),
            "free_bytes": free,
            "alerts_unsent": unsent,
            "damaged": self._connections.damaged,
            "warnings": self._warnings(free=free, wal_bytes=wal_bytes),
        }

    def _warnings(self, *, free: int, wal_bytes: int) -> list[str]:
        warnings = []
        if self._connections.damaged:
            warnings.append("The database is damaged; restore a backup.")
        if wal_bytes > self._wal_warn_bytes:
            warnings.append(
                f"The database's log has grown to {megabytes(wal_bytes)}: another program has been reading"
                " the database for long."
            )
        warnings += self._space.warnings(free)
        return warnings

    def add_session(self, token_hash: str, *, created_at: str, expires_at: str) -> None:
        with self._transaction() as db:
            db["sessions"].delete_where("expires_at <= ?", [created_at])  # type: ignore[union-attr]
            db["sessions"].insert(  # type: ignore[union-attr]
                {"token_hash": token_hash, "created_at": created_at, "expires_at": expires_at}
            )

    def has_session(self, token_hash: str, *, now: str) -> bool:
        with self._reader() as db:
            found = db.execute(
                "SELECT 1 FROM sessions WHERE token_hash = ? AND expires_at > ?", [token_hash, now]
            ).fetchone()
        return found is not None

    def drop_session(self, token_hash: str) -> None:
        with self._transaction() as db:
            db["sessions"].delete_where("token_hash = ?", [token_hash])  # type: ignore[union-attr]

    def drop_sessions(self) -> None:
        with self._transaction() as db:
            db["sessions"].delete_where()  # type: ignore[union-attr]

    def prune(self, before: str, *, most: int) -> int:
        with self._connections.upkeep() as db:
            deleted = upkeep.prune(db, before, most)
        if deleted:
            self._thinner.forget()
            self._merge.deleted(deleted)
        return deleted

    def thin(self, *, most: int) -> Thinned:
        # Twice: a plan may name what somebody else has deleted meanwhile.
        for _ in range(2):
            if self._thinner.spent:
                with self._plans() as db:
                    self._thinner.count(upkeep.SqliteVictims(db, alert_dialect(db)))
            with self._connections.upkeep() as db:
                thinned = self._thinner.delete(upkeep.SqliteVictims(db, counting_dialect(db)), most)
            if any(thinned):
                break
        self._merge.deleted(thinned.events)
        return thinned

    def give_back(self) -> bool:
        with self._plans() as db:
            due = self._merge.due(db)
            surplus = self._space.surplus_pages(db)
            unsettled = has_any(db.conn) or is_behind(db.conn)
        if unsettled:
            self._settle()
        if due:
            with self._connections.upkeep() as db:
                self._merge.step(db)
            return True
        if surplus > 0:
            with self._connections.upkeep() as db:
                given = upkeep.vacuum(db, surplus)
            if given:
                self._to_shorten = True
                return True
        # The file is cut off, too, only when its log has been copied into it.
        if self._to_shorten or self._connections.wal_bytes() > self._connections.wal_kept:
            self._to_shorten = not self._connections.shorten_wal(0)
        return False

    def _settle(self) -> None:
        """Add up what is counted, and put all events into the full-text index."""
        with self._connections.upkeep() as db:
            fold(db.conn)
            index_rest(db.conn)

    def size(self) -> Size:
        return Size(
            self._connections.disk_bytes(), self._space.live_bytes(), self._connections.free_bytes(), self._space.wanted
        )

    def add_refusals(self, counts: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        with self._connections.upkeep() as db:
            db.conn.executemany(_ADD_REFUSALS, [(hour, reason, *refused) for (hour, reason), refused in counts.items()])

    def digest(self, since: str, until: str, missed: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        with self._plans() as db:
            return digest(dialect(db), since, until, missed)

    def issues(self, query: IssueQuery, *, now: str) -> IssuePage:
        with self._reader() as db:
            return listing.page(dialect(db), query, now)

    def issue(self, issue_id: int, *, now: str, days: bool = False) -> dict[str, Any] | None:
        with self._reader() as db:
            return one.issue(dialect(db), issue_id, now, days=days)

    def regroup(self) -> bool:
        return self._regrouper.step()

    def tidy_issues(self, now: str, *, most: int) -> int:
        with self._connections.upkeep() as db:
            return issue_upkeep.tidy(counting_dialect(db), now, most)

    @contextmanager
    def alerts(self) -> Iterator[AlertStore]:
        with self._transaction() as db:
            yield AlertStore(counting_dialect(db))

    @contextmanager
    def alert_reader(self, *, long: bool = False) -> Iterator[AlertStore]:
        with self._reader() if long else self._facts() as db:
            yield AlertStore(reading_dialect(db))

    @contextmanager
    def source_maps(self, *, adding: bool = False) -> Iterator[SourceMapStore]:
        if adding:
            self._space.look()
        with self._transaction() as db:
            yield SourceMapStore(alert_dialect(db).run)

    @contextmanager
    def source_map_reader(self) -> Iterator[SourceMapStore]:
        with self._reader() as db:
            yield SourceMapStore(alert_dialect(db).run)

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
        self._connections.stop()
        # For whoever looks into the file, or moves it.
        with suppress(StorageUnavailableError):
            self._settle()
        self._connections.close()

    @contextmanager
    def _reader(self) -> Iterator[Database]:
        with self._connections.reading(self._connections.searches, self._read_seconds) as db:
            yield db

    @contextmanager
    def _filtered(self, filters: Filters) -> Iterator[Database]:
        """A reader that finds every event that was committed before."""
        if filters.q is not None:
            with self._facts() as db:
                behind = is_behind(db.conn)
            if behind:
                # Where nothing can be written now, all can be read but for the newest events.
                with suppress(StorageUnavailableError), self._connections.upkeep() as db:
                    index_rest(db.conn)
        with self._reader() as db:
            yield db

    @contextmanager
    def _facts(self) -> Iterator[Database]:
        with self._connections.reading(self._connections.facts, self._read_seconds) as db:
            yield db

    @contextmanager
    def _plans(self) -> Iterator[Database]:
        with self._connections.reading(self._connections.plans, math.inf) as db:
            yield db

    @contextmanager
    def _regroup_reading(self) -> Iterator[AlertDialect]:
        with self._plans() as db:
            yield reading_dialect(db)

    @contextmanager
    def _regroup_writing(self) -> Iterator[AlertDialect]:
        with self._connections.upkeep() as db:
            yield counting_dialect(db)

    @contextmanager
    def _transaction(self) -> Iterator[Database]:
        with self._connections.transaction() as db:
            yield db


def has_wal_fix(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the fix for WAL corruption by two connections (https://sqlite.org/wal.html, 3.51.3)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
