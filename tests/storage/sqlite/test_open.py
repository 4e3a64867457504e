"""Opening: what is refused is refused before anything is changed. Files that are damaged or foreign: test_r7_….py."""

from __future__ import annotations

import sqlite3 as pythons_sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from levqor_errors.errors import StorageUnusableError
from levqor_errors.storage import open_storage
from levqor_errors.storage.sqlite import open as opening
from storage_support import store
from support import clean_environ, rows

#: As a user who may do nothing that the file's mode does not let him.
AS_NOBODY = """
import os, sys
from levqor_errors.errors import StorageUnusableError
from levqor_errors.storage import open_storage
from levqor_errors.storage.sqlite import storage
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    open_storage(sys.argv[1]).close()
except StorageUnusableError as error:
    print(error)
"""

pytestmark = pytest.mark.sqlite


def open_as_nobody(database: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(database)],
        capture_output=True,
        text=True,
        env=clean_environ(),
        timeout=60,
        check=True,
    )
    return done.stdout


def test_a_new_file_is_its_owners_alone(database: Path) -> None:
    open_storage(str(database)).close()
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert rows(database, "PRAGMA auto_vacuum") == [(2,)]
    assert rows(database, "PRAGMA journal_mode") == [("wal",)]


def test_odd_names_are_names(tmp_path: Path) -> None:
    for name in ("a?mode=memory", "b#c", "d%41", "é è", "file:x"):
        open_storage(str(tmp_path / name)).close()
        assert (tmp_path / name).stat().st_size > 0
    assert len(list(tmp_path.iterdir())) == 5


def test_a_file_system_without_shared_memory_is_refused(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_shared_memory(path: str, *, read_only: bool) -> str:
        # What SQLite uses on network shares, where locks are files.
        return f"file:{quote(path)}?mode={'ro' if read_only else 'rw'}&vfs=unix-dotfile"

    monkeypatch.setattr(opening, "_uri", without_shared_memory)
    with pytest.raises(StorageUnusableError, match="network share"):
        open_storage(str(database))


def test_a_file_that_may_not_be_written_is_refused() -> None:
    # pytest's own directories are closed to others.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        database = Path(directory, "levqor.db")
        open_storage(str(database)).close()
        database.chmod(0o444)
        before = database.read_bytes()
        assert "cannot be opened for writing: Permission denied" in open_as_nobody(database)
        database.chmod(0o666)
        Path(directory).chmod(0o555)
        # The file may be written, but not the two that SQLite needs beside it.
        assert "-wal and -shm" in open_as_nobody(database)
        assert database.read_bytes() == before
        Path(directory).chmod(0o755)


def test_an_empty_file_becomes_a_database(database: Path) -> None:
    """A file made by `touch`, or by a start that was killed at its first step, holds nothing that could be lost."""
    database.touch(0o640)
    with closing(open_storage(str(database))) as storage:
        store(storage, "one", 1)
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(1,)]
    assert stat.S_IMODE(database.stat().st_mode) == 0o640


@pytest.mark.parametrize("gone", [False, True])
def test_an_empty_or_lost_file_beside_its_log_is_refused(database: Path, tmp_path: Path, gone: bool) -> None:
    """SQLite would take it for new, and delete the log and with it the events of the last moments."""
    storage = open_storage(str(database))
    store(storage, "one", 3)
    log = Path(f"{database}-wal").read_bytes()
    storage.close()
    left = tmp_path / "left.db"
    Path(f"{left}-wal").write_bytes(log)
    if not gone:
        left.touch()
    with pytest.raises(StorageUnusableError, match="restore both from a backup"):
        open_storage(str(left))
    assert Path(f"{left}-wal").read_bytes() == log
    assert left.exists() is not gone


def test_a_start_that_was_killed_in_its_first_step_is_no_damage(database: Path) -> None:
    """A rollback journal that lies there is put back, though the look at the file changes nothing else."""
    child = """
import os, sys
from levqor_errors.storage.sqlite.driver import sqlite3
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("CREATE TABLE half (done)")
db.execute("INSERT INTO half SELECT randomblob(4000) FROM json_each(json_array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))")
os._exit(1)
"""
    with closing(pythons_sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 1")
    subprocess.run([sys.executable, "-c", child, str(database)], timeout=60, check=False)
    assert Path(f"{database}-journal").stat().st_size > 0
    with closing(open_storage(str(database))) as storage:
        store(storage, "one", 1)
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]


def test_the_check_at_the_start_has_its_time_and_no_more(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_storage(str(database))) as storage:
        for _ in range(10):
            store(storage, "one", 500)
    monkeypatch.setattr(opening, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(opening, "_CHECK_STEPS", 100)
    open_storage(str(database)).close()
