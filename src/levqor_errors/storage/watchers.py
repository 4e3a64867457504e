"""Who is to be woken when there is news: the part of `Storage.watch` that is the same for each database.

A database's own part finds out (`sqlite/news.py`, `postgres/news.py`) and calls `wake`, on a thread of its own: whoever
commits events never waits for those who watch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger("levqor_errors.storage")


class Watch:
    """One who watches, until he closes it.

    Args:
        wake: called when there may be news; see `Storage.watch`.
        end: takes it off the list.
    """

    def __init__(self, wake: Callable[[], None], end: Callable[[Watch], None]) -> None:
        self.wake = wake
        self._end = end

    def close(self) -> None:
        """Be woken no more. A call that is under way on another thread may still end after this."""
        self._end(self)


class Watchers:
    """All who watch one database from this process. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: list[Watch] = []

    def add(self, wake: Callable[[], None]) -> Watch:
        """One more."""
        watch = Watch(wake, self._remove)
        with self._lock:
            self._watches.append(watch)
        return watch

    def wake(self) -> None:
        """Wake all of them, whatever one of them does."""
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            try:
                watch.wake()
            except Exception:
                logger.exception("somebody who is told of news failed")

    def _remove(self, watch: Watch) -> None:
        with self._lock:
            if watch in self._watches:
                self._watches.remove(watch)
