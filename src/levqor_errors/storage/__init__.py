"""Storage: where committed events live. Comes after `grouping`, before the dashboard's and the API's queries.

base.py      the protocol and its data
watchers.py  who is woken when there is news
rows.py      what is written of an event, and what a batch adds to counts
read.py      pages, single events, statistics
thinning.py  which events go when there is no room
transfer.py  everything of one database into another
sqlite/      the protocol on an SQLite file
postgres/    the protocol on a PostgreSQL database
"""

from __future__ import annotations

from ..addresses import is_address
from ..errors import StorageUnusableError
from .base import Filters, NewEvent, News, Page, Size, Storage, StoredEvent, Thinned

__all__ = ["Filters", "NewEvent", "News", "Page", "Size", "Storage", "StoredEvent", "Thinned", "open_storage"]


def open_storage(database: str, *, max_bytes: int | None = None, min_free_bytes: int | None = None) -> Storage:
    """Open a database, making or migrating its tables where needed.

    Args:
        database: the path of an SQLite file, or the address of a PostgreSQL database (`postgresql://…`).
        max_bytes: how large it may grow.
        min_free_bytes: how much of its disk is left free; only for SQLite, whose disk is ours.

    Raises:
        StorageUnusableError: when it cannot be used; says why and what to do.
    """
    # Not at the top: the process that writes into SQLite has no use for either, and few have both drivers.
    if is_address(database):
        try:
            from .postgres.storage import PostgresStorage
        except ImportError as error:
            raise StorageUnusableError(
                "PostgreSQL needs its driver; install it with: pip install 'levqor-errors[postgres]'"
            ) from error
        return PostgresStorage(database, max_bytes=max_bytes)
    from .sqlite.storage import SqliteStorage

    return SqliteStorage(database, max_bytes=max_bytes, min_free_bytes=min_free_bytes)
