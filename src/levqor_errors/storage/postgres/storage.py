"""PostgreSQL storage: what the collector asks of it, and how it is doing. Several collectors may share one database.

`open.py` opens the database, `connections.py` keeps the connections; what is done with them is in `write.py`, `..read`,
`upkeep.py`, `news.py` and `exchange.py`. `listen.py` tells when there is news.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from ... import limits
from ...errors import EventUnstorableError, StorageUnavailableError
from .. import read, stats
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
from ..rows import CountedNames, Row, Written, to_row
from ..source_maps import SourceMapStore
from ..thinning import Thinner
from ..watchers import Watch, Watchers
from . import connections, locks, news, upkeep, write
from .connections import LoopConnections, Pool
from .exchange import Exchange
from .listen import Listener, Notifier
from .open import open_database, version
from .search import dialect

#: How often a write is tried again at once when another collector's was in its way.
_TRIES: Final = 4

_ADD_REFUSALS: Final = """
    INSERT INTO refusals (hour, reason, requests, events) VALUES (%s, %s, %s, %s)
    ON CONFLICT (hour, reason) DO UPDATE SET
        requests = refusals.requests + excluded.requests, events = refusals.events + excluded.events
"""


class PostgresStorage(OwnersDeeds):
    """A `Storage` (see `../protocol.py`) in a PostgreSQL database.

    Args:
        address: `postgresql://user:password@host/name`.
        max_bytes: how much the events may fill, about; `None`: as much as there is.
        read_seconds: how long a read may take.

    Raises:
        StorageUnusableError: when the database cannot be used; says why and what to do, and never the address.
    """

    def __init__(
        self, address: str, *, max_bytes: int | None = None, read_seconds: float = limits.READ_SECONDS
    ) -> None:
        self._address = address
        self._max_bytes = max_bytes
        with open_database(address) as connection:
            self._version = version(connection)
        self._thinner = Thinner()
        self._known_days: set[str] = set()
        self._names = CountedNames()
        self._full = False
        self._loops = LoopConnections(address)
        self._notifier = Notifier(self._loops)
        self._watchers = Watchers()
        self._watching = threading.Lock()
        self._listener: Listener | None = None
        #: For whatever may take long.
        self._searches = Pool(
            address, connections.READERS, statement_seconds=read_seconds, lock_seconds=connections.LOCK_SECONDS
        )
        #: For moments only, so that nobody who asks how the database is has to wait for a search.
        self._facts = Pool(address, 1, statement_seconds=read_seconds, lock_seconds=connections.LOCK_SECONDS)
        #: For the janitor, who may count all events, and who gives way to everybody.
        self._upkeep = Pool(address, 1, statement_seconds=None, lock_seconds=connections.UPKEEP_LOCK_SECONDS)
        self.exchange = Exchange(self._facts)
        self._regroups_by: psycopg.Connection[Any] | None = None
        self._regrouper = Regrouper(self._regroup_reading, self._regroup_writing)

        #: For those who tell people: a thread a channel, and one that decides.
        self._alerts = Pool(
            address, connections.ALERTS, statement_seconds=read_seconds, lock_seconds=connections.LOCK_SECONDS
        )

    async def write(self, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
        self._require_space()
        rows = [Row._make(to_row(new)) for new in batch]
        results = await self._write(rows)
        if any(isinstance(one, Written) and not one.duplicate for one in results):
            self._notifier.committed()
        return [
            EventUnstorableError(one) if isinstance(one, str) else StoredEvent(one.id, new.event.event_id, *one[1:])
            for new, one in zip(batch, results, strict=True)
        ]

    async def _write(self, rows: Sequence[Row]) -> list[Written | str]:
        for _ in range(_TRIES - 1):
            try:
                return await self._try_to_write(rows)
            except StorageUnavailableError as error:
                if not isinstance(error.__cause__, write.RETRYABLE):
                    raise
        return await self._try_to_write(rows)

    async def _try_to_write(self, rows: Sequence[Row]) -> list[Written | str]:
        async with self._loops.lent() as connection:
            return await asyncio.wait_for(
                write.write_batch(connection, rows, self._known_days, self._names), connections.WRITE_SECONDS
            )

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
        with self._searches.lent() as connection:
            return read.recent(
                dialect(connection),
                filters,
                limit=limit,
                before=before,
                after=after,
                among=among,
                whole=whole,
                reach=reach,
            )

    def matching(self, filters: Filters, among: Sequence[int]) -> list[int]:
        with self._searches.lent() as connection:
            return read.matching(dialect(connection), filters, among)

    def news(self, after: str | None, *, most: int) -> News:
        with self._facts.lent() as connection:
            return news.read(connection, after, most)

    def watch(self, wake: Callable[[], None]) -> Watch:
        watch = self._watchers.add(wake)
        with self._watching:
            if self._listener is None:
                self._listener = Listener(self._address, self._watchers.wake)
        return watch

    def get(self, event_id: int) -> dict[str, Any] | None:
        with self._searches.lent() as connection:
            return read.get(dialect(connection), event_id)

    def stats(self, filters: Filters) -> dict[str, Any]:
        with self._searches.lent() as connection:
            return stats.stats(dialect(connection), filters)

    def overview(self, filters: Filters, *, unit: Unit, before: tuple[str, str] | None, named_since: str) -> Overview:
        with self._searches.lent() as connection:
            return overview(dialect(connection), filters, unit=unit, before=before, named_since=named_since)

    def refused(self, since: str) -> dict[str, dict[str, int]]:
        with self._facts.lent() as connection:
            return stats.refused(dialect(connection), since, None)

    def services(self) -> list[str]:
        with self._searches.lent() as connection:
            return stats.services(dialect(connection))

    def health(self) -> dict[str, Any]:
        with self._facts.lent() as connection:
            connection.execute("SELECT 1 FROM error_events LIMIT 1").fetchone()
            size = upkeep.sizes(connection)
            unsent = AlertStore(alert_dialect(connection)).deliveries.unsent()
        return {
            "database": self._version,
            "wal_fix": True,
            "wal_bytes": None,
            "database_bytes": size,
            "free_bytes": None,
            "alerts_unsent": unsent,
            "damaged": False,
            "warnings": self._warnings(),
        }

    def _warnings(self) -> list[str]:
        if self._full:
            return ["The database is as large as MAX_DATABASE_BYTES allows; no event is taken until others go."]
        return []

    def prune(self, before: str, *, most: int) -> int:
        with self._upkeep.lent() as connection:
            deleted = upkeep.prune(connection, before, most)
        if deleted:
            self._thinner.forget()
        return deleted

    def thin(self, *, most: int) -> Thinned:
        # Twice: a plan may name what somebody else has deleted meanwhile.
        for _ in range(2):
            with self._upkeep.lent() as connection, connection.transaction():
                victims = upkeep.PostgresVictims(connection, alert_dialect(connection))
                if self._thinner.spent:
                    self._thinner.count(victims)
                thinned = self._thinner.delete(victims, most)
            if any(thinned):
                break
        return thinned

    def give_back(self) -> bool:
        with self._upkeep.lent() as connection:
            upkeep.fold_counts(connection)
            upkeep.prepare_days(connection)
        return False

    def size(self) -> Size:
        with self._facts.lent() as connection:
            live = upkeep.live_bytes(connection)
            disk = upkeep.sizes(connection)
        self._full = self._max_bytes is not None and live > self._max_bytes
        return Size(disk, live, None, 0)

    def add_refusals(self, counts: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        # In one order, for other collectors add to the same rows.
        rows = [(hour, reason, *refused) for (hour, reason), refused in sorted(counts.items())]
        with self._upkeep.lent() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(_ADD_REFUSALS, rows)

    def digest(self, since: str, until: str, missed: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        with self._upkeep.lent() as connection:
            return digest(dialect(connection), since, until, missed)

    def issues(self, query: IssueQuery, *, now: str) -> IssuePage:
        with self._searches.lent() as connection:
            return listing.page(dialect(connection), query, now)

    def issue(self, issue_id: int, *, now: str, days: bool = False) -> dict[str, Any] | None:
        with self._searches.lent() as connection:
            return one.issue(dialect(connection), issue_id, now, days=days)

    def regroup(self) -> bool:
        with self._upkeep.lent() as connection:
            # For as long as there is this connection. A collector that has it once does it from then on.
            if self._regroups_by is not connection:
                if not upkeep.try_to_regroup(connection):
                    return False
                self._regroups_by = connection
        return self._regrouper.step()

    def tidy_issues(self, now: str, *, most: int) -> int:
        with self._upkeep.lent() as connection, connection.transaction():
            if not upkeep.try_alone(connection):
                return 0
            return issue_upkeep.tidy(alert_dialect(connection), now, most)

    @contextmanager
    def alerts(self) -> Iterator[AlertStore]:
        with self._alerts.lent() as connection, connection.transaction():
            yield AlertStore(alert_dialect(connection))

    @contextmanager
    def alert_reader(self, *, long: bool = False) -> Iterator[AlertStore]:
        pool = self._searches if long else self._facts
        with pool.lent() as connection, connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            yield AlertStore(alert_dialect(connection))

    @contextmanager
    def source_maps(self, *, adding: bool = False) -> Iterator[SourceMapStore]:
        if adding:
            self._require_space()
        # Not on the connection of those who ask how the database is: a map may take a moment.
        with self._searches.lent() as connection, connection.transaction():
            yield SourceMapStore(alert_dialect(connection).run)

    @contextmanager
    def source_map_reader(self) -> Iterator[SourceMapStore]:
        with self._searches.lent() as connection, connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            yield SourceMapStore(alert_dialect(connection).run)

    def add_session(self, token_hash: str, *, created_at: str, expires_at: str) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE expires_at <= %s", [created_at])
            connection.execute("INSERT INTO sessions VALUES (%s, %s, %s)", [token_hash, created_at, expires_at])

    def has_session(self, token_hash: str, *, now: str) -> bool:
        with self._facts.lent() as connection:
            found = connection.execute(
                "SELECT 1 FROM sessions WHERE token_hash = %s AND expires_at > %s", [token_hash, now]
            ).fetchone()
        return found is not None

    def drop_session(self, token_hash: str) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE token_hash = %s", [token_hash])

    def drop_sessions(self) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM sessions")

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for pool in (self._searches, self._facts, self._upkeep, self._alerts):
            pool.close()
        self._loops.close()

    def _require_space(self) -> None:
        if self._full:
            raise StorageUnavailableError("the database is full; its oldest events are being deleted", retry_after=10)

    @contextmanager
    def _regroup_reading(self) -> Iterator[AlertDialect]:
        with self._searches.lent() as connection:
            yield alert_dialect(connection)

    @contextmanager
    def _regroup_writing(self) -> Iterator[AlertDialect]:
        with self._upkeep.lent() as connection, connection.transaction():
            yield alert_dialect(connection)

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        with self._facts.lent() as connection, connection.transaction():
            yield connection


def alert_dialect(connection: psycopg.Connection[Any]) -> AlertDialect:
    """For what the alerts keep, on this connection."""

    def run(query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        found = connection.execute(query.replace("?", "%s"), values)
        return found.fetchall() if found.description else []

    return AlertDialect(
        run,
        counts="event_counts_now",
        keys="event_keys",
        alone=f"SELECT pg_advisory_xact_lock({locks.ALERTS})",
        issues="issues_now",
        counting=f"SELECT pg_advisory_xact_lock({locks.UPKEEP})",
        writing=f"SELECT pg_advisory_xact_lock({locks.ISSUES})",
        waiting_counts="tallies",
        add_up=upkeep.FOLD,
        issue_counts="issue_counts_now",
        hours="event_hours_now",
    )
