"""What pages and the API tell of issues, on both databases: numbers, orders, pages; shares; what is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from levqor_errors import instants, limits
from levqor_errors.errors import TriageError
from levqor_errors.storage import Filters, IssueQuery, Sort, Storage
from storage_support import NOW, do, new_event, store, write
from support import Database, rows

AT = instants.to_text(NOW)


def later(**time: float) -> str:
    """An instant so long after `NOW`."""
    return instants.to_text(NOW + timedelta(**time))


def issue(storage: Storage, issue_id: int = 1, **options: Any) -> dict[str, Any]:
    """One that is there."""
    found = storage.issue(issue_id, now=AT, **options)
    assert found is not None
    return found


def listed(storage: Storage, **query: Any) -> list[str]:
    """Titles of all pages, two a page."""
    titles: list[str] = []
    after = None
    while True:
        page = storage.issues(IssueQuery(**{"limit": 2, "after": after, **query}), now=AT)
        titles += [one["title"].removeprefix("of issue ") for one in page.issues]
        after = page.next
        if after is None:
            return titles


def test_an_issue_tells_all_that_is_known_of_it(storage: Storage) -> None:
    write(storage, [new_event("a", service="shop", severity="warning", days_ago=2, user_email="anna@example.com")])
    write(
        storage,
        [
            new_event("a", service="shop", severity="error", days_ago=1 / 24, user_email="anna@example.com"),
            new_event("a", service="shop", severity="info", context={"user": {"id": 7}}),
            new_event("a", service="shop", severity="info", context={"user": {"username": "bob"}}),
            new_event("a", service="shop", severity="info", context={"user": {"id": True}}),
        ],
    )
    found = issue(storage)
    expected = {
        "id": 1, "title": "of issue a", "service": "shop", "severity": "error", "state": "open", "count": 5, "users": 3,
        "users_at_least": False, "first_seen": later(days=-2), "last_seen": AT, "regressions": 0, "note": "",
        "muted_until": None, "mute_count": None, "resolved_at": None, "resolved_in_next_release": False,
        "trend": {"now": 4, "before": 0},
        "grouping": ["custom", "shop", "a"], "merged": [], "changes": [], "ledger": [],
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    hours = found["sparkline"]
    assert (hours["bucket"], hours["since"], hours["counts"]) == (
        "hour",
        later(hours=-23)[:14] + "00:00.000Z",
        [0] * 22 + [1, 3],
    )
    days = issue(storage, days=True)["sparkline"]
    assert (days["bucket"], days["since"][:10], days["counts"]) == ("day", "2026-11-10", [0] * 11 + [1, 0, 4])
    assert storage.issue(99, now=AT) is None


def test_orders_and_pages(storage: Storage) -> None:
    # Name, events in the last day, in the day before, users, first seen.
    for name, now, before, users, first in (
        ("a", 1, 5, 4, 9), ("b", 5, 1, 1, 8), ("c", 2, 2, 3, 7), ("d", 3, 0, 0, 6), ("e", 0, 9, 2, 5),
    ):  # fmt: skip
        batch = [new_event(name, days_ago=first)]
        batch += [
            new_event(name, days_ago=1.5, user_email=f"{one % users}@x.org" if users else None) for one in range(before)
        ]
        batch += [
            new_event(name, days_ago=0.1 + first / 100, user_email=f"{one % users}@x.org" if users else None)
            for one in range(now)
        ]
        write(storage, batch)
    assert listed(storage) == ["d", "c", "b", "a", "e"]
    assert listed(storage, sort=Sort.FIRST_SEEN) == ["e", "d", "c", "b", "a"]
    assert listed(storage, sort=Sort.EVENTS) == ["b", "d", "c", "a"]
    assert listed(storage, sort=Sort.EVENTS, since=later(days=-2)) == ["e", "b", "a", "c", "d"]
    assert listed(storage, sort=Sort.TREND) == ["b", "d", "c", "a", "e"]
    affected = {one["title"]: one["users"] for one in storage.issues(IssueQuery(), now=AT).issues}
    assert [affected[f"of issue {name}"] for name in listed(storage, sort=Sort.USERS)] == sorted(
        affected.values(), reverse=True
    )
    for wrong in ("x", " 1", "2026 -1", "2026 1; DROP TABLE issues", "9" * 30):
        for sort in Sort:
            with pytest.raises(TriageError, match="after must be"):
                storage.issues(IssueQuery(sort=sort, after=wrong), now=AT)


def test_filters(storage: Storage) -> None:
    write(storage, [new_event(name, service=service, severity=severity) for name, service, severity in (
        ("red apple", "shop", "error"), ("red-hot chilli", "shop", "critical"), ("green_apple pie", "mail", "error"),
    )])  # fmt: skip
    (apple,) = storage.issues(IssueQuery(q="red apple"), now=AT).issues
    do(storage, "resolve", apple["id"])
    assert sorted(listed(storage)) == ["green_apple pie", "red apple", "red-hot chilli"]
    assert listed(storage, state="resolved") == ["red apple"]
    assert listed(storage, state="open", service="shop") == ["red-hot chilli"]
    assert listed(storage, severity=("critical",)) == ["red-hot chilli"]
    for words, found in (
        ("apple", ["green_apple pie", "red apple"]), ("APP re", ["red apple"]), ("hot", ["red-hot chilli"]),
        ("red-hot", ["red-hot chilli"]), ("nothing", []), ("\"' * ( ) : & | ! <-> \\ NEAR", []), ("'", []), ("%", []),
    ):  # fmt: skip
        for sort in (Sort.LAST_SEEN, Sort.EVENTS):
            assert sorted(listed(storage, q=words, sort=sort)) == found


def test_users_are_bounded(storage: Storage, database: Database) -> None:
    for start in range(0, limits.ISSUE_USERS + 600, 1_000):
        write(storage, [new_event(user_email=f"{start + one}@example.com") for one in range(1_000)])
    found = issue(storage)
    assert (found["users"], found["users_at_least"]) == (limits.ISSUE_USERS, True)
    storage.give_back()
    assert rows(database, "SELECT COUNT(*) FROM issue_users") == [(limits.ISSUE_USERS,)]
    assert issue(storage) == found
    assert "example" not in repr(rows(database, "SELECT * FROM issue_users LIMIT 100"))


def test_too_many_names_are_counted_without_them(storage: Storage) -> None:
    many = limits.COUNTED_NAMES
    write(storage, [new_event(service="shop", release=str(number)) for number in range(many + 50)])
    write(storage, [new_event(service="mail", release="1")])
    assert storage.stats(Filters())["total"] == many + 51
    assert storage.stats(Filters(release="1"))["total"] == 2
    assert storage.stats(Filters(release=str(many)))["total"] == 0


def test_shares_end_and_are_taken_back(storage: Storage) -> None:
    store(storage, "a", 1)
    store(storage, "b", 1)
    assert storage.add_share("hash", 1, created_at=AT, expires_at=later(days=1))
    assert not storage.add_share("other", 99, created_at=AT, expires_at=later(days=1))
    assert storage.shared("hash", now=AT) == 1
    assert storage.shared("hash", now=later(days=1)) is None
    assert storage.shared("other", now=AT) is None
    assert storage.shares(1, now=AT) == [{"token_hash": "hash", "created_at": AT, "expires_at": later(days=1)}]
    do(storage, "merge", 1, into=2)
    assert storage.shared("hash", now=AT) == 2
    assert len(storage.shares(2, now=AT)) == 1
    assert storage.drop_share("hash")
    assert not storage.drop_share("hash")
    assert storage.shared("hash", now=AT) is None


def test_what_is_old_is_forgotten(storage: Storage, database: Database) -> None:
    write(storage, [new_event(days_ago=100), new_event(days_ago=95), new_event()])
    do(storage, "resolve", 1, at=later(days=-95))
    do(storage, "reopen", 1)
    storage.add_share("ended", 1, created_at=later(days=-9), expires_at=AT)
    storage.add_share("works", 1, created_at=AT, expires_at=later(days=1))
    storage.give_back()
    while storage.tidy_issues(AT, most=500):
        pass
    assert issue(storage)["count"] == 3
    assert rows(database, "SELECT SUM(count) FROM issue_counts") == [(1,)]
    assert rows(database, "SELECT action FROM issue_changes") == [("reopen",)]
    assert rows(database, "SELECT token_hash FROM shares") == [("works",)]
