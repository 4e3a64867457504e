"""The facts of a day for its summary, against what the rows themselves say, on both databases."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from levqor_errors import instants
from levqor_errors.severity import Severity
from levqor_errors.storage import Storage, open_storage
from levqor_errors.storage.alerts.outbox import Alert
from levqor_errors.storage.base import CANARY_SERVICE
from storage_support import NOW, do, new_event, write
from support import Database, rows

SEVERITIES = [severity.value for severity in Severity]
#: Ends of days: on the hour, at a quarter past as in Kathmandu, within a second.
ENDS = (
    NOW.replace(hour=9, minute=0, second=0),
    NOW.replace(hour=3, minute=15, second=0),
    NOW.replace(hour=12, minute=59, second=59, microsecond=999_000),
)


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    storage = open_storage(str(database))
    yield storage
    storage.close()


def text(instant: Any) -> str:
    return instants.to_text(instant)


def fill(storage: Storage) -> None:
    """Ten days of events, in bursts, with some at the very edges of the days that are asked for."""
    chance = random.Random(6)
    batch = []
    for _ in range(900):
        issue = f"issue {int(chance.expovariate(0.15)) % 30}"
        batch.append(
            new_event(
                issue,
                days_ago=chance.uniform(0, 10) if chance.random() < 0.7 else chance.choice([0.2, 1.3, 4.4]),
                severity=chance.choice(SEVERITIES),
                service=f"service {int(issue.split()[1]) % 11}",
            )
        )
    for end in ENDS:
        for edge in (end, end - timedelta(days=1), end - timedelta(days=7)):
            for offset in (-1, 0, 1):
                at = edge + timedelta(milliseconds=offset)
                batch.append(new_event("edge", days_ago=(NOW - at) / timedelta(days=1), severity="error"))
    batch += [new_event("canary", days_ago=0.3, severity="critical", service=CANARY_SERVICE) for _ in range(3)]
    write(storage, sorted(batch, key=lambda one: one.event.received_at))


def within(database: Database, since: str, until: str) -> list[tuple[int, str, str, str, int]]:
    """Rows of a range as (issue, service, severity, received_at, id)."""
    return rows(
        database,
        "SELECT issue_id, service, severity, received_at, id FROM error_events"
        f" WHERE received_at >= '{since}' AND received_at < '{until}' AND service <> '{CANARY_SERVICE}'",
    )


def worst(found: list[tuple[int, str, str, str, int]], issue: int) -> str:
    return max((row[2] for row in found if row[0] == issue), key=SEVERITIES.index)


def test_numbers_are_what_the_rows_say(storage: Storage, database: Database) -> None:
    fill(storage)
    issues = {
        row[0]: row[1:]
        for row in rows(database, "SELECT id, title, service, first_seen FROM issues ORDER BY id")
        if row[2] != CANARY_SERVICE
    }
    for end in ENDS:
        for hours in (24, 23, 25, 24.5, 0.2):
            since, until = text(end - timedelta(hours=hours)), text(end)
            start = instants.from_text(since)
            facts = storage.digest(since, until, [(text(start - timedelta(days=1)), since)])
            now = within(database, since, until)
            before = within(database, text(start - timedelta(days=1)), since)
            week = within(database, text(start - timedelta(days=7)), since)

            for severity in SEVERITIES:
                assert facts["severities"][severity] == {
                    name: sum(1 for row in found if row[2] == severity)
                    for name, found in (("now", now), ("before", before), ("week", week))
                }
            assert facts["missed"] == [len(before)]

            by_service = {name: Counter(row[1] for row in found) for name, found in (("now", now), ("week", week))}
            assert facts["services_count"] == len(by_service["now"])
            loudest = sorted(by_service["now"].items(), key=lambda one: (-one[1], one[0]))[:8]
            assert [(one["service"], one["now"]) for one in facts["services"] if one["now"]][: len(loudest)] == loudest
            for one in facts["services"]:
                assert one["week"] == by_service["week"][one["service"]]

            by_hour = Counter((row[3][:13], row[2]) for row in now)
            cells = {(hour["start"][:13], one): hour[one] for hour in facts["hours"] for one in SEVERITIES}
            assert {key: number for key, number in cells.items() if number} == by_hour

            counts = Counter(row[0] for row in now)
            order = sorted(counts, key=lambda one: (worst(now, one) != "critical", -counts[one], one))
            assert facts["issues"]["count"] == len(counts)
            assert facts["issues"]["top"] == [
                {
                    "id": one,
                    "title": issues[one][0],
                    "service": issues[one][1],
                    "count": counts[one],
                    "event_id": max(row[4] for row in now if row[0] == one),
                    "severity": worst(now, one),
                }
                for one in order[:10]
            ]
            new = [one for one, (_, _, first_seen) in issues.items() if since <= first_seen < until]
            assert facts["new"]["count"] == len(new)
            assert {one["id"] for one in facts["new"]["top"]} <= set(new)
            assert all(one["count"] == counts[one["id"]] for one in facts["new"]["top"])

            later = within(database, since, "9999")
            earlier = Counter(row[0] for row in week)
            quiet = sorted(earlier.keys() - {row[0] for row in later}, key=lambda one: (-earlier[one], one))
            assert facts["quiet"]["count"] == len(quiet)
            assert [(one["id"], one["count"]) for one in facts["quiet"]["top"]] == [
                (one, earlier[one]) for one in quiet[:5]
            ]
    ((first,),) = rows(database, "SELECT MIN(received_at) FROM error_events")
    assert facts["known_since"] == instants.hour_of(first)


def test_an_empty_database_has_a_day_too(storage: Storage) -> None:
    facts = storage.digest(text(NOW - timedelta(days=1)), text(NOW))
    assert all(one == {"now": 0, "before": 0, "week": 0} for one in facts["severities"].values())
    assert (facts["services"], facts["services_count"], facts["known_since"]) == ([], 0, None)
    assert all(facts[group] == {"count": 0, "top": []} for group in ("issues", "new", "regressed", "resolved", "quiet"))
    assert (facts["canary"], facts["channels"], facts["refused"], facts["missed"]) == (None, {}, {}, [])
    assert facts["undelivered"] == {"undecided": 0, "waiting": 0, "refused": 0}
    assert len(facts["hours"]) == 25


def test_what_was_resolved_and_what_came_back(storage: Storage, database: Database) -> None:
    write(storage, [new_event(name, days_ago=2) for name in ("a", "b", "c")])
    ids = dict(rows(database, "SELECT title, id FROM issues"))
    a, b, c = (ids[f"of issue {name}"] for name in "abc")
    now = text(NOW - timedelta(hours=5))
    assert do(storage, "resolve", a, b, at=now).issues == [a, b]
    with storage.alerts() as store:
        store.ledger.note("muted", "by the owner", now=now, issue_id=c)
        store.ledger.note("resolved", "long ago", now=text(NOW - timedelta(days=3)), issue_id=c)
    write(storage, [new_event("b", days_ago=0.1), new_event("b", days_ago=0.1)])
    facts = storage.digest(text(NOW - timedelta(days=1)), text(NOW))
    assert [one["id"] for one in facts["resolved"]["top"]] == [b, a]
    assert [(one["id"], one["count"]) for one in facts["regressed"]["top"]] == [(b, 2)]
    # A resolved issue is meant to be quiet.
    assert [one["id"] for one in facts["quiet"]["top"]] == [c]


def test_alerts_that_did_not_arrive_and_what_was_refused(storage: Storage, database: Database) -> None:
    since, until = text(NOW - timedelta(days=1)), text(NOW)
    write(storage, [new_event("a", severity="critical")])
    storage.add_refusals(
        {
            (instants.hour_of(since), "client_rate"): (3, 1200),
            (instants.hour_of(until), "invalid"): (1, 0),
            (instants.hour_of(text(NOW - timedelta(days=2))), "client_rate"): (50, 50),
        }
    )
    with storage.alerts() as store:
        store.memory.put("canary", json.dumps({"at": since, "ok": True, "channels": {"email": "250 OK"}}), now=until)
        store.memory.put("channel telegram", json.dumps({"state": "down", "since": since, "why": "401"}), now=until)
        store.memory.put("channels", json.dumps("of another kind"), now=until)
        for key, kind in (("outbox 1", "critical"), ("canary 2026-11-23", "canary")):
            assert store.outbox.add(Alert(key, kind, "critical", "shop", None, {}), ["email", "telegram"], now=since)
        (refused, _) = store.deliveries.waiting("telegram")
        store.deliveries.end(refused.id, "refused", now=since)
    facts = storage.digest(since, until)
    assert facts["undelivered"] == {"undecided": 1, "waiting": 1, "refused": 1}
    assert facts["refused"] == {
        "client_rate": {"requests": 3, "events": 1200},
        "invalid": {"requests": 1, "events": 0},
    }
    assert facts["canary"] == {"at": since, "ok": True, "channels": {"email": "250 OK"}}
    assert facts["channels"] == {"telegram": {"state": "down", "since": since, "why": "401"}}
