"""PostgreSQL storage: what the collector asks of it, and how it is doing. Several collectors may share one database.

`connections.py` keeps the connections; what is done with them is in `write.py`, `..read`, `upkeep.py`, `news.py` and
`exchange.py`. `listen.py` tells when there is news.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from ... import limits
from ...errors import EventUnstorableError, StorageUnavailableError, StorageUnusableError
from .. import read
from ..base import Filters, NewEvent, News, Page, Size, StoredEvent, Thinned
from ..rows import Row, Written, to_row
from ..thinning import Thinner
from ..watchers import Watch, Watchers
from . import connections, news, schema, upkeep, write
from .connections import LoopConnections, Pool
from .exchange import Exchange
from .listen import Listener, Notifier
from .search import dialect

#: Partitioned tables with our kind of indexes, and RETURN in SQL functions (14).
_OLDEST: Final = 140_000
#: How often a write is tried again at once when another collector's was in its way.
_TRIES: Final = 4
#: Starting up waits longer than a write does: another collector may be migrating this database.
_START_LOCK_SECONDS: Final = 60.0

_ADD_REFUSALS: Final = """
    INSERT INTO refusals (hour, reason, requests, events) VALUES (%s, %s, %s, %s)
    ON CONFLICT (hour, reason) DO UPDATE SET
        requests = refusals.requests + excluded.requests, events = refusals.events + excluded.events
"""


class PostgresStorage:
    """A `Storage` (see `../base.py`) in a PostgreSQL database.

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
        self._version = _set_up(address)
        self._thinner = Thinner()
        self._known_days: set[str] = set()
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

    async def write(self, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
        if self._full:
            raise StorageUnavailableError("the database is full; its oldest events are being deleted", retry_after=10)
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
                write.write_batch(connection, rows, self._known_days), connections.WRITE_SECONDS
            )

    def recent(
        self, filters: Filters, *, limit: int, before: int | None = None, among: Sequence[int] | None = None
    ) -> Page:
        with self._searches.lent() as connection:
            return read.recent(dialect(connection), filters, limit=limit, before=before, among=among)

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
            return read.stats(dialect(connection), filters)

    def services(self) -> list[str]:
        with self._searches.lent() as connection:
            return read.services(dialect(connection))

    def health(self) -> dict[str, Any]:
        with self._facts.lent() as connection:
            connection.execute("SELECT 1 FROM error_events LIMIT 1").fetchone()
            size = upkeep.sizes(connection)
        return {
            "database": self._version,
            "wal_fix": True,
            "wal_bytes": None,
            "database_bytes": size,
            "free_bytes": None,
            "alerts_unsent": self.undelivered(),
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
                victims = upkeep.PostgresVictims(connection)
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

    def undelivered(self) -> int:
        with self._facts.lent() as connection:
            row = connection.execute("SELECT count(*) FROM alert_outbox WHERE sent_at IS NULL").fetchone()
        return int(row[0]) if row else 0

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

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for pool in (self._searches, self._facts, self._upkeep):
            pool.close()
        self._loops.close()

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        with self._facts.lent() as connection, connection.transaction():
            yield connection


def _set_up(address: str) -> str:
    """Look at the server, and bring the database up to date; returns its name and version."""
    try:
        connection = psycopg.connect(
            psycopg.conninfo.make_conninfo(address, **connections.options(None, _START_LOCK_SECONDS)), autocommit=True
        )
    except psycopg.ProgrammingError as error:
        # Without its text, which quotes the address.
        raise StorageUnusableError(
            "DATABASE_URL is no address of a PostgreSQL database such as postgresql://user@host/name"
        ) from error
    except psycopg.OperationalError as error:
        raise StorageUnusableError(f"DATABASE_URL: no connection to PostgreSQL: {_why(error)}") from None
    with connection:
        info = connection.info
        if info.server_version < _OLDEST:
            raise StorageUnusableError(f"PostgreSQL {info.server_version // 10_000} is too old; 14 or newer is needed")
        if info.parameter_status("server_encoding") != "UTF8":
            raise StorageUnusableError("the database's encoding is not UTF8; make one with ENCODING 'UTF8'")
        try:
            schema.migrate(connection)
            news.prepare(connection)
        except psycopg.Error as error:
            raise StorageUnusableError(f"the database cannot be set up: {str(error).splitlines()[0]}") from error
        return f"PostgreSQL {info.parameter_status('server_version')}".partition(" (")[0]


def _why(error: psycopg.OperationalError) -> str:
    """What the server or the system said. libpq names host, port and user in it, but no password."""
    return " ".join(str(error).split())
