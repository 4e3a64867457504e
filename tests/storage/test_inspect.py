"""A look at a database: it tells how it is in whatever state, and leaves it, and all beside it, as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from levqor_errors.storage import PostgresFacts, SqliteFacts, inspect, open_storage
from levqor_errors.storage.sqlite.schema import steps
from postgres_support import PostgresServer
from storage_support import store
from support import CollectorProcess, execute


def content(directory: Path) -> dict[str, bytes]:
    """All that lies there."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}


def looked_at(path: Path) -> SqliteFacts:
    """What a look finds; it has changed nothing."""
    before = content(path.parent)
    facts = inspect(str(path))
    assert content(path.parent) == before
    assert isinstance(facts, SqliteFacts)
    return facts


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database that was closed in good order."""
    path = tmp_path / "own" / "levqor.db"
    path.parent.mkdir()
    with closing(open_storage(str(path))) as storage:
        store(storage, "one", 300, severity="critical")
    return path


def test_a_database_at_rest(filled: Path) -> None:
    facts = looked_at(filled)
    assert (facts.trouble, facts.unread, facts.pending, facts.whole) == (None, None, frozenset(), True)
    assert (facts.mode, facts.wal_bytes, facts.file_bytes) == (0o600, 0, filled.stat().st_size)
    assert facts.alerts is not None
    assert facts.alerts.unsent == 1
    assert facts.alerts.since == "2026-11-23T13:05:39.000Z"


def test_a_database_in_use(filled: Path) -> None:
    collector = CollectorProcess(filled)
    try:
        execute(filled, "INSERT INTO alert_memory VALUES ('tick', 'now', '')")
        facts = looked_at(filled)
        assert (facts.trouble, facts.unread, facts.whole) == (None, None, True)
        assert facts.alerts is not None
        # What is in the log only counts, too.
        assert facts.alerts.memory["tick"] == "now"
    finally:
        collector.close()
    # Killed, its log and index are still there.
    facts = looked_at(filled)
    assert (facts.trouble, facts.unread) == (None, None)


def test_no_database(tmp_path: Path) -> None:
    facts = looked_at(tmp_path / "levqor.db")
    assert (facts.file_bytes, facts.trouble) == (None, None)
    assert facts.free_bytes
    facts = looked_at(tmp_path)
    assert "is a directory" in str(facts.trouble)
    nowhere = inspect(str(tmp_path / "no" / "levqor.db"))
    assert isinstance(nowhere, SqliteFacts)
    assert (nowhere.free_bytes, nowhere.trouble) == (None, None)
    assert not (tmp_path / "no").exists()
    (tmp_path / "levqor.db").touch()
    assert looked_at(tmp_path / "levqor.db").file_bytes == 0


def test_a_log_without_its_file_or_its_index(tmp_path: Path) -> None:
    path = tmp_path / "levqor.db"
    CollectorProcess(path).close()
    assert path.with_name("levqor.db-wal").stat().st_size
    path.with_name("levqor.db-shm").unlink()
    facts = looked_at(path)
    assert (facts.trouble, facts.alerts) == (None, None)
    assert facts.unread is not None
    path.unlink()
    assert "restore both from a backup" in str(looked_at(path).trouble)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("first page", "is not an SQLite database"),
        ("inside", "is damaged"),
        ("text", "is not an SQLite database"),
        ("foreign", "another program's database"),
        ("future", "made by a newer version"),
    ],
)
def test_what_cannot_be_used(filled: Path, damage: str, words: str) -> None:
    if damage == "text":
        filled.write_text("events\n" * 1000)
    elif damage == "foreign":
        filled.unlink()
        with closing(sqlite3.connect(filled)) as other:
            other.execute("CREATE TABLE songs (title)")
    elif damage == "future":
        execute(filled, "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('levqor_errors', 'm999_more')")
    else:
        broken = bytearray(filled.read_bytes())
        start, length = (0, 100) if damage == "first page" else (5 * 4096, 20 * 4096)
        broken[start : start + length] = b"\xa5" * length
        filled.write_bytes(broken)
    facts = looked_at(filled)
    assert words in str(facts.trouble)
    assert facts.alerts is None


def test_an_older_database_has_not_the_tables_of_newer_steps(filled: Path) -> None:
    for made in ("VIEW issues_now", "VIEW event_counts_now", "VIEW issue_counts_now", "VIEW event_hours_now",
                 "TABLE tallies"):  # fmt: skip
        execute(filled, f"DROP {made}")
    execute(filled, "DELETE FROM _sqlite_migrations WHERE name = 'm008_tallies'")
    facts = looked_at(filled)
    assert (facts.trouble, set(facts.pending)) == (None, {"m008_tallies"})
    assert facts.alerts is not None
    assert facts.alerts.unsent == 1


def test_an_older_database(filled: Path) -> None:
    execute(filled, "DELETE FROM _sqlite_migrations WHERE name = 'm004_alerts'")
    facts = looked_at(filled)
    assert (facts.trouble, set(facts.pending), facts.alerts) == (None, {"m004_alerts"}, None)
    execute(filled, "DELETE FROM _sqlite_migrations WHERE name <> 'm001_tables'")
    facts = looked_at(filled)
    assert facts.pending == steps() - {"m001_tables"}


def test_postgres(postgres: PostgresServer) -> None:
    database = postgres.create()
    facts = inspect(str(database))
    assert isinstance(facts, PostgresFacts)
    assert (facts.trouble, facts.new, facts.alerts) == (None, True, None)
    with psycopg.connect(database.address) as connection:
        made = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert made.fetchall() == []
    with closing(open_storage(str(database))) as storage:
        store(storage, "one", 3, severity="critical")
        facts = inspect(str(database))
    assert isinstance(facts, PostgresFacts)
    assert facts.server.startswith("PostgreSQL 1")
    assert (facts.trouble, facts.new, facts.pending, facts.synchronous) == (None, False, frozenset(), True)
    # The test server's own.
    assert facts.fsync is False
    assert facts.connections >= facts.connected >= 1
    assert abs(facts.ahead or 9) < 5
    assert facts.alerts is not None
    assert (facts.alerts.unsent, facts.alerts.since) == (1, "2026-11-23T13:05:39.000Z")
    database.execute("DELETE FROM levqor_steps WHERE name = 'm003_alerts'")
    facts = inspect(str(database))
    assert (set(facts.pending), facts.alerts) == ({"m003_alerts"}, None)
    database.execute("INSERT INTO levqor_steps (name) VALUES ('m999_more')")
    assert "a newer version" in str(inspect(str(database)).trouble)
    database.execute("DROP TABLE levqor_steps")
    assert "not ours" in str(inspect(str(database)).trouble)
    postgres.drop(database)
    assert "does not exist" in str(inspect(str(database)).trouble)


def test_a_look_waits_for_no_lock(postgres: PostgresServer) -> None:
    with postgres.lent() as database, database.locked("alert_outbox"):
        assert inspect(str(database)).trouble is None


def test_an_address_that_is_none_is_not_shown() -> None:
    facts = inspect("postgresql://me:hunter2@127.0.0.1:notaport/x")
    assert facts.trouble is not None
    assert "hunter2" not in facts.trouble


def test_looks_while_a_collector_comes_and_goes(tmp_path: Path) -> None:
    path = str(tmp_path / "levqor.db")
    for _ in range(3):
        storage = open_storage(path)
        assert inspect(path).trouble is None
        store(storage, "one", 10)
        assert inspect(path).trouble is None
        storage.close()
        assert inspect(path).trouble is None
