"""Why was I told, or not? Every answer; on both databases."""

from __future__ import annotations

from typing import Any

from levqor_errors import instants
from levqor_errors.alert_rules import read_routes
from levqor_errors.alerts.explain import Explanation, explain
from levqor_errors.alerts.planner import Planner
from levqor_errors.alerts.routes import Routes
from levqor_errors.config import AlertSettings
from levqor_errors.storage import Storage, StoredEvent
from levqor_errors.storage.base import CANARY_SERVICE
from storage_support import NOW, do, new_event, write

AT = instants.to_text(NOW)
SHOWN = "2026-11-23 13:05:39 UTC"


def log(storage: Storage, issue: str = "a", **fields: Any) -> int:
    (stored,) = write(storage, [new_event(issue, **{"severity": "critical", "service": "shop"} | fields)])
    assert isinstance(stored, StoredEvent)
    return stored.id


def plan(storage: Storage, routes: str = "", **settings: Any) -> None:
    with storage.alerts() as store:
        planner = Planner(AlertSettings(**settings), Routes(read_routes("R", routes), ("telegram", "email")))
        planner.plan(store, NOW, down=(), canary=None)


def why(storage: Storage, event: int) -> Explanation:
    found = storage.get(event)
    assert found is not None
    return explain(storage, found)


def note(storage: Storage, what: str, **about: Any) -> None:
    with storage.alerts() as store:
        store.ledger.note(what, "because", now=AT, **about)


def test_what_is_not_told_by_itself(storage: Storage) -> None:
    assert why(storage, log(storage, severity="error")).answer.startswith("Not told by itself")
    # Also where a critical one of its issue is owed.
    event = log(storage, "b", severity="error")
    log(storage, "b")
    assert why(storage, event).answer.startswith("Not told by itself")


def test_the_canary(storage: Storage) -> None:
    assert "own canary" in why(storage, log(storage, service=CANARY_SERVICE)).answer


def test_from_undecided_to_told(storage: Storage) -> None:
    first = log(storage)
    assert why(storage, first) == Explanation("Not yet: it waits to be decided on.", [])
    plan(storage)
    assert why(storage, first).answer == "To be told in A1, about 1 event; it has not arrived yet."
    note(storage, "waits", alert_id=1, issue_id=1, channel="telegram")
    note(storage, "sent", alert_id=1, issue_id=1, channel="telegram")
    note(storage, "sent", alert_id=1, issue_id=1, channel="email")
    note(storage, "muted", alert_id=1, issue_id=1)
    told = why(storage, first)
    assert told.answer == f"Told in A1, about 1 event, by telegram at {SHOWN} and email at {SHOWN}."
    assert [line["what"] for line in told.lines] == ["decided", "waits", "sent", "sent", "muted"]
    # What comes next is owed by itself.
    second = log(storage)
    plan(storage)
    assert "cool-down" in why(storage, second).answer
    assert why(storage, first).answer == told.answer


def test_muted_nowhere_and_resolved(storage: Storage) -> None:
    muted, staging, resolved = log(storage), log(storage, "b", environment="staging"), log(storage, "c")
    ids = {event: (storage.get(event) or {})["issue_id"] for event in (muted, resolved)}
    do(storage, "mute", ids[muted], events=10)
    do(storage, "resolve", ids[resolved])
    plan(storage, "environment=staging -> none")
    assert (
        why(storage, muted).answer == "Not yet: it waits while its issue is muted, until more of its events have come."
    )
    assert why(storage, staging).answer == "Not told: ALERT_ROUTES sends it nowhere."
    assert why(storage, resolved).answer == "Not told: its issue was resolved before."
    assert [line["what"] for line in why(storage, resolved).lines] == ["decided", "resolved"]


def test_one_that_came_back_is_told_whatever_its_severity(storage: Storage) -> None:
    log(storage, severity="warning")
    do(storage, "resolve", 1)
    event = log(storage, severity="warning")
    later = log(storage, severity="warning")
    plan(storage)
    assert why(storage, event).answer.startswith("To be told in A1")
    assert "came back" in why(storage, event).lines[0]["detail"]
    assert why(storage, later).answer.startswith("Not told by itself")


def test_one_of_many(storage: Storage) -> None:
    events = [log(storage, f"n{number}") for number in range(5)]
    plan(storage, cap=2)
    answers = [why(storage, event) for event in events]
    assert sorted(one.answer.split()[4] for one in answers) == ["A1,", "A2,", "A2,", "A2,", "A2,"]
    assert any("told in a message about many" in one.lines[0]["detail"] for one in answers)


def test_what_is_forgotten(storage: Storage) -> None:
    event = log(storage)
    plan(storage)
    with storage.alerts() as store:
        for delivery in store.deliveries.waiting("telegram"):
            store.deliveries.end(delivery.id, "sent", now=AT)
        store.outbox.forget("2027")
    assert why(storage, event).answer.startswith("It was owed, and what became of that is forgotten")
