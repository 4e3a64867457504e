"""SQLite storage: opening the file, and refusing a file that is not ours to open. Comes before `storage.py`.

A file is looked at first and changed after: one that is refused is left as it was, to the byte.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlite_utils import Database

from ...errors import StorageUnusableError
from .driver import sqlite3
from .schema import migrations, steps

#: Starting up waits longer than a write does: another collector may be migrating this database.
START_BUSY_SECONDS: Final = 30.0
#: How long the check of the file's structure may take; it reads the whole file, and a large one is let off.
CHECK_SECONDS: Final = 2.0
#: RETURNING is the newest thing that is used.
_OLDEST_SQLITE: Final = (3, 35, 0)
EMPTY_BESIDE_LOG: Final = "{path} is empty, but {path}-wal beside it is not; restore both from a backup"
#: How many steps of SQLite's machine are run between two looks at the clock: some milliseconds.
_CHECK_STEPS: Final = 10_000


def open_database(path: str) -> Database:
    """The connection that writes, on a database that is made or migrated where needed.

    Args:
        path: the file; made, with mode 0600, if it is not there.

    Raises:
        StorageUnusableError: when the file cannot be used; says why and what to do.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StorageUnusableError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
    if file_size(path) == 0 and file_size(f"{path}-wal") > 0:
        # SQLite would take the file for a new one and delete the log, with all that was not copied from it yet.
        raise StorageUnusableError(EMPTY_BESIDE_LOG.format(path=path))
    _make_private(path)
    try:
        _look(path)
        db = connect(path, read_only=False, busy_seconds=START_BUSY_SECONDS)
        try:
            _set_up(path, db)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    return db


def connect(path: str, *, read_only: bool, busy_seconds: float, how: str = "") -> Database:
    """A connection; nothing of the file is read or changed yet.

    Args:
        path: the file.
        read_only: whether it is refused to write.
        busy_seconds: how long somebody else's lock is waited for.
        how: further parameters of SQLite's, as a URI has them.
    """
    connection = sqlite3.connect(
        _uri(path, read_only=read_only) + (f"&{how}" if how else ""),
        uri=True,
        # The driver begins no transaction of its own; ours are explicit.
        isolation_level=None,
        check_same_thread=False,
        timeout=busy_seconds,
    )
    return Database(connection, execute_plugins=False)


def file_size(path: str) -> int:
    """In bytes; 0 where there is no file."""
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


def _uri(path: str, *, read_only: bool) -> str:
    # quote(): a `?` or `#` in a file's name would end the path in a URI.
    return f"file:{quote(str(Path(path).absolute()))}?mode={'ro' if read_only else 'rw'}"


def _look(path: str) -> None:
    """Refuse what is damaged or not ours, without a change to it."""
    # The last connection that could write would, on closing, copy the log into the file. Without a log there may be a
    # rollback journal of a process that died, which a connection that only reads cannot put back.
    db = connect(path, read_only=file_size(f"{path}-wal") > 0, busy_seconds=START_BUSY_SECONDS)
    try:
        # One state of it: between two looks another collector may migrate it.
        db.execute("BEGIN")
        refuse_others(path, db)
        db.execute("COMMIT")
        check(db)
    finally:
        db.close()


def refuse_others(path: str, db: Database) -> set[str]:
    """Which steps the database has; none, for a new one.

    Raises:
        StorageUnusableError: it is another program's, or from the future.
    """
    applied = {step.name for step in migrations.applied(db)}
    unknown = applied - steps()
    if unknown:
        raise StorageUnusableError(
            f"{path} was made by a newer version of levqor-errors (it has {', '.join(sorted(unknown))});"
            " upgrade this one, or use another file"
        )
    tables = sorted(db.table_names())
    if not applied and tables:
        raise StorageUnusableError(
            f"{path} is another program's database (it has a table {tables[0]}); use another file (DATABASE_PATH)"
        )
    return applied


def check(db: Database) -> bool:
    """Look for damage in the file's structure, as far as the time goes; returns whether all of it was looked at.

    Raises:
        sqlite3.DatabaseError: there is damage.
    """
    deadline = time.monotonic() + CHECK_SECONDS
    db.conn.set_progress_handler(lambda: time.monotonic() > deadline, _CHECK_STEPS)
    try:
        found = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return False
    finally:
        db.conn.set_progress_handler(None, 0)
    if found != ("ok",):
        raise sqlite3.DatabaseError(f"malformed: {found}")
    return True


def _set_up(path: str, db: Database) -> None:
    # Only takes effect before the first table is made; lets retention give space back later.
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StorageUnusableError(
            f"{path} lies on a file system without shared memory (a network share?), which SQLite's WAL mode needs;"
            " use a local disk"
        )
    db.execute("PRAGMA synchronous = FULL")
    # IMMEDIATE: of two collectors that start at once, one migrates while the other waits and finds it done.
    db.execute("BEGIN IMMEDIATE")
    try:
        refuse_others(path, db)
        migrations.apply(db)
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def _make_private(path: str) -> None:
    """Make the file, readable by its owner only, unless it is there: it will hold other people's data."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except IsADirectoryError as error:
        raise StorageUnusableError(f"{path} is a directory; DATABASE_PATH must name a file") from error
    except FileNotFoundError as error:
        raise StorageUnusableError(f"{path} cannot be made: its directory does not exist") from error
    except OSError as error:
        raise StorageUnusableError(f"{path} cannot be opened for writing: {error.strerror}") from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error of the driver says that the file's content is broken (SQLITE_CORRUPT, SQLITE_NOTADB)."""
    # By its text: the driver's errors carry a code only from Python 3.11 on, and pysqlite3's carry none.
    text = str(error)
    return "malformed" in text or "not a database" in text or "Could not decode" in text


def unusable(path: str, error: sqlite3.Error, *, reading: bool = False) -> StorageUnusableError:
    """What an error of the driver means for whoever wants to open the file, or only to read it."""
    text = str(error)
    if "not a database" in text:
        why = "is not an SQLite database, or its first page is damaged; restore a backup, or use another file"
    elif is_damage(error):
        why = "is damaged; restore a backup, or try `sqlite3 FILE .recover`"
    elif "locked" in text:
        why = "is locked by another program; stop that one first"
    elif "unable to open" in text and reading:
        why = "cannot be read by this user; run this as the one that the collector runs as"
    elif "unable to open" in text or "readonly" in text:
        why = f"cannot be opened for writing, nor the -wal and -shm files beside it: {text}"
    else:
        why = f"cannot be used: {text}"
    return StorageUnusableError(f"{path} {why}")
