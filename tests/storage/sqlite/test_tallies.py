"""What is counted is exact at every moment, whether it is added up yet or not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from levqor_errors import instants
from levqor_errors.storage import Filters, IssueQuery, Sort, Storage, open_storage
from levqor_errors.storage.sqlite import tallies
from storage_support import NOW, do, new_event, store, write

pytestmark = pytest.mark.sqlite

AT = instants.to_text(NOW)


def waiting(database: Path) -> int:
    """How many tallies there are."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM tallies").fetchone()[0])


def all_that_is_counted(storage: Storage) -> list[Any]:
    """By every way to ask for it."""
    listed = [storage.issues(IssueQuery(sort=sort), now=AT)._asdict() for sort in Sort]
    filters = [
        Filters(),
        Filters(service="shop"),
        Filters(severity=("critical",)),
        Filters(since="2026-11-23T12:00:00.000Z"),
    ]
    with storage.alert_reader(long=True) as alerts:
        services = alerts.activity.hours("2026-11-01T00:00:00.000Z")
    return [
        listed,
        [storage.issue(one["id"], now=AT, days=True) for one in listed[0]["issues"]],
        [storage.stats(one) for one in filters],
        [storage.overview(one, unit="hour", before=None, named_since="2026-11-01") for one in filters],
        [storage.recent(one, limit=100) for one in filters],
        storage.digest("2026-11-22T00:00:00.000Z", "2026-11-24T00:00:00.000Z"),
        sorted(storage.services()),
        services,
    ]


def test_nobody_sees_whether_it_is_added_up(storage: Storage, database: Path) -> None:
    for day, users in ((3, ("a", "b")), (0, ("b", "c", "c")), (0, ("d",))):
        batch = [
            new_event(issue, days_ago=day, user_email=f"{user}@x.org", severity=severity, service=service)
            for user in users
            for issue, severity, service in (
                ("one", "error", "shop"), ("one", "critical", "shop"), ("two", "info", "mail"), (user, "warning", "x"),
            )
        ]  # fmt: skip
        write(storage, batch)
        assert waiting(database) > 0
        before = all_that_is_counted(storage)
        if day == 0:
            # The first of all is added up only with what comes later.
            storage.give_back()
            assert waiting(database) == 0
            assert all_that_is_counted(storage) == before
    assert {one["title"]: one["users"] for one in before[0][0]["issues"]}["of issue one"] == 4


def test_whoever_changes_counts_adds_up_first(storage: Storage, database: Path) -> None:
    store(storage, "one", 3)
    store(storage, "two", 2)
    do(storage, "merge", 2, into=1)
    assert waiting(database) == 0
    assert [(one["id"], one["count"]) for one in storage.issues(IssueQuery(), now=AT).issues] == [(1, 5)]


def test_so_many_wait_at_most(storage: Storage, database: Path) -> None:
    most = 0
    for _ in range(3 * tallies.MOST // 300):
        store(storage, "one", 300)
        most = max(most, waiting(database))
    assert 1 < most <= tallies.MOST // 300 + 1
    assert storage.stats(Filters())["total"] == 3 * tallies.MOST // 300 * 300


def test_a_file_that_is_left_is_added_up(database: Path) -> None:
    with closing(open_storage(str(database))) as storage:
        store(storage, "one", 3)
        assert waiting(database) == 1
    assert waiting(database) == 0
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count, last_seen FROM issues").fetchall() == [(3, AT)]
        assert connection.execute("SELECT count FROM event_counts").fetchall() == [(3,)]
