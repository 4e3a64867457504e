"""A copy of an SQLite file of ours, one state of it, taken beside a running collector. Called by `storage.backup`.

A file in WAL mode cannot be copied as a file: its newest commits are in the log beside it. SQLite's own backup reads
both (https://sqlite.org/backup.html). Here it does so within one transaction that reads, so that nothing is begun anew
however much is written meanwhile, and writers do not wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from ...errors import StorageTransferError, StorageUnusableError
from .driver import sqlite3
from .open import START_BUSY_SECONDS, connect, file_size, is_damage, refuse_others, unusable

#: Copied between two calls of `progress`: 8 MB with SQLite's usual pages.
_STEP_PAGES: Final = 2_048


def backup(path: str, target: str, progress: Callable[[int, int], None]) -> int:
    """Copy it, look through the copy for damage, and only then give it its name.

    Args:
        path: the file of the collector; a log beside it is copied with it.
        target: a file that is not there yet. It is for its owner only, and has no log beside it.
        progress: is told how many pages are copied, and of how many.

    Returns:
        How many events are in it.

    Raises:
        StorageUnusableError: the file is not there, is not ours, or is damaged.
        StorageTransferError: the target cannot be written, or is there already.
    """
    if file_size(path) == 0:
        raise StorageUnusableError(f"{path} is not there, or has nothing in it yet; DATABASE_PATH names the database")
    if os.path.lexists(target):
        raise StorageTransferError(f"{target} is there already, and stays as it is; name another file")
    # What a killed one has left is in the way of nobody.
    part = Path(f"{target}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageTransferError(f"{part} cannot be made: {error.strerror}") from error
    try:
        _copy(path, part, progress)
        events = _seal(part)
        part.rename(target)
        _sync(Path(target).absolute().parent)
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, sqlite3.Error) and is_damage(error):
            raise unusable(path, error) from error
        # The disk, or another backup with the same target, which takes the file away.
        raise StorageTransferError(f"{target} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return events


def _copy(path: str, part: Path, progress: Callable[[int, int], None]) -> None:
    try:
        # As `open` looks at a file: on closing, the last one that may write would copy the log into it.
        source = connect(path, read_only=file_size(f"{path}-wal") > 0, busy_seconds=START_BUSY_SECONDS)
    except sqlite3.Error as error:
        raise unusable(path, error, reading=True) from error
    with closing(source):
        try:
            source.execute("BEGIN")
            if not refuse_others(path, source):
                raise StorageUnusableError(f"{path} has nothing in it yet; DATABASE_PATH names the database")
        except sqlite3.Error as error:
            raise unusable(path, error, reading=True) from error
        with closing(_connect(part)) as copy:
            source.conn.backup(
                copy.conn, pages=_STEP_PAGES, progress=lambda _, left, pages: progress(pages - left, pages)
            )


def _seal(part: Path) -> int:
    """Make it a file that stands alone, and see whether it is whole; returns how many events are in it."""
    with closing(_connect(part)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")
        found = copy.execute("PRAGMA quick_check(1)").fetchone()
        events: int = copy.execute("SELECT COUNT(*) FROM error_events").fetchone()[0]
    if found != ("ok",):
        raise StorageUnusableError(f"the copy is damaged, as the database is: {found[0]}; restore an older backup")
    _sync(part)
    return events


def _connect(part: Path) -> Database:
    return connect(str(part), read_only=False, busy_seconds=0)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
