"""Whose turn it is to write: the process that writes events, or a thread of the collector's own.

SQLite has a lock of its own for this, but who waits for that one asks again and again, and under load never gets it.
Used by `connections.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class Turns:
    """A turn belongs to one thread, or to one event loop for as many batches as it has under way at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = threading.Lock()
        self._threads_waiting = 0
        # Both belong to the loop whose turn it is.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._batches = 0

    @contextmanager
    def of_thread(self) -> Iterator[None]:
        """Wait for the turn, and hold it."""
        with self._count:
            self._threads_waiting += 1
        try:
            self._lock.acquire()
        finally:
            with self._count:
                self._threads_waiting -= 1
        try:
            yield
        finally:
            self._lock.release()

    @asynccontextmanager
    async def of_batch(self) -> AsyncIterator[None]:
        """Wait for the turn without blocking the event loop, and hold it, together with its other batches."""
        loop = asyncio.get_running_loop()
        # A thread that waits comes next, however many batches come meanwhile.
        if self._loop is loop and not self._threads_waiting:
            self._batches += 1
        else:
            await self._acquire(loop)
            self._loop = loop
            self._batches = 1
        try:
            yield
        finally:
            self._batches -= 1
            if not self._batches:
                self._loop = None
                self._lock.release()

    async def _acquire(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._lock.acquire(blocking=False):
            return
        waiting = loop.run_in_executor(None, self._lock.acquire)
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            waiting.add_done_callback(lambda _: self._lock.release())
            raise
