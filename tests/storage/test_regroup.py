"""What is stored follows the owner's rules of grouping, and what he merges and splits; on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from levqor_errors import instants, limits
from levqor_errors.errors import RequestRefusedError
from levqor_errors.event import normalize
from levqor_errors.grouping_rules import CONSTANT, VARIABLE, Grouper
from levqor_errors.storage import Filters, IssueQuery, NewEvent, Storage
from regroup_support import AT, check, issues, regroup, said, shown, treat, undo
from storage_support import NOW, do, write
from support import Database, rows


def places(database: Database) -> dict[str, int]:
    """Which issue each message is in; each is in one."""
    found = rows(database, "SELECT DISTINCT message, issue_id FROM error_events")
    assert len(dict(found)) == len(found)
    return dict(found)


def test_a_variable_word_joins_what_is_stored_and_taking_it_back_restores_it(
    storage: Storage, database: Database
) -> None:
    for message, number in (("cart is full", 3), ("basket is full", 2), ("bag is full", 1), ("cart is empty", 4)):
        for one in range(number):
            said(storage, message, user_email=f"{message[:3]}{one}@x.org", days_ago=number, severity="warning")
    do(storage, "note", 2, note="mine")
    do(storage, "mute", 1, seconds=60)
    before = [shown(storage, id_) for id_ in (1, 2, 3, 4)]
    change = treat(storage, 2, 0, VARIABLE)
    regroup(storage)
    assert issues(storage) == {2: ("basket is full", 6), 4: ("cart is empty", 4)}
    assert (shown(storage, 2)["note"], shown(storage, 2)["users"]) == ("mine", 6)
    assert set(places(database).values()) == {2, 4}
    check(storage, database, total=10)
    # What comes by the new rule, and what another collector still groups by the old ones.
    said(storage, "trolley is full", "cart is full")
    said(storage, "bag is full", "bottle is full", grouper=Grouper())
    regroup(storage)
    assert issues(storage) == {2: ("basket is full", 10), 4: ("cart is empty", 4)}
    check(storage, database, total=14)
    undo(storage, change)
    regroup(storage)
    assert issues(storage) == {
        1: ("cart is full", 4), 2: ("basket is full", 2), 3: ("bag is full", 2), 4: ("cart is empty", 4),
        6: ("bottle is full", 1), 7: ("trolley is full", 1),
    }  # fmt: skip
    assert len(set(places(database).values())) == 6
    check(storage, database, total=14)
    after = [shown(storage, id_) for id_ in (1, 2, 3, 4)]
    for name in ("note", "state", "muted_until", "first_seen", "title"):
        assert [one[name] for one in before] == [one[name] for one in after]


def test_what_came_by_a_rule_alone_goes_when_it_is_taken_back(storage: Storage, database: Database) -> None:
    said(storage, "cart is full")
    change = treat(storage, 1, 0, VARIABLE)
    regroup(storage)
    said(storage, "basket is full", "bag is full")
    assert issues(storage) == {1: ("cart is full", 3)}
    undo(storage, change)
    regroup(storage)
    assert len(set(places(database).values())) == 3
    check(storage, database, total=3)


def test_a_constant_number_divides_what_is_stored_and_taking_it_back_restores_it(
    storage: Storage, database: Database
) -> None:
    said(storage, *[f"Timeout after {number} ms" for number in (30, 60, 30, 90, 30)], user_email="a@x.org")
    said(storage, "Timeout after 60 ms", user_email="b@x.org", severity="critical")
    do(storage, "mute", 1, events=100)
    do(storage, "note", 1, note="mine")
    with storage.alerts() as store:
        owed = store.outbox.open(10)
    change = treat(storage, 1, 2, CONSTANT)
    regroup(storage)
    found = dict(issues(storage).values())
    assert found == {"Timeout after 30 ms": 3, "Timeout after 60 ms": 2, "Timeout after 90 ms": 1}
    severities = {one["title"][-5:-3]: one["severity"] for one in storage.issues(IssueQuery(), now=AT).issues}
    assert severities == {"30": "error", "60": "critical", "90": "error"}
    assert {one["state"] for one in storage.issues(IssueQuery(), now=AT).issues} == {"muted"}
    # Of the 100 events that end the mute none has come.
    assert {one["mute_count"] - one["count"] for one in storage.issues(IssueQuery(), now=AT).issues} == {100}
    check(storage, database, total=6)
    with storage.alerts() as store:
        assert len(store.outbox.open(10)) == len(owed) == 1
    # Nothing is left of the old one, and its address leads on.
    assert shown(storage, 1)["id"] != 1
    said(storage, "Timeout after 30 ms", "Timeout after 7 ms")
    said(storage, "Timeout after 30 ms", "Timeout after 8 ms", grouper=Grouper())
    regroup(storage)
    assert sorted(count for _, count in issues(storage).values()) == [1, 1, 1, 2, 5]
    check(storage, database, total=10)
    undo(storage, change)
    regroup(storage)
    assert issues(storage) == {1: ("Timeout after 30 ms", 10)}
    assert shown(storage, 1)["note"] == "mine"
    check(storage, database, total=10)


def test_what_is_not_stored_any_more_stays(storage: Storage, database: Database) -> None:
    said(storage, *["Timeout after 30 ms"] * 4, days_ago=3, user_email="old@x.org")
    said(storage, *["Retry after 60 ms"] * 3, days_ago=3)
    said(storage, "Timeout after 60 ms", "Retry after 60 ms", days_ago=0)
    prune(storage, days=1)
    change = treat(storage, 1, 2, CONSTANT)
    regroup(storage)
    assert dict(issues(storage).values()) == {
        "Timeout after 30 ms": 4, "Timeout after 60 ms": 1, "Retry after 60 ms": 4,
    }  # fmt: skip
    # Of what is deleted the hour is known.
    assert shown(storage, 1)["last_seen"] == instants.hour_of(instants.to_text(NOW - timedelta(days=3)))
    check(storage, database, total=9, whole=False)
    undo(storage, change)
    regroup(storage)
    assert sorted(count for _, count in issues(storage).values()) == [4, 5]
    change = treat(storage, 1, 0, VARIABLE)
    regroup(storage)
    assert issues(storage) == {1: ("Timeout after 30 ms", 9)}
    undo(storage, change)
    regroup(storage)
    assert issues(storage) == {1: ("Timeout after 30 ms", 5), 2: ("Retry after 60 ms", 4)}
    assert shown(storage, 2)["first_seen"] == instants.to_text(NOW - timedelta(days=3))
    check(storage, database, total=9, whole=False)


def prune(storage: Storage, *, days: float) -> None:
    """Forget events older than so many days."""
    while storage.prune(instants.to_text(NOW - timedelta(days=days)), most=100):
        pass


def test_rules_on_exceptions(storage: Storage, database: Database) -> None:
    for value in ("no item 7", "no item 8", "no cart"):
        for place in ("pay", "refund"):
            frames = [{"module": "shop", "function": place, "in_app": True}]
            context = {"exceptions": [{"type": "ValueError", "value": value, "frames": frames}]}
            said(storage, f"{value} in {place}", context=context)
    assert len(issues(storage)) == 2
    treat(storage, 1, 1, VARIABLE)
    regroup(storage)
    assert issues(storage) == {1: ("ValueError: no item 7", 6)}
    treat(storage, 1, 2, CONSTANT)
    regroup(storage)
    assert sorted(count for _, count in issues(storage).values()) == [2, 4]
    check(storage, database, total=6)


def test_a_rule_on_an_issue_of_rules_keeps_that_issue(storage: Storage, database: Database) -> None:
    said(storage, *[f"{what} after {number} ms" for what in ("Timeout", "Retry") for number in (30, 60)])
    treat(storage, 1, 2, CONSTANT)
    regroup(storage)
    (thirty,) = (id_ for id_, (title, _) in issues(storage).items() if title == "Timeout after 30 ms")
    do(storage, "note", thirty, note="mine")
    change = treat(storage, thirty, 0, VARIABLE)
    regroup(storage)
    found = places(database)
    assert found["Timeout after 30 ms"] == found["Retry after 30 ms"] == thirty
    assert found["Timeout after 60 ms"] == found["Retry after 60 ms"] != thirty
    assert shown(storage, thirty)["note"] == "mine"
    check(storage, database, total=4)
    undo(storage, change)
    regroup(storage)
    found = places(database)
    assert found["Timeout after 30 ms"] == thirty
    assert len(set(found.values())) == 3
    check(storage, database, total=4)


def test_rules_that_meet_join_their_issues_and_come_apart_again(storage: Storage, database: Database) -> None:
    said(storage, "cart is full", "basket is full", "cart is empty", "bag is empty", "bag is full", "bag is red")
    first = treat(storage, 1, 0, VARIABLE)
    regroup(storage)
    do(storage, "note", 1, note="full")
    second = treat(storage, 4, 2, VARIABLE)
    regroup(storage)
    assert len(set(places(database).values())) == 1
    assert set(places(database).values()) == {4}
    check(storage, database, total=6)
    undo(storage, second)
    regroup(storage)
    found = places(database)
    assert found["cart is full"] == found["basket is full"] == found["bag is full"] == 1
    assert shown(storage, 1)["note"] == "full"
    assert len(set(found.values())) == 4
    check(storage, database, total=6)
    undo(storage, first)
    regroup(storage)
    assert len(set(places(database).values())) == 6
    check(storage, database, total=6)


def test_a_merge_is_taken_apart(storage: Storage, database: Database) -> None:
    for name, number in (("a", 3), ("b", 4), ("c", 5)):
        for one in range(number):
            said(storage, f"of {name}", fingerprint=name, user_email=f"{name}{one % 2}@x.org", days_ago=number - one)
    do(storage, "mute", 2, seconds=60)
    (merged,) = do(storage, "merge", 2, into=1).changes
    do(storage, "merge", 1, into=3)
    said(storage, "of a", fingerprint="a")
    regroup(storage)
    said(storage, "of b", fingerprint="b", severity="critical")
    assert issues(storage) == {3: ("of c", 14)}
    check(storage, database, total=14)
    undo(storage, merged)
    # At once what it had, and the rest when it is moved.
    assert issues(storage) == {2: ("of b", 0), 3: ("of c", 14)}
    regroup(storage)
    assert issues(storage) == {2: ("of b", 5), 3: ("of c", 9)}
    assert (shown(storage, 2)["state"], shown(storage, 2)["severity"]) == ("muted", "critical")
    assert shown(storage, 3)["severity"] == "error"
    check(storage, database, total=14)
    split = [one["fingerprint"] for one in shown(storage, 3)["merged"]]
    other, change = storage.split_issue(3, split[0], who="Anna", now=AT)
    regroup(storage)
    assert (other, issues(storage)) == (1, {1: ("of a", 4), 2: ("of b", 5), 3: ("of c", 5)})
    check(storage, database, total=14)
    # And back, and forth.
    undo(storage, change)
    regroup(storage)
    assert issues(storage) == {2: ("of b", 5), 3: ("of c", 9)}
    check(storage, database, total=14)
    undo(storage, storage.undo([max(c["id"] for c in shown(storage, 3)["changes"])], who="A", now=AT).changes[0])
    with pytest.raises(RequestRefusedError):
        storage.split_issue(3, "nobody's", who="Anna", now=AT)


def test_events_of_overflow_and_of_senders_fingerprints_stay(storage: Storage, database: Database) -> None:
    said(storage, "cart is full", "basket is full")
    said(storage, "cart is full", fingerprint="mine")
    event = normalize({"message": "cart is full", "service": "shop"}, received_at=NOW)
    write(storage, [NewEvent(event, Grouper().group(event)._replace(fingerprint="0" * 32), may_open=False)])
    treat(storage, 1, 0, VARIABLE)
    do(storage, "merge", 4, 3, into=1)
    regroup(storage)
    assert issues(storage) == {1: ("cart is full", 4)}
    for one in shown(storage, 1)["merged"]:
        if one["by"] == "owner":
            storage.split_issue(1, one["fingerprint"], who="Anna", now=AT)
    regroup(storage)
    assert sorted(count for _, count in issues(storage).values()) == [1, 1, 2]
    check(storage, database, total=4)


def test_statistics_do_not_change(storage: Storage) -> None:
    said(storage, *[f"{what} after {number} ms" for what in ("Timeout", "Retry") for number in (30, 60)])
    before = storage.stats(Filters())
    treat(storage, 1, 0, VARIABLE)
    treat(storage, 1, 2, CONSTANT)
    regroup(storage)
    assert storage.stats(Filters()) == before


def test_what_cannot_be_said(storage: Storage) -> None:
    said(storage, "cart is full")
    with pytest.raises(RequestRefusedError):
        treat(storage, 1, 0, CONSTANT)
    with pytest.raises(RequestRefusedError, match="no such issue"):
        treat(storage, 9, 0, VARIABLE)
    assert storage.drop_grouping_rule(9, who="Anna", now=AT) is None
    assert storage.explain_grouping(9) is None


def test_as_many_rules_and_issues_as_may_be(
    storage: Storage, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GROUPING_RULES_SERVICE", 1)
    monkeypatch.setattr(limits, "REGROUP_ISSUES", 2)
    said(storage, *[f"took {number} ms" for number in range(9)])
    treat(storage, 1, 1, CONSTANT)
    with pytest.raises(RequestRefusedError, match="take back some"):
        treat(storage, 1, 0, VARIABLE)
    regroup(storage)
    # The rest stays where it was.
    assert sorted(count for _, count in issues(storage).values()) == [1, 1, 7]
    check(storage, database, total=9)


def test_an_issue_explains_itself(storage: Storage) -> None:
    said(storage, "cart 7 is full")
    treat(storage, 1, 0, VARIABLE)
    told = storage.explain_grouping(1)
    assert told is not None
    assert (told["kind"], told["service"], told["event_id"], told["regrouping"]) == ("message", "shop", 1, True)
    assert [(part["text"], part["value"], part["choices"]) for part in told["parts"]] == [
        ("<any>", "cart", ()), ("<number>", "7", (CONSTANT, VARIABLE)), ("is", "is", (VARIABLE,)),
        ("full", "full", (VARIABLE,)),
    ]  # fmt: skip
    assert told["rules"] == [{"id": 1, "treat": VARIABLE, "text": "“cart”"}]
    regroup(storage)
    told = storage.explain_grouping(1)
    assert told is not None
    assert not told["regrouping"]
    history: Sequence[dict[str, Any]] = shown(storage, 1)["changes"]
    assert history[0]["detail"] == "by Anna: “cart” is variable"
    assert storage.drop_grouping_rule(1, who="Anna", now=AT) == 2
    assert storage.grouper().rules == ()
