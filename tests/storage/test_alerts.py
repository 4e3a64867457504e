"""The outbox, deliveries, ledger and memory of alerts, on both databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from levqor_errors.alert_rules import read_rates
from levqor_errors.storage import Refusal, Storage, Triaged, open_storage
from levqor_errors.storage.alerts.outbox import Alert, Decision
from levqor_errors.storage.base import CANARY_SERVICE
from levqor_errors.storage.postgres.connections import READERS
from storage_support import do, new_event, write
from support import Database, execute, rows

NOW = "2026-11-23T13:05:39.000Z"
LATER = "2026-11-23T13:07:00.000Z"
NEVER = "2026-11-24T13:00:00.000Z"


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    storage = open_storage(str(database))
    yield storage
    storage.close()


def an_alert(key: str = "outbox 1", severity: str = "critical") -> Alert:
    return Alert(key, "critical", severity, "shop", 1, {"count": 3})


def test_only_critical_events_are_owed_one_row_an_issue(storage: Storage) -> None:
    write(storage, [new_event("a", severity="critical", service="shop"), new_event("b", severity="error")])
    write(storage, [new_event("a", severity="critical", service="shop") for _ in range(3)])
    write(storage, [new_event("a", severity="error", service="shop")])
    with storage.alerts() as store:
        (row,) = store.outbox.open(10)
    assert (row.issue_id, row.first_event_id, row.events, row.severity, row.regressed) == (1, 1, 4, "critical", 0)
    assert (row.service, row.state, row.environment) == ("shop", "open", None)


def test_after_a_decision_the_next_event_opens_another_row(storage: Storage) -> None:
    write(storage, [new_event("a", severity="critical")])
    with storage.alerts() as store:
        (row,) = store.outbox.open(10)
        store.outbox.decide([row.id], Decision.TOLD, "at once", 7, now=NOW)
        assert store.outbox.open(10) == []
        assert store.outbox.last_told([row.issue_id, 99]) == {row.issue_id: NOW}
    write(storage, [new_event("a", severity="critical")])
    with storage.alerts() as store:
        (after,) = store.outbox.open(10)
        store.outbox.decide([after.id], Decision.CANARY, "canary", None, now=LATER)
        # That was not told.
        assert store.outbox.last_told([row.issue_id]) == {row.issue_id: NOW}
    assert after.id != row.id


def test_a_resolved_issue_that_comes_back_is_owed_whatever_its_severity(storage: Storage, database: Database) -> None:
    write(storage, [new_event("a", severity="warning"), new_event("b", severity="warning")])
    assert do(storage, "resolve", 1, 99) == Triaged([1], [1], [Refusal(99, "there is no such issue")])
    write(storage, [new_event("a", severity="warning"), new_event("b", severity="warning")])
    write(storage, [new_event("a", severity="warning")])
    with storage.alerts() as store:
        (row,) = store.outbox.open(10)
    assert (row.issue_id, row.events, row.severity, row.regressed) == (1, 1, "warning", 1)
    assert rows(database, "SELECT state, regressions FROM issues ORDER BY id") == [("open", 1), ("open", 0)]
    write(storage, [new_event("a", severity="critical")])
    with storage.alerts() as store:
        (row,) = store.outbox.open(10)
    assert (row.events, row.severity, row.regressed) == (2, "critical", 1)


def test_the_canary_is_owed_whatever_its_severity(storage: Storage) -> None:
    write(storage, [new_event("a", severity="info", service=CANARY_SERVICE)])
    with storage.alerts() as store:
        assert [row.service for row in store.outbox.open(10)] == [CANARY_SERVICE]


def test_an_alert_is_added_once(storage: Storage, database: Database) -> None:
    with storage.alerts() as store:
        first = store.outbox.add(an_alert(), ["telegram", "email"], now=NOW)
        assert first is not None
        assert store.outbox.add(an_alert(), ["telegram"], now=LATER) is None
        found = store.deliveries.alert(first)
    assert found is not None
    assert (found.key, found.content, found.created_at) == ("outbox 1", {"count": 3}, NOW)
    assert rows(database, "SELECT channel, state, attempts FROM alert_deliveries ORDER BY id") == [
        ("telegram", "waiting", 0), ("email", "waiting", 0),
    ]  # fmt: skip


def test_a_claim_is_held_until_it_ends(storage: Storage) -> None:
    with storage.alerts() as store:
        store.outbox.add(an_alert(), ["telegram"], now=NOW)
        claimed = store.deliveries.claim("telegram", "me", now=NOW, until=LATER, farthest=NEVER)
        assert claimed is not None
        assert claimed.attempts == 1
        assert store.deliveries.claim("telegram", "you", now=NOW, until=LATER, farthest=NEVER) is None
        assert store.deliveries.claim("email", "you", now=NOW, until=LATER, farthest=NEVER) is None
    with storage.alerts() as store:
        again = store.deliveries.claim("telegram", "you", now=LATER, until=NEVER, farthest=NEVER)
        assert again is not None
        assert (again.id, again.attempts) == (claimed.id, 2)
        # Who has lost his claim changes nothing of it.
        store.deliveries.retry(again.id, "me", LATER)
        assert store.deliveries.claim("telegram", "me", now=LATER, until=NEVER, farthest=NEVER) is None
        store.deliveries.end(again.id, "sent", now=LATER, reference="17")
        assert store.deliveries.waiting("telegram") == []


def test_a_clock_that_was_set_back_holds_nothing_up(storage: Storage) -> None:
    with storage.alerts() as store:
        store.outbox.add(an_alert(), ["telegram"], now=NEVER)
        # What was never tried waits for no time.
        claimed = store.deliveries.claim("telegram", "me", now=NOW, until=LATER, farthest=NEVER)
        assert claimed is not None
        store.deliveries.retry(claimed.id, "me", NEVER)
        assert store.deliveries.claim("telegram", "me", now=NOW, until=LATER, farthest=NEVER) is None
        claimed = store.deliveries.claim("telegram", "me", now=NOW, until=NEVER, farthest=LATER)
        assert claimed is not None
        assert store.deliveries.claim("telegram", "you", now=NOW, until=NEVER, farthest=LATER) is not None


def test_the_worst_goes_first(storage: Storage) -> None:
    with storage.alerts() as store:
        ids = {
            severity: store.outbox.add(an_alert(severity, severity), ["email"], now=NOW)
            for severity in ("info", "error", "critical", "warning")
        }
        order = []
        while claimed := store.deliveries.claim("email", "me", now=NOW, until=LATER, farthest=NEVER):
            order.append(claimed.alert_id)
    assert order == [ids[severity] for severity in ("critical", "error", "warning", "info")]


def test_unsent_is_what_is_open_and_what_is_on_its_way(storage: Storage) -> None:
    write(storage, [new_event("a", severity="critical")])
    with storage.alerts() as store:
        store.outbox.add(an_alert(), ["telegram", "email"], now=NOW)
        store.outbox.add(Alert("canary", "canary", "info", None, None, {}), ["email"], now=NOW)
        assert store.deliveries.unsent() == 3
        store.deliveries.end(1, "replaced", now=NOW)
        assert store.deliveries.unsent() == 2
    assert storage.health()["alerts_unsent"] == 2


def test_the_ledger_answers_for_an_event(storage: Storage) -> None:
    write(storage, [new_event("a", severity="critical"), new_event("b", severity="critical")])
    with storage.alerts() as store:
        first = store.outbox.open(10)[0]
        alert = store.outbox.add(an_alert(), ["telegram"], now=NOW)
        store.outbox.decide([first.id], Decision.TOLD, "at once", alert, now=NOW)
        store.ledger.note("sent", "message 17", now=LATER, alert_id=alert, channel="telegram")
        store.ledger.note("muted", "by @owner", now=LATER, issue_id=1)
    write(storage, [new_event("a", severity="critical")])
    with storage.alert_reader() as store:
        assert store.ledger.owed_for(1, 0) is None
        told = store.ledger.owed_for(1, 1)
        waits = store.ledger.owed_for(1, 3)
        assert told is not None
        assert waits is not None
        assert (told["decision"], told["why"], told["alert_id"]) == ("told", "at once", alert)
        assert waits["decision"] is None
        assert alert is not None
        assert store.ledger.of_alert(alert) == [
            {"at": LATER, "channel": "telegram", "what": "sent", "detail": "message 17"}
        ]
        assert [line["what"] for line in store.ledger.of_issue(1)] == ["muted"]


def test_memory(storage: Storage) -> None:
    with storage.alerts() as store:
        assert store.memory.get("channel email") is None
        store.memory.put("channel email", "ok", now=NOW)
        store.memory.put("channel email", "down", now=LATER)
        store.memory.put("channel telegram", "ok", now=LATER)
        store.memory.put("canary", "x", now=LATER)
        assert store.memory.get("channel email") == "down"
        assert store.memory.under("channel ") == {"email": "down", "telegram": "ok"}


def test_what_is_old_is_forgotten(storage: Storage, database: Database) -> None:
    write(storage, [new_event("a", severity="critical"), new_event("b", severity="critical")])
    with storage.alerts() as store:
        first = store.outbox.open(10)[0]
        alert = store.outbox.add(an_alert(), ["telegram"], now=NOW)
        store.outbox.decide([first.id], Decision.TOLD, "", alert, now=NOW)
        store.ledger.note("sent", "", now=NOW, alert_id=alert)
        store.memory.put("rate shop", "", now=NOW)
        store.memory.put("listener", "", now=NOW)
        store.outbox.forget(NOW)
        assert store.ledger.of_alert(alert or 0)
        store.outbox.forget(LATER)
        # It waits to be sent still.
        assert store.deliveries.alert(alert or 0)
        store.deliveries.end(1, "sent", now=NOW)
        store.outbox.forget(LATER)
    for table in ("alerts", "alert_deliveries", "alert_ledger"):
        assert rows(database, f"SELECT * FROM {table}") == []
    # What is still owed stays, however old.
    assert rows(database, "SELECT issue_id FROM alert_outbox") == [(2,)]
    assert rows(database, "SELECT key FROM alert_memory") == [("listener",)]


def test_activity(storage: Storage) -> None:
    write(storage, [new_event("a", service="shop", severity="error", days_ago=days) for days in (0, 0.01, 0.02, 2)])
    write(storage, [new_event("a", service="mail", severity="warning"), new_event("c", service=CANARY_SERVICE)])
    (shop,) = read_rates("R", "shop: 3 errors in 1h")
    (each,) = read_rates("R", "*: 1 event in 1h")
    since = "2026-11-23T12:05:39.000Z"
    with storage.alert_reader() as store:
        assert store.activity.reached(shop, since, NOW) == [("shop", 3)]
        assert store.activity.reached(each, since, NOW) == [("mail", 1), ("shop", 3)]
        assert store.activity.reached(shop, "2026-11-23T13:00:00.000Z", NOW) == []
        moments = list(store.activity.moments(shop, "2026-11-20T00:00:00.000Z"))
        assert [service for service, _ in moments] == ["shop"] * 4
        assert moments == sorted(moments, key=lambda moment: moment[1])
        assert store.activity.hours("2026-11-21T00:00:00.000Z") == {
            "mail": ["2026-11-23T13:00:00.000Z"],
            "shop": ["2026-11-21T13:00:00.000Z", "2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z"],
        }


def test_a_look_waits_for_no_search(storage: Storage) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(READERS):
            stack.enter_context(storage.alert_reader(long=True))
        with storage.alert_reader() as store:
            assert store.memory.get("x") is None


def test_who_only_reads_cannot_write(storage: Storage) -> None:
    with pytest.raises(Exception, match=r"read|answer"), storage.alert_reader() as store:
        store.memory.put("x", "y", now=NOW)


def test_what_failed_changes_nothing(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.alerts() as store:  # noqa: PT012
        store.memory.put("x", "y", now=NOW)
        raise ZeroDivisionError
    with storage.alert_reader() as store:
        assert store.memory.get("x") is None


def test_outbox_of_before(database: Database, storage: Storage) -> None:
    """Rows of the first version have no severity of their own."""
    write(storage, [new_event("a")])
    execute(
        database,
        "INSERT INTO alert_outbox (issue_id, first_event_id, count, created_at) VALUES (1, 1, 2, '2026-11-20')",
    )
    with storage.alerts() as store:
        (row,) = store.outbox.open(10)
    assert (row.severity, row.events, row.regressed) == ("critical", 2, 0)
