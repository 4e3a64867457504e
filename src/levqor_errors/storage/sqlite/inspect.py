"""A look at an SQLite file that leaves it as it is, to the byte, with its directory. Called by `storage.inspect`.

SQLite itself makes two files beside a WAL database for whoever only reads, and leaves them there. So the look goes by
what lies there: while somebody has the database open, or was killed over it, log and index are there and are only read;
else nobody can be writing, and the file is read as one that does not change.
"""

from __future__ import annotations

import shutil
import stat
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from ...errors import StorageUnusableError
from ..alerts.store import AlertStore
from ..facts import AlertFacts, SqliteFacts, of_alerts
from .dialects import alert_dialect
from .driver import sqlite3
from .open import EMPTY_BESIDE_LOG, check, connect, file_size, refuse_others, unusable
from .schema import steps
from .storage import has_wal_fix

#: Somebody else's lock is waited for no longer than this: a look is not worth more.
_BUSY_SECONDS: Final = 2.0
#: Nothing is written, not even the index of the log (https://sqlite.org/wal.html#read_only_databases).
_LIVE: Final = "readonly_shm=1"
#: No lock, and no file beside it (https://sqlite.org/uri.html#uriimmutable).
_STILL: Final = "immutable=1"
#: The step that made what `alerts` are read from.
_ALERTS_STEP: Final = "m004_alerts"


def inspect(path: str) -> SqliteFacts:
    """Look at a file, if there is one. What is wrong with it is told, never raised."""
    facts = SqliteFacts(f"SQLite {sqlite3.sqlite_version}", has_wal_fix(sqlite3.sqlite_version_info))
    try:
        facts = facts._replace(
            free_bytes=shutil.disk_usage(Path(path).absolute().parent).free, wal_bytes=file_size(f"{path}-wal")
        )
        status = Path(path).stat()
    except FileNotFoundError:
        empty = facts.wal_bytes > 0
        return facts._replace(trouble=EMPTY_BESIDE_LOG.format(path=path) if empty else None)
    except OSError as error:
        return facts._replace(trouble=f"{path} cannot be looked at: {error.strerror}; use another file (DATABASE_PATH)")
    facts = facts._replace(file_bytes=status.st_size, mode=stat.S_IMODE(status.st_mode), written_at=status.st_mtime)
    if stat.S_ISDIR(status.st_mode):
        return facts._replace(trouble=f"{path} is a directory; DATABASE_PATH must name a file")
    if status.st_size == 0:
        return facts._replace(trouble=EMPTY_BESIDE_LOG.format(path=path) if facts.wal_bytes else None)
    try:
        return _look(path, facts)
    except StorageUnusableError as error:
        return facts._replace(trouble=str(error))


def _look(path: str, facts: SqliteFacts) -> SqliteFacts:
    while True:
        log = Path(f"{path}-wal").exists()
        if file_size(f"{path}-journal") > 0:
            return facts._replace(unread="a start was broken off in it; the next one puts it right")
        if log and not Path(f"{path}-shm").exists():
            return facts._replace(unread="its log was never read since it was put there; a collector's start does it")
        try:
            with closing(connect(path, read_only=True, busy_seconds=_BUSY_SECONDS, how=_LIVE if log else _STILL)) as db:
                return _facts(path, facts, db)
        except sqlite3.Error as error:
            # Somebody has opened it, or closed it, meanwhile: what was read may be of two moments.
            if Path(f"{path}-wal").exists() is log:
                raise unusable(path, error, reading=True) from error


def _facts(path: str, facts: SqliteFacts, db: Database) -> SqliteFacts:
    # One state of it.
    db.execute("BEGIN")
    pending = frozenset(steps() - refuse_others(path, db))
    alerts: AlertFacts | None = None
    if _ALERTS_STEP not in pending:
        alerts = of_alerts(AlertStore(alert_dialect(db)))
    db.execute("COMMIT")
    return facts._replace(pending=pending, alerts=alerts, whole=check(db))
