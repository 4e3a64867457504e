"""Storage: where committed events live. Comes after `grouping`, before the dashboard's and the API's queries.

protocol.py  what the collector asks of a database
base.py      the data that crosses it
watchers.py  who is woken when there is news
facts.py     what a look from outside finds (`inspect`)
rows.py      what is written of an event, and what a batch adds to counts
read.py      pages, single events
stats.py     statistics
counted.py   what hourly counts tell
matches.py   what only the events themselves tell, counted up to a bound
windows.py   where a search looks, piece by piece
bounds.py    between which ids events lie that can match
conditions.py  what filters ask of events and of their counts
overview.py  what the page of errors sums up
owner.py     what the owner does with issues, the same on each database
issues/      pages of issues, and what is done with them
regroup/     rules of grouping, and what is stored following them
source_maps.py  maps of built JavaScript, by release
thinning.py  which events go when there is no room
transfer.py  everything of one database into another
sqlite/      the protocol on an SQLite file
postgres/    the protocol on a PostgreSQL database
"""

from __future__ import annotations

from collections.abc import Callable

from ..addresses import is_address
from ..errors import StorageTransferError, StorageUnusableError
from .base import Filters, NewEvent, News, Overview, Page, Size, StoredEvent, Thinned, Unit
from .facts import PostgresFacts, SqliteFacts
from .issues.model import Action, Do, IssuePage, IssueQuery, Refusal, Sort, Triaged
from .protocol import Storage

__all__ = [
    "Action", "Do", "Filters", "IssuePage", "IssueQuery", "NewEvent", "News", "Overview", "Page", "PostgresFacts",
    "Refusal", "Size", "Sort", "SqliteFacts", "Storage", "StoredEvent", "Thinned", "Triaged", "Unit", "backup",
    "inspect", "open_storage",
]  # fmt: skip

_NEEDS_DRIVER = "PostgreSQL needs its driver; install it with: pip install 'levqor-errors[postgres]'"


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
            raise StorageUnusableError(_NEEDS_DRIVER) from error
        return PostgresStorage(database, max_bytes=max_bytes)
    from .sqlite.storage import SqliteStorage

    return SqliteStorage(database, max_bytes=max_bytes, min_free_bytes=min_free_bytes)


def inspect(database: str) -> SqliteFacts | PostgresFacts:
    """Look at a database without opening it for work: nothing is made, migrated or changed, whatever state it is in.

    Args:
        database: as for `open_storage`.
    """
    if is_address(database):
        try:
            from .postgres import inspect as postgres
        except ImportError:
            return PostgresFacts(trouble=_NEEDS_DRIVER)
        return postgres.inspect(database)
    from .sqlite import inspect as sqlite

    return sqlite.inspect(database)


def backup(database: str, target: str, progress: Callable[[int, int], None]) -> int:
    """Copy an SQLite database into a file, while it is in use; returns how many events are in the copy.

    Args:
        database: the path of an SQLite file.
        target: a file that is not there yet.
        progress: is told how much is copied, and of how much.

    Raises:
        StorageUnusableError: the file is not there, is not ours, or is damaged.
        StorageTransferError: the target cannot be written or is there already; or it is a PostgreSQL database.
    """
    if is_address(database):
        raise StorageTransferError(
            "a PostgreSQL database is copied by its own tools: `pg_dump --format=custom --file=TARGET ADDRESS`"
        )
    from .sqlite import backup as sqlite

    return sqlite.backup(database, target, progress)
