"""Storage: where committed events live. Comes after `grouping`, before the dashboard's and the API's queries.

base.py              the protocol and its data
sqlite.py            SQLite: opening, connections, errors
sqlite_schema.py     SQLite: the tables, as migrations
sqlite_write.py      SQLite: a batch of events in one transaction
overflow.py          the issue of a service for what may open none of its own
sqlite_read.py       SQLite: pages, single events, statistics
sqlite_services.py   SQLite: the names of services
"""

from __future__ import annotations

from .base import Filters, NewEvent, Page, Storage, StoredEvent
from .sqlite import SqliteStorage

__all__ = ["Filters", "NewEvent", "Page", "Storage", "StoredEvent", "open_storage"]


def open_storage(path: str) -> Storage:
    """Open the SQLite database at a path, making or migrating it where needed.

    Raises:
        StorageUnusableError: when it cannot be used; says why and what to do.
    """
    return SqliteStorage(path)
