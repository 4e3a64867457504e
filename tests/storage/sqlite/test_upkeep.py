"""Upkeep: what goes, in which order, what stays counted, and whether the space really comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from levqor_errors import instants
from levqor_errors.storage import Filters, Storage, Thinned, thinning
from levqor_errors.storage.sqlite import upkeep
from levqor_errors.storage.sqlite.storage import SqliteStorage
from storage_support import NOW, by_issue, new_event, store, total, write
from support import rows

pytestmark = pytest.mark.sqlite


@pytest.fixture
def storage(database: Path) -> Iterator[SqliteStorage]:
    storage = SqliteStorage(str(database))
    yield storage
    storage.close()


def prune_all(storage: Storage, days: float, *, most: int = 500) -> int:
    before = instants.to_text(NOW - timedelta(days=days))
    deleted = 0
    while step := storage.prune(before, most=most):
        assert step <= most
        deleted += step
    return deleted


def thin(storage: Storage, number: int) -> None:
    """Until so many events are gone."""
    deleted = 0
    while deleted < number:
        step = storage.thin(most=min(20, number - deleted))
        assert 0 < step.events <= 20
        deleted += step.events
    assert deleted == number


def give_back_all(storage: Storage) -> int:
    steps = 0
    while storage.give_back():
        steps += 1
    return steps


def test_pruning_goes_by_the_collectors_clock_and_stops_at_the_instant(storage: SqliteStorage, database: Path) -> None:
    edge = new_event("edge", days_ago=30)
    old = [
        new_event("old", days_ago=31 + number, created_at=instants.to_text(NOW - timedelta(days=2)))
        for number in range(7)
    ]
    write(storage, [*old, edge, new_event("new", created_at=instants.to_text(NOW - timedelta(days=29)))])
    assert prune_all(storage, 30, most=3) == 7
    assert by_issue(database) == {"old": 0, "edge": 1, "new": 1}
    assert prune_all(storage, 30) == 0


def test_pruning_changes_no_count_and_leaves_the_search_right(storage: SqliteStorage, database: Path) -> None:
    store(storage, "old", 12, days_ago=91, message="remember the elephant")
    store(storage, "new", 3, message="forget the elephant")
    before = storage.stats(Filters())
    assert prune_all(storage, 90) == 12
    assert storage.stats(Filters()) == before
    assert total(database) == 15
    assert rows(database, "SELECT count FROM issues ORDER BY id") == [(12,), (3,)]
    # The search is over what is there.
    assert len(storage.recent(Filters(q="elephant"), limit=50).errors) == 3
    assert storage.stats(Filters(q="elephant"))["total"] == 3
    with storage._transaction() as db:
        db.execute("INSERT INTO error_events_fts (error_events_fts, rank) VALUES ('integrity-check', 1)")


def test_the_loudest_issue_is_thinned_first_and_its_newest_stay(storage: SqliteStorage, database: Path) -> None:
    store(storage, "rare", 1)
    store(storage, "loud", 200)
    store(storage, "middling", 30)
    thin(storage, 150)
    assert by_issue(database) == {"rare": 1, "loud": 50, "middling": 30}
    ((first, last),) = rows(database, "SELECT min(id), max(id) FROM error_events WHERE issue_id = 2")
    assert (first, last) == (152, 201)
    assert total(database) == 231


def test_loud_issues_come_down_to_one_level_together(storage: SqliteStorage, database: Path) -> None:
    for issue, number in (("a", 90), ("b", 60), ("c", 30), ("rare", 1)):
        store(storage, issue, number)
    thin(storage, 91)
    stored = by_issue(database)
    assert stored["rare"] == 1
    assert stored["c"] == 30
    assert abs(stored["a"] - stored["b"]) <= 2
    thin(storage, 60)
    stored = by_issue(database)
    assert stored.pop("rare") == 1
    assert max(stored.values()) - min(stored.values()) <= 2


def test_the_plan_is_made_anew_while_events_come_in(storage: SqliteStorage, database: Path) -> None:
    """An old plan would hold the issue that is loud now for a quiet one, and take the rare ones."""
    for number in range(20):
        store(storage, f"rare {number}", 1)
    for _ in range(10):
        store(storage, "flood", 40)
        thin(storage, 39)
    stored = by_issue(database)
    assert stored.pop("flood") == 10
    assert set(stored.values()) == {1}
    assert len(stored) == 20


def test_more_issues_than_a_plan_can_name(
    storage: SqliteStorage, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinning, "_PLAN_ISSUES", 4)
    for number in range(10):
        store(storage, f"{number}", 5)
    store(storage, "rare", 1)
    thin(storage, 40)
    assert set(by_issue(database).values()) == {1}


def test_at_one_event_each_issues_without_events_go_then_the_oldest_events(
    storage: SqliteStorage, database: Path
) -> None:
    for issue in ("forgotten", "resolved", "muted", "owed", "told"):
        store(storage, issue, 1, days_ago=100)
    with storage._transaction() as db:
        db.execute("UPDATE issues SET state = 'resolved' WHERE id = 2")
        db.execute("UPDATE issues SET state = 'muted' WHERE id = 3")
        for id_, decided_at in ((4, None), (5, "2026-01-01T00:00:00.000Z")):
            db["alert_outbox"].insert(  # type: ignore[union-attr]
                {"issue_id": id_, "first_event_id": 1, "count": 1, "created_at": "2026-01-01", "decided_at": decided_at}
            )
    assert prune_all(storage, 90) == 5
    for number in range(3):
        store(storage, f"new {number}", 1)
    # What the owner has a hand in, and what he is still to be told of, stays.
    assert storage.thin(most=500) == Thinned(events=0, issues=2)
    assert list(by_issue(database)) == ["resolved", "muted", "owed", "new 0", "new 1", "new 2"]
    assert rows(database, "PRAGMA foreign_key_check") == []
    assert rows(database, "SELECT issue_id FROM alert_outbox") == [(4,)]
    assert storage.thin(most=500) == Thinned(events=1, issues=0)
    assert by_issue(database)["new 0"] == 0
    assert total(database) == 8
    while any(storage.thin(most=500)):
        pass
    assert by_issue(database) == {"resolved": 0, "muted": 0, "owed": 0}
    assert total(database) == 8
    # And on it goes as with a new database.
    store(storage, "new 0", 1)
    assert by_issue(database)["new 0"] == 1


def test_space_comes_back_to_the_system(storage: SqliteStorage, database: Path) -> None:
    stack = " ".join(f"word{number}" for number in range(2_000))
    for _ in range(30):
        store(storage, "large", 20, days_ago=100, stack=stack)
    while storage.give_back():
        pass
    full = storage.size()
    assert prune_all(storage, 90) == 600
    # A delete alone only marks: in the file, which stays as it is, and in the full-text index, which even grows.
    marked = storage.size()
    assert marked.disk >= full.disk
    give_back_all(storage)
    emptied = storage.size()
    assert emptied.live < full.live / 20
    assert emptied.disk < full.disk / 4
    assert database.stat().st_size < full.disk / 4
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]


def test_a_step_is_short_however_much_there_is_to_do(
    storage: SqliteStorage, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(storage, "old", 400, days_ago=100)
    # With no time at all there is still progress, by one.
    monkeypatch.setattr(thinning, "STEP_SECONDS", 0.0)
    before = instants.to_text(NOW)
    assert storage.prune(before, most=400) == 1
    assert storage.thin(most=400).events <= 1
    monkeypatch.undo()
    assert storage.prune(before, most=10) <= 10


def test_a_few_deleted_events_do_not_make_the_index_be_rewritten(storage: SqliteStorage) -> None:
    store(storage, "kept", 100)
    store(storage, "old", 3, days_ago=100)
    give_back_all(storage)
    assert prune_all(storage, 90) == 3
    assert give_back_all(storage) == 0
    store(storage, "old", 10, days_ago=100)
    assert prune_all(storage, 90) == 10
    assert give_back_all(storage) > 0


def test_the_weight_of_a_batch_is_about_what_it_takes(storage: SqliteStorage) -> None:
    batch = [new_event(f"{number}", context={"part": ["x" * 8_000] * 20}) for number in range(50)]
    before = storage.size().live
    write(storage, batch)
    took = storage.size().live - before
    assert took <= upkeep.weight(batch) <= 3 * took
