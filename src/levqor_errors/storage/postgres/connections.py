"""PostgreSQL storage: its connections, and what its errors mean. Used by `storage.py` alone.

Events are written on connections of the event loop's, so that no thread waits for Python's lock between two statements;
all else on a pool for threads. Every wait has an end: for a connection, for a lock, for an answer. All errors of the
driver become ours here; nothing above sees them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from ...errors import StorageUnavailableError

logger = logging.getLogger("levqor_errors.storage")

#: How long a write waits for a lock of somebody else's, and for its answer in all.
LOCK_SECONDS: Final = 5.0
WRITE_SECONDS: Final = 20.0
#: Upkeep can wait for its next turn; whoever waits for its lock on a table stops all who come after.
UPKEEP_LOCK_SECONDS: Final = 0.2
#: For a connection to be made, or to come back to the pool.
CONNECT_SECONDS: Final = 5
#: What connections of collectors are called in pg_stat_activity.
APPLICATION: Final = "levqor-errors"
READERS: Final = 4
ALERTS: Final = 2
#: Of one collector at most: those, two commits under way, one for facts and one for upkeep.
COLLECTOR: Final = READERS + ALERTS + 4
#: Which days and which words are asked for makes the plan of a read, so each is planned for its own; and it takes
#: milliseconds, which the start of other processes or a compiler would double.
_READS: Final = MappingProxyType(
    {"plan_cache_mode": "force_custom_plan", "max_parallel_workers_per_gather": "0", "jit": "off"}
)
#: A server that has vanished without a word is given up after this.
_LOST_MILLISECONDS: Final = 10_000


class Pool:
    """A few connections for threads.

    Args:
        address: the database's.
        most: how many.
        statement_seconds: how long a statement may take; `None`: as long as it does.
        lock_seconds: how long it may wait for a lock.
    """

    def __init__(self, address: str, most: int, *, statement_seconds: float | None, lock_seconds: float) -> None:
        self._pool = ConnectionPool(
            make_conninfo(address, **options(statement_seconds, lock_seconds, _READS)),
            kwargs={"autocommit": True},
            min_size=0,
            max_size=most,
            timeout=CONNECT_SECONDS,
            # A connection that was cut while nobody used it is replaced before somebody gets it.
            check=ConnectionPool.check_connection,
            reconnect_timeout=CONNECT_SECONDS,
            open=True,
            name="levqor-errors",
        )

    @contextmanager
    def lent(self) -> Iterator[Connection[Any]]:
        """One of them.

        Raises:
            StorageUnavailableError: for whatever goes wrong inside, or there is none.
        """
        with translated(), self._pool.connection() as connection:
            yield connection

    def close(self) -> None:
        """Close them; those that are lent when they come back."""
        self._pool.close(timeout=CONNECT_SECONDS)


class LoopConnections:
    """The connections on which events are written: some for each event loop.

    Args:
        address: the database's.
    """

    def __init__(self, address: str) -> None:
        self._address = make_conninfo(address, **options(WRITE_SECONDS, LOCK_SECONDS))
        self._idle: dict[asyncio.AbstractEventLoop, list[AsyncConnection[Any]]] = {}
        self._closed = False

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[AsyncConnection[Any]]:
        """One of them; as many as are lent at once there will be.

        Raises:
            StorageUnavailableError: for whatever goes wrong inside, or the server does not answer.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._idle:
            self._forget_ended_loops()
        idle = self._idle.setdefault(loop, [])
        with translated():
            connection = idle.pop() if idle else await AsyncConnection.connect(self._address, autocommit=True)
            try:
                yield connection
            except BaseException:
                # In which state it is nobody knows; a new one costs milliseconds.
                with suppress(psycopg.Error):
                    await connection.close()
                raise
            if not connection.closed:
                idle.append(connection)
            # Collectors tell each other of a commit when nobody waits for it any more, and so perhaps after the end.
            if self._closed:
                _close(idle)

    def close(self) -> None:
        """Close all that are idle, from whatever thread; those that are lent when they come back."""
        self._closed = True
        for idle in self._idle.values():
            _close(idle)

    def _forget_ended_loops(self) -> None:
        for loop in [loop for loop in self._idle if loop.is_closed()]:
            _close(self._idle.pop(loop))


def _close(idle: list[AsyncConnection[Any]]) -> None:
    while idle:
        # It waits for nothing, and so it needs no event loop; theirs may be over. Two threads may be at this at once.
        with suppress(StopIteration, IndexError):
            idle.pop().close().send(None)


def options(
    statement_seconds: float | None, lock_seconds: float, more: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Connection parameters (https://www.postgresql.org/docs/current/libpq-connect.html), with more settings."""
    settings = {
        "statement_timeout": int((statement_seconds or 0) * 1000),
        "lock_timeout": int(lock_seconds * 1000),
        # A transaction that its collector forgets would keep its locks.
        "idle_in_transaction_session_timeout": 60_000,
        # Said for us alone: an administrator may have set another default for the database.
        "synchronous_commit": "on",
        "timezone": "UTC",
        **more,
    }
    return {
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "application_name": APPLICATION,
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": _LOST_MILLISECONDS,
        "client_encoding": "UTF8",
    }


@contextmanager
def translated() -> Iterator[None]:
    """Make ours of the driver's errors."""
    try:
        yield
    except (psycopg.Error, TimeoutError) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> StorageUnavailableError:
    if isinstance(error, PoolTimeout):
        return StorageUnavailableError("the database does not answer, or is busy with other reads", retry_after=5)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return StorageUnavailableError("the search took too long; narrow it", retry_after=30)
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return StorageUnavailableError("the database is locked by another program", retry_after=5)
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageUnavailableError("the database's disk is full", retry_after=30)
    if isinstance(error, (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted)):
        return StorageUnavailableError("the database is damaged; restore a backup", retry_after=60)
    # A restart takes seconds.
    return StorageUnavailableError("the database does not answer", retry_after=2)
