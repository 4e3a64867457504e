"""A channel's memory: what it puts is kept in the database, so that all collectors share it."""

from __future__ import annotations

from .. import instants
from ..storage import Storage
from . import clock


class StoredMemory:
    """A `Memory` (see `channel.py`), each call in a transaction of its own.

    Args:
        storage: the database. Its errors come through.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, key: str) -> str | None:
        with self._storage.alert_reader() as store:
            return store.memory.get(key)

    def put(self, key: str, value: str) -> None:
        with self._storage.alerts() as store:
            store.memory.put(key, value, now=instants.to_text(clock.now()))
