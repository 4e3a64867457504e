"""When to look for news in a PostgreSQL database: each collector says that it has committed, and whoever watches hears
it (LISTEN and NOTIFY). Used by `storage.py`.

Nothing depends on it but how soon: who watches looks every few seconds anyway, and after each loss of the connection.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from ...errors import StorageUnavailableError
from .connections import CONNECT_SECONDS, WRITE_SECONDS, LoopConnections, options

#: A collector says it at most so often. To say it takes a lock that all of the server's databases share until the
#: commit, so it is no part of a commit of events: with it in each, commits were half as many.
NOTIFY_SECONDS: Final = 0.05
#: How often who watches is woken without having heard anything: a collector may be killed before it says that it has
#: committed.
POLL_SECONDS: Final = 5.0
_RECONNECT_SECONDS: Final = 0.5
_CHANNEL: Final = "levqor_errors_news"
#: In seconds: a server that has vanished without a word is found out by this, since nothing is sent to it.
_KEEPALIVES: Final[dict[str, Any]] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


class Notifier:
    """Tells that events were committed, soon after it.

    Args:
        connections: where to tell it.
    """

    def __init__(self, connections: LoopConnections) -> None:
        self._connections = connections
        self._task: asyncio.Task[None] | None = None
        self._next = 0.0

    def committed(self) -> None:
        """Call it after a commit, on the event loop; nobody waits for it."""
        # A task of a loop that has ended is done. With several loops one of them may miss a turn of another's, and then
        # it is heard later.
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + NOTIFY_SECONDS
        # What is committed from now on needs another.
        self._task = None
        with suppress(StorageUnavailableError):
            async with self._connections.lent() as connection:
                await asyncio.wait_for(connection.execute("SELECT pg_notify(%s, '')", [_CHANNEL]), WRITE_SECONDS)


class Listener:
    """A thread with a connection of its own, on which it hears of commits.

    Args:
        address: the database's.
        wake: called when there may be news.
    """

    def __init__(self, address: str, wake: Callable[[], None]) -> None:
        self._address = make_conninfo(address, **options(WRITE_SECONDS, WRITE_SECONDS), **_KEEPALIVES)
        self._wake = wake
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._run())
        self._thread = threading.Thread(target=self._run_loop, name="levqor-errors-news", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; waits a while for a call of `wake` that is under way."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(CONNECT_SECONDS)

    def _run_loop(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _run(self) -> None:
        while True:
            with suppress(psycopg.Error, OSError):
                await self._listen()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async with await AsyncConnection.connect(self._address, autocommit=True) as connection:
            await connection.execute(f"LISTEN {_CHANNEL}")
            while True:
                # At first, too: something may have been said while nobody listened here.
                self._wake()
                async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
