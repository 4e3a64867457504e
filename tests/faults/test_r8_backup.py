"""R8: a backup under load, restored.

Passes when: `integrity_check` is ok, and all that was acknowledged before it began is in it.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from levqor_errors.storage import open_storage
from load_support import Load, check_kept, missing
from storage_support import store
from support import COMMAND, CollectorProcess, check_sound, clean_environ, event_ids, rows, run_command, wait_until

pytestmark = pytest.mark.sqlite
StartCollector = Callable[..., CollectorProcess]


def test_r8_backup_under_load_restored(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    collector = start_collector()
    copy = tmp_path / "copy.db"
    with Load() as load:
        load.aim(collector.port)
        load.wait_for(50)
        before = set(load.acknowledged)
        done = run_command("backup", str(copy), "--database", str(database))
    assert (done.returncode, done.stderr) == (0, "")
    assert load.unexpected == []
    check_kept(copy, before)
    assert f"{len(event_ids(copy)):,} events" in done.stdout
    assert copy.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob("copy*")) == [copy], "no log beside it"
    # What the file alone would have been: its newest commits are in the log.
    alone = Path(shutil.copy(database, tmp_path / "alone.db"))
    assert missing(load.acknowledged, event_ids(alone) if "error_events" in tables(alone) else [])
    collector.kill()
    for path in tmp_path.glob(f"{database.name}-*"):
        path.unlink()
    copy.replace(database)
    stored = len(event_ids(database))
    again = start_collector()
    for event_id, new in ((min(before), 0), (None, 1)):
        answer = httpx.post(f"{again.url}/api/errors/log", json={"message": "m", "event_id": event_id})
        assert answer.is_success
        assert len(event_ids(database)) == stored + new


def tables(path: Path) -> list[str]:
    return [name for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]


def test_r8_killed_backup_leaves_no_backup(database: Path, tmp_path: Path) -> None:
    storage = open_storage(str(database))
    try:
        store(storage, "one", 1_000, stack="line of a stack\n" * 500)
    finally:
        storage.close()
    target = tmp_path / "copy.db"
    part = tmp_path / "copy.db.part"
    command = [*COMMAND, "backup", str(target), "--database", str(database)]
    process = subprocess.Popen(command, env=clean_environ())
    wait_until(lambda: part.exists() and part.stat().st_size > 0)
    process.kill()
    process.wait(30)
    assert target.exists() is not part.exists(), "the name is given when it is whole"
    target.unlink(missing_ok=True)
    done = run_command(*command[len(COMMAND) :])
    assert (done.returncode, done.stderr) == (0, "")
    assert not part.exists()
    check_sound(target)
    assert len(event_ids(target)) == len(event_ids(database)) > 0


@pytest.mark.parametrize("what", ["there", "other", "text", "damaged", "empty", "missing", "directory", "postgres"])
def test_r8_what_is_refused_leaves_all_as_it_was(database: Path, tmp_path: Path, what: str) -> None:
    storage = open_storage(str(database))
    try:
        store(storage, "one", 3)
    finally:
        storage.close()
    source, target = str(database), tmp_path / "copy.db"
    if what == "there":
        target.write_text("an older backup")
    elif what == "other":
        database.unlink()
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE users (id)")
    elif what == "text":
        database.write_text("no database " * 1_000)
    elif what == "damaged":
        whole = bytearray(database.read_bytes())
        whole[8_192:] = bytes(len(whole) - 8_192)
        database.write_bytes(whole)
    elif what == "empty":
        database.write_bytes(b"")
    elif what == "missing":
        source = str(tmp_path / "nothing.db")
    elif what == "directory":
        target = tmp_path / "nothing" / "copy.db"
    else:
        source = "postgresql://u:secret-word@127.0.0.1/x"
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    done = run_command("backup", str(target), "--database", source)
    assert done.returncode == 1
    assert done.stderr.startswith("levqor-errors: ")
    assert "secret-word" not in done.stderr
    assert "pg_dump" in done.stderr or what != "postgres"
    assert "damaged" in done.stderr or what != "damaged"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
