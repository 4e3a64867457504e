"""SQLite storage: quota and floor, the limits of reads, what is told of its health, and whose fault an error is."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from levqor_errors import limits
from levqor_errors.errors import EventUnstorableError, StorageUnavailableError
from levqor_errors.storage import Filters
from levqor_errors.storage.sqlite.driver import sqlite3
from levqor_errors.storage.sqlite.storage import SqliteStorage, has_wal_fix
from storage_support import new_event, store, total, write
from support import rows

MEGABYTE = 1024 * 1024
#: Never ends by itself.
ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"

pytestmark = pytest.mark.sqlite


def fill(storage: SqliteStorage) -> str:
    """Write until it is refused; returns how."""
    with pytest.raises(StorageUnavailableError) as caught:  # noqa: PT012 - which of the writes is not the point
        for _ in range(10_000):
            store(storage, "filling", 5, context={"parts": ["x" * 8_000] * 4})
    assert caught.value.retry_after > 0
    return str(caught.value)


def test_the_quota_holds_without_any_upkeep_and_ends_with_room(database: Path) -> None:
    with closing(SqliteStorage(str(database), max_bytes=4 * MEGABYTE)) as storage:
        for _ in range(3):
            assert fill(storage) == "the database is full; its oldest events are being deleted"
        assert storage.size().wanted > 0
        assert storage.size().disk <= 4 * MEGABYTE * 1.1
        assert database.stat().st_size <= 4 * MEGABYTE
        assert any("MAX_DATABASE_BYTES" in warning for warning in storage.health()["warnings"])
        stored = total(database)
        assert rows(database, "SELECT COUNT(*) FROM error_events") == [(stored,)]
        # What is no event still goes.
        storage.add_session("hash", created_at="2026", expires_at="2027")
        storage.add_refusals({("2026-11-23T13:00:00.000Z", "unavailable"): (3, 4)})
        while storage.size().live > 3 * MEGABYTE:
            assert storage.thin(most=50).events
        store(storage, "new", 5)
        assert storage.size().wanted == 0
        assert storage.health()["warnings"] == []
        assert total(database) == stored + 5


def test_a_database_over_its_quota_opens_and_does_not_grow(database: Path) -> None:
    with closing(SqliteStorage(str(database))) as storage:
        store(storage, "large", 100, context={"parts": ["x" * 8_000] * 8})
    before = database.stat().st_size
    assert before > 5 * MEGABYTE
    with closing(SqliteStorage(str(database), max_bytes=2 * MEGABYTE)) as storage:
        assert "full" in fill(storage)
        assert storage.thin(most=20).events
        assert database.stat().st_size == before


def test_under_the_floor_nothing_is_taken_and_all_else_works(database: Path) -> None:
    with closing(SqliteStorage(str(database))) as storage:
        store(storage, "before", 3)
        free = storage.size().free
    assert free is not None
    with closing(SqliteStorage(str(database), min_free_bytes=free * 2)) as storage:
        with pytest.raises(StorageUnavailableError, match="too little free space") as caught:
            store(storage, "refused", 1)
        assert caught.value.retry_after == 30
        assert len(storage.recent(Filters(), limit=50).errors) == 3
        assert any("MIN_FREE_BYTES" in warning for warning in storage.health()["warnings"])
        storage.add_session("hash", created_at="2026", expires_at="2027")
        assert storage.thin(most=1).events == 1
    with closing(SqliteStorage(str(database), min_free_bytes=free // 2)) as storage:
        store(storage, "taken", 1)


def test_a_read_has_its_time_and_no_more(database: Path) -> None:
    with closing(SqliteStorage(str(database), read_seconds=0.1)) as storage:
        for _ in range(10):
            # More often than there are connections: each one can be used again.
            with pytest.raises(StorageUnavailableError, match="took too long; narrow it"), storage._reader() as db:
                db.execute(ENDLESS).fetchone()
        store(storage, "one", 1)
        assert storage.stats(Filters(q="issue"))["total"] == 1
    assert limits.READ_SECONDS > 1


def test_closing_breaks_reads_off(database: Path) -> None:
    storage = SqliteStorage(str(database))
    said: list[str] = []
    begun = threading.Barrier(6)

    def search(limited: bool) -> None:
        try:
            with storage._reader() if limited else storage._plans() as db:
                begun.wait()
                db.execute(ENDLESS).fetchone()
        except StorageUnavailableError as error:
            said.append(str(error))

    threads = [threading.Thread(target=search, args=[number > 0], daemon=True) for number in range(5)]
    for thread in threads:
        thread.start()
    begun.wait()
    time.sleep(0.1)
    storage.close()
    for thread in threads:
        thread.join(30)
    assert said == ["the collector is stopping"] * 5


def test_health_does_not_wait_for_searches(database: Path) -> None:
    with closing(SqliteStorage(str(database), busy_seconds=0.1, read_seconds=60)) as storage:
        lent = [storage._reader() for _ in range(4)]
        for one in lent:
            one.__enter__()
        with pytest.raises(StorageUnavailableError, match="busy with other reads"):
            storage.recent(Filters(), limit=1)
        assert storage.health()["warnings"] == []
        assert storage.size().live > 0
        for one in lent:
            one.__exit__(None, None, None)
        assert storage.recent(Filters(), limit=1).errors == []


def test_the_facts_of_health(database: Path) -> None:
    with closing(SqliteStorage(str(database))) as storage:
        store(storage, "one", 1)
        with storage._transaction() as db:
            for decided_at in (None, "2026-11-23T13:00:00.000Z"):
                db["alert_outbox"].insert(  # type: ignore[union-attr]
                    {
                        "issue_id": 1,
                        "first_event_id": 1,
                        "count": 1,
                        "created_at": "2026-11-23",
                        "decided_at": decided_at,
                    }
                )
        facts = storage.health()
        assert set(facts) == {
            "database", "wal_fix", "wal_bytes", "database_bytes", "free_bytes", "alerts_unsent", "damaged", "warnings",
        }  # fmt: skip
        assert facts["database"] == f"SQLite {sqlite3.sqlite_version}"
        assert facts["wal_bytes"] == Path(f"{database}-wal").stat().st_size
        assert facts["database_bytes"] == sum(path.stat().st_size for path in database.parent.glob("levqor.db*"))
        assert facts["free_bytes"] > MEGABYTE
        assert facts["alerts_unsent"] == 1
        assert (facts["damaged"], facts["warnings"]) == (False, [])


def test_what_was_refused_is_in_the_statistics_of_its_hours(database: Path) -> None:
    one, two, three = (f"2026-11-23T{hour}:00:00.000Z" for hour in (12, 13, 14))
    with closing(SqliteStorage(str(database))) as storage:
        assert storage.stats(Filters())["refused"] == {}
        storage.add_refusals({(one, "invalid"): (1, 2), (two, "invalid"): (10, 20), (two, "key"): (5, 0)})
        storage.add_refusals({(two, "invalid"): (100, 200), (three, "overloaded"): (7, 8)})
        invalid = {"requests": 111, "events": 222}
        key, overloaded = {"requests": 5, "events": 0}, {"requests": 7, "events": 8}
        assert storage.stats(Filters())["refused"] == {"invalid": invalid, "key": key, "overloaded": overloaded}
        # The hours that the range touches, as a whole; `until` is exclusive.
        middle = Filters(since="2026-11-23T13:59:59.999Z", until=three)
        assert storage.stats(middle)["refused"] == {"invalid": {"requests": 110, "events": 220}, "key": key}
        later = Filters(since="2026-11-23T14:30:00.000Z", until="2026-11-23T14:30:00.001Z")
        assert storage.stats(later)["refused"] == {"overloaded": overloaded}
        # A refused event was not looked into, so no other filter applies.
        assert storage.stats(Filters(service="shop"))["refused"].keys() == {"invalid", "key", "overloaded"}


TAKEN = "CREATE TRIGGER taken BEFORE INSERT ON error_events BEGIN INSERT INTO once VALUES (1); END"
MISUSED = "CREATE TRIGGER misused BEFORE INSERT ON error_events BEGIN INSERT INTO missing VALUES (1); END"
REFUSED = "CREATE TRIGGER refused BEFORE INSERT ON error_events BEGIN SELECT RAISE(ABORT, 'not this one'); END"


@pytest.mark.parametrize("trigger", [TAKEN, MISUSED])
def test_what_is_no_fault_of_the_events_refuses_none_of_them(database: Path, trigger: str) -> None:
    """A 400 would make the sender throw them away."""
    with closing(SqliteStorage(str(database))) as storage:
        with storage._transaction() as db:
            db.execute("CREATE TABLE once (id INTEGER PRIMARY KEY)")
            db.execute("INSERT INTO once VALUES (1)")
            db.execute(trigger)
        with pytest.raises(StorageUnavailableError, match="does not answer"):
            store(storage, "one", 3)
        with storage._transaction() as db:
            db.execute(f"DROP TRIGGER {'taken' if trigger == TAKEN else 'misused'}")
        store(storage, "one", 3)
        assert total(database) == 3


def test_what_is_an_events_fault_is_said_of_it(database: Path) -> None:
    with closing(SqliteStorage(str(database))) as storage:
        with storage._transaction() as db:
            db.execute(REFUSED)
        (refused,) = write(storage, [new_event()])
        assert isinstance(refused, EventUnstorableError)
        assert "not this one" in str(refused)


def test_which_versions_have_the_fix() -> None:
    with_fix = [(3, 44, 6), (3, 44, 9), (3, 50, 7), (3, 51, 3), (3, 53, 4), (4, 0, 0)]
    without = [(3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)]
    assert all(map(has_wal_fix, with_fix))
    assert not any(map(has_wal_fix, without))
