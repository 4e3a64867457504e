"""What tests of regrouping share: what is said to a service, what its owner does, and whether all numbers agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from levqor_errors import instants
from levqor_errors.event import normalize
from levqor_errors.grouping_rules import Grouper
from levqor_errors.storage import IssueQuery, NewEvent, Storage
from storage_support import NOW, write
from support import Database, check_sound, rows

AT = instants.to_text(NOW)


def said(storage: Storage, *messages: str, grouper: Grouper | None = None, **fields: Any) -> None:
    """An event of each message, as a collector that knows the rules in force writes it; or one that has others."""
    grouper = storage.grouper() if grouper is None else grouper
    days = fields.pop("days_ago", 0)
    batch = []
    for message in messages:
        raw = {"message": message, "service": "shop", **fields}
        event = normalize(raw, received_at=NOW - timedelta(days=days))
        batch.append(NewEvent(event, grouper.group(event), rules=grouper.version))
    # New issues of one commit have ids in the order of their fingerprints; these are to have them in this order.
    first = [messages.index(message) for message in dict.fromkeys(messages)]
    for one in first:
        write(storage, [batch[one]])
    if others := [new for number, new in enumerate(batch) if number not in first]:
        write(storage, others)


def treat(storage: Storage, issue_id: int, position: int, what: str) -> int:
    return storage.treat_grouping(issue_id, position, what, who="Anna", now=AT)


def undo(storage: Storage, *changes: int) -> None:
    assert storage.undo(changes, who="Anna", now=AT).refused == []


def regroup(storage: Storage) -> None:
    """All that is to be done."""
    steps = 0
    while storage.regroup():
        steps += 1
        assert steps < 1_000
    while storage.tidy_issues(AT, most=100):
        pass


def issues(storage: Storage) -> dict[int, tuple[str, int]]:
    """Title and count of each issue."""
    return {one["id"]: (one["title"], one["count"]) for one in storage.issues(IssueQuery(), now=AT).issues}


def shown(storage: Storage, issue_id: int) -> dict[str, Any]:
    found = storage.issue(issue_id, now=AT)
    assert found is not None
    return found


def check(storage: Storage, database: Database, *, total: int, whole: bool = True) -> None:
    """Numbers agree with each other and, where no event was ever deleted, with the events."""
    listed = storage.issues(IssueQuery(limit=500), now=AT).issues
    assert sum(one["count"] for one in listed) == total
    while storage.give_back():
        pass
    hours = dict(rows(database, "SELECT issue_id, SUM(count) FROM issue_counts GROUP BY 1"))
    assert rows(database, "SELECT * FROM issue_counts WHERE count <= 0") == []
    assert rows(database, "SELECT * FROM merged_counts WHERE count <= 0") == []
    assert hours == {one["id"]: one["count"] for one in listed if one["count"]}
    if whole:
        facts = "SELECT issue_id, COUNT(*), MIN(received_at), MAX(received_at) FROM error_events GROUP BY 1"
        stored = {id_: (count, first, last) for id_, count, first, last in rows(database, facts)}
        assert {
            one["id"]: (one["count"], one["first_seen"], one["last_seen"]) for one in listed if one["count"]
        } == stored
        users = "SELECT issue_id, COUNT(DISTINCT user_email) FROM error_events GROUP BY 1"
        assert {one["id"]: one["users"] for one in listed if one["count"]} == dict(rows(database, users))
    for one in listed:
        kept = rows(database, "SELECT COUNT(*) FROM issue_users WHERE issue_id = ?", [one["id"]])
        assert kept == [(one["users"],)]
    check_sound(database)
