"""The day's canary: sent once, noted by channel, and told of when it does not come through."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from levqor_errors import instants
from levqor_errors.alerts import health
from levqor_errors.alerts.canary import RESULT, Canary, message_key, note_result, under_way
from levqor_errors.alerts.channel import Sent
from levqor_errors.alerts.health import ChannelHealth
from levqor_errors.alerts.routes import Routes
from levqor_errors.errors import AlertError, ChannelPassingError, CollectorRefusedError
from levqor_errors.storage import Storage
from storage_support import NOW
from support import Database, rows

LATE = NOW + timedelta(minutes=11)
CHANNELS = ("telegram", "email")


def canary(storage: Storage, post: Callable[[dict[str, Any]], None] = lambda event: None) -> Canary:
    return Canary(storage, Routes((), CHANNELS), CHANNELS, post)


def note(storage: Storage, channel: str, result: Sent | AlertError) -> None:
    with storage.alerts() as store:
        note_result(store, message_key(under_way(store)), channel, result, now=instants.to_text(NOW))


def result(storage: Storage) -> dict[str, Any]:
    with storage.alert_reader() as store:
        return dict(json.loads(store.memory.get(RESULT) or "{}"))


def told(database: Database) -> list[tuple[str, str]]:
    """Title and channel of what was told."""
    query = "SELECT content, channel FROM alerts JOIN alert_deliveries d ON d.alert_id = alerts.id ORDER BY d.id"
    return [(json.loads(content)["title"], channel) for content, channel in rows(database, query)]


def test_one_a_day_that_comes_through(storage: Storage, database: Database) -> None:
    posted: list[dict[str, Any]] = []
    for day in ("2026-11-23", "2026-11-23", "2026-11-24"):
        canary(storage, posted.append).send(day, NOW)
    assert len({event["event_id"] for event in posted}) == len(posted) == 2
    assert {event["severity"] for event in posted} == {"info"}
    with storage.alert_reader() as store:
        assert under_way(store) == posted[1]["event_id"]
    assert result(storage)["ok"] is False
    note(storage, "email", Sent(None, "250 fine"))
    note(storage, "telegram", Sent(None, "@bot may write"))
    assert result(storage) == {
        "day": "2026-11-24", "at": instants.to_text(NOW), "ok": True,
        "channels": {"email": "250 fine", "telegram": "@bot may write"},
    }  # fmt: skip
    canary(storage).look(LATE)
    assert told(database) == []


def test_one_that_the_collector_does_not_take_is_told_at_once(storage: Storage, database: Database) -> None:
    def post(event: dict[str, Any]) -> None:
        raise CollectorRefusedError(503, "status 503, the disk is full")

    canary(storage, post).send("2026-11-23", NOW)
    ((title, channel),) = told(database)
    assert "the disk is full" in title
    assert channel == "telegram"
    canary(storage).look(LATE)
    assert len(told(database)) == 1


def test_one_of_which_a_channel_knows_nothing(storage: Storage, database: Database) -> None:
    """Though another has signed in well: its sender may have died."""
    canary(storage).send("2026-11-23", NOW)
    note(storage, "telegram", Sent(None, "@bot may write"))
    canary(storage).look(NOW + timedelta(minutes=9))
    assert told(database) == []
    canary(storage).look(LATE)
    canary(storage).look(LATE + timedelta(minutes=1))
    assert [title.rpartition(": ")[2] for title, _ in told(database)] == ["nothing is known of email"]


def test_a_channel_that_fails(storage: Storage, database: Database) -> None:
    canary(storage).send("2026-11-23", NOW)
    note(storage, "email", ChannelPassingError("connection refused"))
    note(storage, "telegram", Sent(None, "@bot may write"))
    assert result(storage)["ok"] is False
    assert result(storage)["channels"]["email"] == "FAILED: connection refused"
    canary(storage).look(LATE)
    ((title, channel),) = told(database)
    assert title.endswith("email FAILED: connection refused")
    assert channel == "telegram"


def test_of_a_channel_that_is_down_was_told_before(storage: Storage, database: Database) -> None:
    canary(storage).send("2026-11-23", NOW)
    with storage.alerts() as store:
        now = instants.to_text(NOW)
        health.write(store.memory, "telegram", ChannelHealth("down", now, "401"), now=now)
    note(storage, "email", ChannelPassingError("busy"))
    canary(storage).look(LATE)
    assert [(title.rpartition(": ")[2], channel) for title, channel in told(database)] == [("busy", "email")]


def test_a_channel_that_was_down_then_is_not_told_of_when_it_is_well_again(
    storage: Storage, database: Database
) -> None:
    canary(storage).send("2026-11-23", NOW)
    note(storage, "telegram", ChannelPassingError("401"))
    note(storage, "email", Sent(None, "250 fine"))
    later = NOW + timedelta(hours=14)
    for state, at in (("down", LATE), ("ok", later)):
        with storage.alerts() as store:
            now = instants.to_text(at)
            health.write(store.memory, "telegram", ChannelHealth(state, now), now=now)
        canary(storage).look(at)
    assert told(database) == []
    # The next day's is looked at again.
    canary(storage).send("2026-11-24", later)
    note(storage, "email", ChannelPassingError("busy"))
    canary(storage).look(later + timedelta(minutes=11))
    assert "nothing is known of telegram; email FAILED: busy" in told(database)[0][0]


def test_the_result_of_an_earlier_one_counts_no_more(storage: Storage) -> None:
    canary(storage).send("2026-11-23", NOW)
    with storage.alert_reader() as store:
        old = message_key(under_way(store))
    canary(storage).send("2026-11-24", NOW)
    with storage.alerts() as store:
        note_result(store, old, "email", Sent(None, "late"), now=instants.to_text(NOW))
    assert result(storage)["channels"] == {}


def test_there_is_nothing_to_miss_before_the_first(storage: Storage, database: Database) -> None:
    canary(storage).look(LATE)
    assert told(database) == []
