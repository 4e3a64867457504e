"""Followers of news, in the way that `Storage.news` describes, for tests on each kind of database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from levqor_errors.errors import StorageUnavailableError
from levqor_errors.storage import Storage
from support import Database, rows


class Follower:
    """Whoever follows the news of a database, in the way that `Storage.news` describes."""

    def __init__(self, storage: Storage, *, most: int = 100) -> None:
        self._storage = storage
        self._most = most
        self.ids: list[int] = []
        self.missed = 0
        self.cursor = storage.news(None, most=1).cursor

    def read_once(self) -> bool:
        """Read on; returns whether there is more."""
        news = self._storage.news(self.cursor, most=self._most)
        assert len(news.ids) <= self._most
        self.ids += news.ids
        self.missed += news.missed
        self.cursor = news.cursor
        return news.more

    def read(self) -> list[int]:
        """Read on to the end; returns what is new."""
        before = len(self.ids)
        while self.read_once():
            pass
        return self.ids[before:]


@contextmanager
def followed(storage: Storage) -> Iterator[Follower]:
    """Follow the news on a thread, whenever woken."""
    follower = Follower(storage)
    woken = threading.Event()
    over = threading.Event()

    def follow() -> None:
        while not over.is_set():
            woken.wait()
            woken.clear()
            try:
                follower.read()
            except StorageUnavailableError:
                # It wakes us when it is there again.
                continue

    thread = threading.Thread(target=follow)
    with closing(storage.watch(woken.set)):
        thread.start()
        try:
            yield follower
        finally:
            over.set()
            woken.set()
            thread.join(30)


def stored_ids(database: Database) -> list[int]:
    """Of all events that are there."""
    return [row[0] for row in rows(database, "SELECT id FROM error_events ORDER BY id")]
