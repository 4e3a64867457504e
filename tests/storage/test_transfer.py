"""Everything of one database in another: which tables, which ids come next, what is refused, what is found."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from levqor_errors.errors import StorageTransferError
from levqor_errors.storage import Filters, StoredEvent, open_storage, transfer
from levqor_errors.storage.postgres import locks
from levqor_errors.storage.postgres import transfer as postgres_transfer
from levqor_errors.storage.sqlite import transfer as sqlite_transfer
from levqor_errors.storage.sqlite.driver import sqlite3
from postgres_support import PostgresDatabase
from storage_support import new_event, store, write
from support import Database, execute, rows
from transfer_support import HOSTILE, NewDatabase, check_same, content, fill

WAYS = [("sqlite", "postgres"), ("postgres", "sqlite")]
ALL_WAYS = [*WAYS, ("sqlite", "sqlite"), ("postgres", "postgres")]

#: Tables that are not copied, and why.
LEFT_OUT = {
    "_sqlite_migrations": "which steps of SQLite's own schema were taken",
    "levqor_steps": "which of PostgreSQL's",
    "sqlite_sequence": "the ids to come, which have a way of their own",
    "error_events_fts": "made of the events as they are written",
    "error_events_fts_config": "a part of it",
    "error_events_fts_data": "a part of it",
    "error_events_fts_docsize": "a part of it",
    "error_events_fts_idx": "a part of it",
    "issues_fts": "made of the titles of issues",
    "issues_fts_config": "a part of it",
    "issues_fts_data": "a part of it",
    "issues_fts_docsize": "a part of it",
    "issues_fts_idx": "a part of it",
    "event_keys": "made of the events as they are written",
    "tallies": "added to the counts before they are read",
    "news": "for collectors that run meanwhile, of which there is none",
    "limits_told": "for collectors that run meanwhile",
}


class Quiet:
    """Is told, and tells nobody."""

    def begin(self, what: str, rows: int) -> None:
        """Something begins."""

    def advance(self, rows: int) -> None:
        """Something is done."""


def copy(source: Database | str, target: Database | str) -> list[transfer.Comparison]:
    """Copy, and compare."""
    with transfer.opened(str(source), str(target)) as (old, new):
        transfer.copy(old, new, Quiet())
        return transfer.compare(old, new, Quiet())


def compare(source: Database, target: Database) -> dict[str, transfer.Comparison]:
    """What is not the same, by table."""
    with transfer.opened(str(source), str(target)) as (old, new):
        return {one.table: one for one in transfer.compare(old, new, Quiet()) if one.difference is not None}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_every_table_is_copied_or_there_is_a_reason(new_database: NewDatabase, kind: str) -> None:
    database = new_database(kind)
    open_storage(str(database)).close()
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if isinstance(database, PostgresDatabase):
        tables = (
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = current_schema()::regnamespace"
        )
    copied = {table.name for table in transfer.TABLES}
    there = {name for (name,) in rows(database, tables)}
    assert there - copied - LEFT_OUT.keys() == set(), "into storage/transfer.py with it, or above with a reason"
    assert copied <= there
    assert copied & LEFT_OUT.keys() == set()


@pytest.mark.long
@pytest.mark.parametrize(("kind", "other"), ALL_WAYS)
def test_every_row_and_every_id_to_come(new_database: NewDatabase, kind: str, other: str) -> None:
    source, target = new_database(kind), new_database(other)
    highest = fill(source)
    compared = copy(source, target)
    check_same(source, target)
    assert [one.table for one in compared] == [table.name for table in transfer.TABLES]
    for one in compared:
        assert one.rows[0] == one.rows[1] == len(content(source)[one.table])
        assert one.digests[0] == one.digests[1]
        assert one.difference is None
    ((stored,),) = rows(source, "SELECT event_id FROM error_events WHERE id = 1")
    for database in (source, target):
        with closing(open_storage(str(database))) as storage:
            found = storage.recent(Filters(q="drop table issues"), limit=10).errors
            assert [event["message"] for event in found] == [HOSTILE[7]]
            # A retry is known as one; and an id that was ever given out is not given to another event.
            again, fresh = write(storage, [new_event("x", event_id=stored), new_event("critical", severity="critical")])
            assert isinstance(again, StoredEvent)
            assert again.duplicate
            assert isinstance(fresh, StoredEvent)
            assert fresh.id > highest
    # What is given out is new in every table.
    for table in transfer.TABLES:
        if table.key == ("id",):
            ids = [row[0] for row in content(target)[table.name]]
            assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("kind", "other"), WAYS)
def test_there_and_back(new_database: NewDatabase, kind: str, other: str) -> None:
    source, between, target = new_database(kind), new_database(other), new_database(kind)
    fill(source)
    copy(source, between)
    copy(between, target)
    check_same(source, target)


@pytest.mark.parametrize(("kind", "other"), WAYS)
def test_a_target_with_other_rows_is_refused_and_left_alone(new_database: NewDatabase, kind: str, other: str) -> None:
    source, target = new_database(kind), new_database(other)
    fill(source)
    with closing(open_storage(str(target))) as storage:
        store(storage, "its own", 3)
    before = content(target)
    with pytest.raises(StorageTransferError, match="nothing was copied"):
        copy(source, target)
    assert content(target) == before


CHANGES = [
    ("UPDATE error_events SET message = message || ' ' WHERE id = 7", "error_events", (7,), 0),
    ("UPDATE error_events SET stack = NULL WHERE id = 8", "error_events", (8,), 0),
    ("DELETE FROM error_events WHERE id = 9", "error_events", (9,), -1),
    ("UPDATE issues SET count = count + 1 WHERE id = 2", "issues", (2,), 0),
    ("DELETE FROM sessions WHERE token_hash = 'hash2'", "sessions", ("hash2",), -1),
    ("INSERT INTO sessions VALUES ('hash9', '2026', '2027')", "sessions", ("hash9",), 1),
    (
        "UPDATE refusals SET events = 0 WHERE hour = '2026-11-21T13:00:00.000Z'",
        "refusals", ("2026-11-21T13:00:00.000Z", "rate"), 0,
    ),
]  # fmt: skip


def test_every_difference_is_found(new_database: NewDatabase, tmp_path: Path, subtests: pytest.Subtests) -> None:
    source, target, changed = new_database("sqlite"), new_database("postgres"), tmp_path / "changed.db"
    fill(source)
    copy(source, target)
    assert compare(source, target) == {}
    for change, table, key, more in CHANGES:
        with subtests.test(change):
            changed.write_bytes(Path(str(source)).read_bytes())
            execute(changed, change)
            found = compare(changed, target)[table]
            assert found.difference == key
            assert found.digests[0] != found.digests[1]
            assert found.rows == (found.rows[1] + more, found.rows[1])
            # And the other way round.
            assert compare(target, changed)[table].difference == key


def test_one_database_is_not_both(new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_transfer, "_ALONE_SECONDS", 0.5)
    file, database = new_database("sqlite"), new_database("postgres")
    for one in (file, database):
        open_storage(str(one)).close()
    link = tmp_path / "link.db"
    link.symlink_to(Path(str(file)))
    for source, target in ((str(file), str(file)), (str(file), str(link)), (str(database), str(database))):
        with pytest.raises(StorageTransferError, match="are the same database"):
            copy(source, target)
    # Under another name only its locks tell.
    with pytest.raises(StorageTransferError, match=r"TARGET: .* is in use .*SOURCE itself"):
        copy(database, f"{database}&connect_timeout=9")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_database_that_somebody_has_open_is_refused(
    new_database: NewDatabase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sqlite_transfer, postgres_transfer):
        monkeypatch.setattr(module, "_ALONE_SECONDS", 0.5)
    busy, other = new_database(kind), new_database("sqlite")
    open_storage(str(other)).close()
    with closing(open_storage(str(busy))) as storage:
        # It does nothing now, but it has.
        store(storage, "one", 1)
        for source, target, name in ((busy, other, "SOURCE"), (other, busy, "TARGET")):
            with pytest.raises(StorageTransferError, match=f"{name}: .* is in use .*stop"):
                copy(source, target)
    assert copy(busy, other)


def test_while_a_copy_is_made_nobody_writes(new_database: NewDatabase) -> None:
    source, target = new_database("postgres"), new_database("sqlite")
    fill(source)
    with transfer.opened(str(source), str(target)):
        # Those who write events wait for this lock.
        assert rows(source, f"SELECT pg_try_advisory_xact_lock_shared({locks.ISSUES})") == [(False,)]
        with (
            closing(sqlite3.connect(str(target), timeout=0.1)) as connection,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            connection.execute("DELETE FROM sessions")


def test_what_is_no_source_is_said_and_no_target_is_made(new_database: NewDatabase, tmp_path: Path) -> None:
    missing, empty, foreign = new_database("sqlite"), tmp_path / "empty.db", tmp_path / "foreign.db"
    empty.touch()
    execute(foreign, "CREATE TABLE other (x)")
    target = tmp_path / "target.db"
    for source, why in (
        (missing, "is not there, or empty"),
        (empty, "is not there, or empty"),
        (foreign, "another program's database"),
        (new_database("postgres"), "has no tables of levqor-errors"),
        ("postgresql://user:hunter2@127.0.0.1:9/db", "no connection to PostgreSQL"),
        ("postgresql://user:hunter2@[", "no address of a PostgreSQL database"),
    ):
        with pytest.raises(StorageTransferError, match=f"SOURCE: .*{why}") as caught:
            copy(source, target)
        assert "hunter2" not in str(caught.value)
        assert not target.exists()
