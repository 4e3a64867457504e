"""Storage: where committed events live. Comes after `grouping`, before the dashboard's and the API's queries.

base.py  the protocol and its data
sqlite/  the protocol on an SQLite file
"""

from __future__ import annotations

from .base import Filters, NewEvent, Page, Size, Storage, StoredEvent, Thinned

__all__ = ["Filters", "NewEvent", "Page", "Size", "Storage", "StoredEvent", "Thinned", "open_storage"]


def open_storage(path: str, *, max_bytes: int | None = None, min_free_bytes: int | None = None) -> Storage:
    """Open the SQLite database at a path, making or migrating it where needed.

    Args:
        path: the file.
        max_bytes: how large it may grow.
        min_free_bytes: how much of its disk is left free.

    Raises:
        StorageUnusableError: when it cannot be used; says why and what to do.
    """
    # Not at the top: the process that writes has no use for it.
    from .sqlite.storage import SqliteStorage

    return SqliteStorage(path, max_bytes=max_bytes, min_free_bytes=min_free_bytes)
