"""The month of the demo: believable, the same each time, and through the real code into the real database."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from levqor_errors import instants, limits
from levqor_errors.collector.original_frames import OriginalFrames
from levqor_errors.demo.browser import BROWSER
from levqor_errors.demo.faults import SERVICES
from levqor_errors.demo.fill import fill
from levqor_errors.demo.month import FAULTS, month
from levqor_errors.demo.shop import DAYS, HOSTS
from levqor_errors.errors import StorageUnusableError
from levqor_errors.event import normalize
from levqor_errors.grouping import group
from levqor_errors.storage import Filters, Storage, open_storage
from support import Database, rows

NOW = datetime(2026, 11, 25, 19, 40, 12, 345_000, tzinfo=timezone.utc)


def test_the_same_seed_makes_the_same_month() -> None:
    first = list(month(events=300, seed=1, now=NOW))
    assert first == list(month(events=300, seed=1, now=NOW))
    assert first != list(month(events=300, seed=2, now=NOW))


def test_every_fault_is_an_issue_of_its_own() -> None:
    """Each passes the gate whole, and its events are one issue, whatever differs between them."""
    issues: dict[str, set[int]] = {}
    seen = set()
    for one in month(events=3_000, seed=1, now=NOW):
        event = normalize(one.event, received_at=one.at)
        assert event.context == one.event["context"], "something of it was cut"
        assert event.message == one.event["message"]
        number = FAULTS.index(one.fault)
        seen.add(number)
        issues.setdefault(group(event).fingerprint, set()).add(number)
    assert seen == set(range(len(FAULTS)))
    assert all(len(faults) == 1 for faults in issues.values())
    assert len(issues) == len(FAULTS)


def test_stacks_lead_through_the_shop_s_code() -> None:
    raised = [one for one in month(events=500, seed=1, now=NOW) if one.fault in SERVICES and one.fault.raised]
    assert raised
    for one in raised:
        exceptions = one.event["context"]["exceptions"]
        frames = [frame for exception in exceptions for frame in exception["frames"]]
        assert all(frame["source"] for frame in frames)
        ours = [frame for frame in frames if frame["in_app"]]
        assert ours
        assert all(frame["before"] or frame["after"] for frame in ours)
        assert not any("«" in line for frame in ours for line in (frame["source"], *frame["before"], *frame["after"]))
        assert f"{exceptions[0]['type']}: {exceptions[0]['value']}" in one.event["stack"]


def test_the_days_have_a_rhythm() -> None:
    hours = Counter(one.at.hour for one in month(events=5_000, seed=1, now=NOW) if one.fault.visitor)
    assert hours[19] > 5 * hours[3]
    times = [one.at for one in month(events=5_000, seed=1, now=NOW) if one.fault.name == "gateway"]
    days = Counter(at.date() for at in times)
    ((_, most),) = days.most_common(1)
    assert most > len(times) * 0.9, "an incident is a spike"
    assert all(NOW - timedelta(days=DAYS) <= at <= NOW for at in times)


def with_frames_of_browsers(database: Database, storage: Storage) -> list[dict[str, Any]]:
    """The last event of each issue that has them."""
    ids = rows(
        database, "SELECT MAX(id) FROM error_events WHERE source = 'frontend' AND stack IS NOT NULL GROUP BY issue_id"
    )
    return [event for (id_,) in ids if (event := storage.get(id_)) is not None]


@pytest.mark.long
def test_a_month_in_a_database(database: Database) -> None:
    storage = open_storage(str(database))
    try:
        written = fill(storage, events=700, seed=1, now=NOW)
        with pytest.raises(StorageUnusableError, match="has events already"):
            fill(storage, events=1, seed=1, now=NOW)
        counted = storage.stats(Filters())["total"]
        unsent = storage.health()["alerts_unsent"]
        frames = OriginalFrames(storage)
        shown = [frames.resolve(event) for event in with_frames_of_browsers(database, storage)]
    finally:
        storage.close()
    assert len(shown) > 3
    for event, notes in shown:
        assert notes == []
        for frame in (frame for one in event["context"]["exceptions"] for frame in one["frames"]):
            assert re.fullmatch(r"(src|node_modules|webpack)/\S+\.[tj]s", frame["file"])
            assert frame["in_app"] is frame["file"].startswith("src/")
            assert frame["source"].strip()
    canaries = DAYS + 1
    assert abs(written - 700) < 30
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(written + canaries,)]
    assert counted == written + canaries
    assert unsent == 0
    services = {service for (service,) in rows(database, "SELECT DISTINCT service FROM error_events")}
    assert HOSTS.keys() <= services
    states = Counter(state for (state,) in rows(database, "SELECT state FROM issues"))
    assert (states["resolved"], states["muted"]) == (1, 1)
    ((until,),) = rows(database, "SELECT muted_until FROM issues WHERE state = 'muted'")
    assert until > instants.to_text(NOW)
    assert sum(count for (count,) in rows(database, "SELECT regressions FROM issues")) == 2
    told = Counter(kind for (kind,) in rows(database, "SELECT kind FROM alerts"))
    assert told["summary"] >= DAYS - 1
    assert told["canary"] == canaries
    assert told["regression"] == 2
    assert told["critical"] >= 3
    assert told["channel"] >= 1
    deliveries = Counter(rows(database, "SELECT channel, state FROM alert_deliveries"))
    assert {channel for channel, state in deliveries if state == "sent"} == {"telegram", "email"}
    assert not [state for _, state in deliveries if state == "waiting"]
    told_at = rows(database, "SELECT at FROM alert_ledger WHERE what = 'sent' ORDER BY at")
    assert told_at[0][0] < instants.to_text(NOW - timedelta(days=DAYS - 2))
    assert sum(events for (events,) in rows(database, "SELECT events FROM refusals")) > 10_000


def test_browsers_send_what_browsers_can() -> None:
    for one in month(events=1_000, seed=1, now=NOW):
        event = one.event
        assert (event["source"] == "frontend") is (one.fault in BROWSER)
        assert len(json.dumps(event)) < limits.CONTEXT_CHARS
        if one.fault in BROWSER:
            assert "process" not in event["context"]
