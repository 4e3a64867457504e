"""What the owner does with issues and takes back, and what new events make of it; on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from levqor_errors import instants, limits
from levqor_errors.errors import TriageError
from levqor_errors.storage import Action, Filters, IssueQuery, Refusal, Storage, Triaged
from storage_support import NOW, do, new_event, store, write
from support import Database, check_sound, rows

AT = instants.to_text(NOW)


def later(**time: float) -> str:
    """An instant so long after `NOW`."""
    return instants.to_text(NOW + timedelta(**time))


def undo(storage: Storage, *changes: int) -> Triaged:
    return storage.undo(changes, who="Bob", now=AT)


def shown(storage: Storage, issue_id: int = 1, now: str = AT) -> dict[str, Any]:
    found = storage.issue(issue_id, now=now)
    assert found is not None
    return found


def state(storage: Storage, issue_id: int = 1) -> tuple[str, int]:
    """State and regressions."""
    found = shown(storage, issue_id)
    return found["state"], found["regressions"]


def tidy(storage: Storage, now: str = AT) -> None:
    while storage.tidy_issues(now, most=3):
        pass


def count(storage: Storage, database: Database, issue_id: int = 1) -> int:
    """How many events it has, by all that tell it."""
    number = shown(storage, issue_id)["count"]
    assert isinstance(number, int)
    assert rows(database, "SELECT SUM(count) FROM issue_counts WHERE issue_id = ?", [issue_id]) == [(number,)]
    return number


HOSTILE: Sequence[tuple[dict[str, Any], str]] = [
    ({"do": "delete"}, "action must be one of resolve, "),
    ({"do": ""}, "action must be"),
    ({"do": "mute"}, "always ends"),
    ({"do": "mute", "seconds": 1, "events": 1}, "always ends"),
    ({"do": "mute", "seconds": 0}, "seconds must be between 1 and 7,776,000"),
    ({"do": "mute", "seconds": limits.MUTE_SECONDS + 1}, "seconds must be"),
    ({"do": "mute", "events": -1}, "events must be"),
    ({"do": "mute", "events": 10**30}, "events must be"),
    ({"do": "resolve", "seconds": 60}, "seconds belongs to the action mute"),
    ({"do": "merge"}, "into must name"),
    ({"do": "merge", "into": 2**63}, "into must be"),
    ({"do": "merge", "into": 1, "note": "x"}, "note belongs to"),
    ({"do": "note"}, "note is required"),
    ({"do": "note", "note": "x" * 4_001}, "at most 4,000 characters"),
]


@pytest.mark.parametrize(("arguments", "why"), HOSTILE)
def test_what_cannot_be_done(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(TriageError, match=why):
        Action(**arguments)


def test_resolve_reopen_and_what_is_kept_of_it(storage: Storage, database: Database) -> None:
    store(storage, "a", 1)
    store(storage, "b", 1)
    assert do(storage, "resolve", 1, 2, 3, 1) == Triaged([1, 2], [1, 2], [Refusal(3, "there is no such issue")])
    assert shown(storage)["resolved_at"] == AT
    # Again, at another time, is no change.
    assert do(storage, "resolve", 1, at=later(hours=1)) == Triaged([], [], [])
    assert do(storage, "reopen", 1).issues == [1]
    assert do(storage, "reopen", 1).issues == []
    found = shown(storage)
    assert (found["state"], found["resolved_at"], found["regressions"]) == ("open", None, 0)
    assert [(one["action"], one["detail"], one["undone_at"]) for one in found["changes"]] == [
        ("reopen", "by Anna", None), ("resolve", "by Anna", None),
    ]  # fmt: skip
    assert [line["what"] for line in found["ledger"]] == ["reopened", "resolved"]
    assert rows(database, "SELECT COUNT(*) FROM issue_changes") == [(3,)]


def test_resolved_in_the_next_release(storage: Storage) -> None:
    write(storage, [new_event("a", service="shop", release="1.0"), new_event("b", service="shop", release="1.1")])
    write(storage, [new_event("c", service="mail", release="2.0")])
    do(storage, "resolve_in_next_release", 1)
    assert sorted(shown(storage)["old_releases"]) == ["1.0", "1.1"]
    assert shown(storage)["resolved_in_next_release"]
    write(storage, [new_event("a", service="shop", release=release) for release in ("1.0", "1.1", "1.0")])
    assert state(storage) == ("resolved", 0)
    with storage.alerts() as alerts:
        assert alerts.outbox.open(10) == []
    # Of old ones and a new one in one commit it is the new one that is told of.
    write(storage, [new_event("a", service="shop", release=release) for release in ("1.1", "2.0", "1.0")])
    assert state(storage) == ("open", 1)
    assert not shown(storage)["resolved_in_next_release"]
    with storage.alerts() as alerts:
        (row,) = alerts.outbox.open(10)
    assert (row.events, row.regressed, row.first_event_id) == (1, 1, 8)


def test_without_a_release_it_comes_back(storage: Storage) -> None:
    write(storage, [new_event("a", release="1.0")])
    do(storage, "resolve_in_next_release", 1)
    write(storage, [new_event("a")])
    assert state(storage) == ("open", 1)


def test_a_mute_ends_by_the_clock(storage: Storage) -> None:
    store(storage, "a", 1)
    do(storage, "mute", 1, seconds=3600)
    assert shown(storage)["muted_until"] == later(hours=1)
    tidy(storage, later(minutes=59))
    store(storage, "a", 5)
    assert state(storage) == ("muted", 0)
    tidy(storage, later(hours=1))
    found = shown(storage)
    assert (found["state"], found["muted_until"], found["regressions"]) == ("open", None, 0)
    assert (found["ledger"][0]["what"], found["ledger"][0]["detail"]) == ("mute ended", "its time is over")


def test_a_mute_ends_by_volume(storage: Storage) -> None:
    store(storage, "a", 4)
    do(storage, "mute", 1, events=3)
    assert shown(storage)["mute_count"] == 7
    store(storage, "a", 2)
    tidy(storage)
    assert state(storage) == ("muted", 0)
    store(storage, "a", 1)
    tidy(storage)
    assert state(storage) == ("open", 0)
    assert shown(storage)["ledger"][0]["detail"] == "7 events have come by now"


def test_a_merge_moves_all_there_is(storage: Storage, database: Database) -> None:
    for name, number, severity in (("a", 3, "error"), ("b", 5, "critical"), ("c", 7, "error")):
        write(storage, [
            new_event(name, service="shop", days_ago=one / 24, user_email=f"{one}@x.org", severity=severity)
            for one in reversed(range(number))
        ])  # fmt: skip
    write(storage, [new_event("elsewhere", service="mail")])
    before = storage.stats(Filters())
    assert do(storage, "merge", 2, 4, 99, into=1) == Triaged(
        [1], [2],
        [Refusal(99, "there is no such issue"), Refusal(4, "it is of another service (mail) than issue 1 (shop)")],
    )  # fmt: skip
    # A name of a name is a name of the last.
    do(storage, "merge", 1, into=3)
    for _ in range(2):
        found = shown(storage, 2)
        assert (found["id"], found["count"], found["users"], found["severity"]) == (3, 15, 7, "critical")
        assert [one["id"] for one in found["merged"]] == [1, 2]
        assert count(storage, database, 3) == 15
        assert found["first_seen"] == later(hours=-6)
        assert storage.stats(Filters()) == before
        tidy(storage)
    assert rows(database, "SELECT issue_id, COUNT(*) FROM error_events GROUP BY 1 ORDER BY 1") == [(3, 15), (4, 1)]
    assert rows(database, "SELECT issue_id, count FROM alert_outbox") == [(3, 5)]
    # What comes of any of them goes there, and its state decides.
    do(storage, "resolve", 2)
    write(storage, [new_event(name, service="shop", user_email="0@x.org") for name in "abc"])
    assert state(storage, 3) == ("open", 1)
    assert count(storage, database, 3) == 18
    assert shown(storage, 3)["users"] == 7
    assert [one["id"] for one in storage.issues(IssueQuery(), now=AT).issues] == [4, 3]
    check_sound(database)


def test_undo(storage: Storage) -> None:
    for name in "abc":
        store(storage, name, 1)
    resolved = do(storage, "resolve", 1, 2).changes
    noted = do(storage, "note", 1, note=" seen by\nall ").changes
    assert shown(storage)["note"] == "seen by\nall"
    assert undo(storage, *resolved).issues == [2, 1]
    assert state(storage, 1) == ("open", 0)
    assert shown(storage)["note"] == "seen by\nall"
    assert undo(storage, resolved[0], 99) == Triaged(
        [], [], [Refusal(99, "there is no such change"), Refusal(resolved[0], "it is undone already")]
    )
    undone = undo(storage, *noted)
    assert shown(storage)["note"] == ""
    # And done again.
    undo(storage, *undone.changes)
    assert shown(storage)["note"] == "seen by\nall"
    history = [(one["action"], one["undone_at"] is not None) for one in shown(storage)["changes"]]
    assert history == [("undo", False), ("undo", True), ("undo", False), ("note", True), ("resolve", True)]


def test_what_was_changed_since_is_not_undone(storage: Storage) -> None:
    store(storage, "a", 1)
    store(storage, "b", 1)
    (resolved,) = do(storage, "resolve", 1).changes
    store(storage, "a", 1)
    (muted,) = do(storage, "mute", 2, seconds=60).changes
    do(storage, "mute", 2, seconds=120)
    do(storage, "merge", 2, into=1)
    assert undo(storage, resolved, muted) == Triaged(
        [],
        [],
        [
            Refusal(muted, "its issue is merged into another by now"),
            Refusal(resolved, "its issue has changed since"),
        ],
    )
    assert state(storage) == ("open", 1)
