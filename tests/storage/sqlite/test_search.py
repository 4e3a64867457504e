"""Whoever searches finds all that is committed, though it may be in the full-text index only later."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from levqor_errors.errors import StorageUnavailableError
from levqor_errors.storage import Filters, Storage, open_storage
from levqor_errors.storage.sqlite.search import BEHIND, BEHIND_CHARS
from storage_support import new_event, store, write
from support import execute, rows, write_lock

pytestmark = pytest.mark.sqlite

WORD = Filters(q="unicorn")


def indexed(database: Path) -> int:
    """How many events are in the index."""
    return int(rows(database, "SELECT COUNT(*) FROM error_events_fts_docsize")[0][0])


def found(storage: Storage) -> list[int]:
    return [event["id"] for event in storage.recent(WORD, limit=100)[0]]


def check_index(database: Path) -> None:
    """The index and the events agree (https://sqlite.org/fts5.html, 6.4)."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO error_events_fts (error_events_fts, rank) VALUES ('integrity-check', 1)")


def test_what_was_committed_a_moment_ago_is_found_by_every_search(storage: Storage, database: Path) -> None:
    for number in range(1, 5):
        write(storage, [new_event(message="a unicorn")])
        assert indexed(database) == number - 1
        match number:
            case 1:
                assert found(storage) == [1]
            case 2:
                assert sorted(storage.matching(WORD, [1, 2])) == [1, 2]
            case 3:
                assert storage.stats(WORD)["total"] == 3
            case 4:
                overview = storage.overview(WORD, unit="day", before=None, named_since="2026-11-01")
                assert sum(sum(counts.values()) for _, counts in overview.series) == 4
        assert indexed(database) == number
    check_index(database)


def test_so_many_are_not_in_it_at_most(storage: Storage, database: Path) -> None:
    for number in range(2 * BEHIND // 50 + 1):
        store(storage, "one", 50)
        assert 50 * (number + 1) - indexed(database) <= BEHIND
    assert indexed(database) > BEHIND
    storage.give_back()
    assert indexed(database) == 50 * (2 * BEHIND // 50 + 1)
    check_index(database)


def test_large_texts_are_put_into_it_at_once(storage: Storage, database: Path) -> None:
    store(storage, "one", 3)
    store(storage, "one", 2, stack="x" * 2 * BEHIND_CHARS)
    assert indexed(database) == 5


def test_what_is_deleted_before_it_is_in_it_does_no_harm(storage: Storage, database: Path) -> None:
    write(storage, [new_event(message="a unicorn") for _ in range(3)])
    assert found(storage) == [3, 2, 1]
    write(storage, [new_event(message="a unicorn") for _ in range(3)])
    for gone in (5, 3):
        execute(database, f"DELETE FROM error_events WHERE id = {gone}")
    execute(database, "UPDATE error_events SET message = 'a horse' WHERE id = 4")
    assert found(storage) == [6, 2, 1]
    check_index(database)


def test_where_nothing_can_be_written_the_rest_is_found(storage: Storage, database: Path) -> None:
    write(storage, [new_event(message="a unicorn")])
    assert found(storage) == [1]
    write(storage, [new_event(message="a unicorn")])
    with write_lock(database):
        assert found(storage) == [1]
        with pytest.raises(StorageUnavailableError):
            storage.give_back()
    assert found(storage) == [2, 1]


def test_a_file_that_is_left_has_them_all(database: Path) -> None:
    with closing(open_storage(str(database))) as storage:
        store(storage, "one", 3)
        assert indexed(database) == 0
    assert indexed(database) == 3
