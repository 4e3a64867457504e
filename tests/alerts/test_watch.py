"""Rates that are reached, and services that have gone silent; on both databases."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from levqor_errors import instants
from levqor_errors.alert_rules import read_rates, read_routes
from levqor_errors.alerts.routes import Routes
from levqor_errors.alerts.watch import Watch, silent_since
from levqor_errors.config import AlertSettings
from levqor_errors.storage import Storage
from levqor_errors.storage.alerts.outbox import Alert
from levqor_errors.storage.base import CANARY_SERVICE
from storage_support import NOW, new_event, write
from support import Database, rows

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def watch(storage: Storage, *, routes: str = "", **settings: Any) -> Watch:
    return Watch(storage, AlertSettings(**settings), Routes(read_routes("R", routes), ("telegram", "email")))


def titles(database: Database) -> list[str]:
    found = rows(database, "SELECT content FROM alerts WHERE kind IN ('rate', 'silent') ORDER BY id")
    return [json.loads(content)["title"] for (content,) in found]


def test_a_rate_is_told_once_in_its_time_and_its_cool_down(storage: Storage, database: Database) -> None:
    (rule,) = read_rates("R", "*: 3 errors in 10m")
    looks = watch(storage, cooldown=900)

    def look(at: datetime) -> None:
        looks.rate(rule, at, ())

    write(storage, [new_event("a", severity="error", service="shop") for _ in range(2)])
    write(storage, [new_event("b", severity="critical", service="shop"), new_event("c", service="mail")])
    write(storage, [new_event("d", severity="error", service=CANARY_SERVICE) for _ in range(9)])
    look(NOW - MINUTE)
    # Not yet received, by this clock: that was written before the clock was set back.
    assert titles(database) == []
    look(NOW)
    look(NOW + MINUTE)
    assert titles(database) == ["shop: 3 events in 10 minutes"]
    assert rows(database, "SELECT kind, severity, service FROM alerts") == [("rate", "error", "shop")]
    assert rows(database, "SELECT channel, state FROM alert_deliveries") == [("telegram", "waiting")]
    write(storage, [new_event("a", severity="error", service="shop", days_ago=-n / 1440) for n in (11, 12, 13)])
    # Its own time is over, but not its cool-down.
    look(NOW + 14 * MINUTE)
    assert len(titles(database)) == 1
    look(NOW + 15.5 * MINUTE)
    assert len(titles(database)) == 2
    look(NOW + 60 * MINUTE)
    assert len(titles(database)) == 2


def test_a_rate_waits_for_room_below_the_cap(storage: Storage, database: Database) -> None:
    (rule,) = read_rates("R", "shop: 1 event in 1h")
    write(storage, [new_event("a", service="shop")])
    looks = watch(storage, cap=2)
    with storage.alerts() as store:
        for key in ("one", "two"):
            store.outbox.add(Alert(key, "critical", "critical", "shop", 1, {}), (), now=instants.to_text(NOW))
    looks.rate(rule, NOW + MINUTE, ())
    assert titles(database) == []
    looks.rate(rule, NOW + 11 * MINUTE, ())
    assert titles(database) == ["shop: 1 events in 1 hour"]


def test_a_rate_that_goes_nowhere_and_one_whose_channel_is_down(storage: Storage, database: Database) -> None:
    (rule,) = read_rates("R", "*: 1 event in 1h")
    write(storage, [new_event("a", service="shop"), new_event("a", service="mail")])
    watch(storage, routes="service=mail -> none").rate(rule, NOW, {"telegram"})
    assert titles(database) == ["shop: 1 events in 1 hour"]
    assert rows(database, "SELECT channel FROM alert_deliveries") == [("email",)]


def hours(*ago: float) -> list[str]:
    """The hours so many hours before now, the oldest first."""
    return [instants.hour_of(instants.to_text(NOW - one * HOUR)) for one in sorted(ago, reverse=True)]


EVERY_HOUR = [float(ago) for ago in range(24 * 8)]
#: From 8 to 17 o'clock; now it is 13.
BY_DAY = [ago for ago in EVERY_HOUR if 8 <= (NOW - ago * HOUR).hour < 18]


@pytest.mark.parametrize(
    ("heard", "silent"),
    [
        (EVERY_HOUR, False),
        (EVERY_HOUR[3:], False),
        (EVERY_HOUR[4:], True),
        # Not on each of the days.
        (EVERY_HOUR[4 : 24 * 5], False),
        # A service of office hours is not called silent in the morning, but after a day.
        ([ago for ago in BY_DAY if ago > 10], False),
        ([ago for ago in BY_DAY if ago > 30], True),
        # One a day, which has left out two.
        ([float(ago) for ago in range(49, 240, 24)], True),
        ([float(ago) for ago in range(25, 240, 24)], False),
        ([1.0], False),
    ],
)
def test_who_has_gone_silent(heard: list[float], silent: bool) -> None:
    last = hours(*heard)[-1]
    found = silent_since(hours(*heard), NOW, NOW - 30 * DAY)
    assert found == (last if silent else None)
    # After a break of our own nobody is silent before he had time to be heard.
    assert silent_since(hours(*heard), NOW, NOW - HOUR) is None


def test_silence_is_told_once_and_of_many_in_one_message(storage: Storage, database: Database) -> None:
    services = ["shop", *(f"job {number}" for number in range(30))]
    for ago in range(1, 9):
        heard = services if ago > 1 else []
        write(storage, [new_event("a", service=service, days_ago=ago) for service in [*heard, "fine"]])
    write(storage, [new_event("a", service="fine")])
    write(storage, [new_event("a", service="shop", days_ago=0.99)])
    looks, ever = watch(storage), instants.to_text(NOW - 30 * DAY)
    looks.silence(NOW + 6 * HOUR, (), instants.to_text(NOW))
    assert titles(database) == []
    for minutes in range(3):
        looks.silence(NOW + 6 * HOUR + minutes * MINUTE, (), ever)
    assert titles(database) == ["30 services have gone silent"]
    ((content,),) = rows(database, "SELECT content FROM alerts")
    assert "And 10 more." in content
    # Each by its own pauses.
    looks.silence(NOW + 26 * HOUR, {"telegram"}, ever)
    assert titles(database)[1:] == ["shop has gone silent"]
    assert rows(database, "SELECT service, channel FROM alerts JOIN alert_deliveries d ON d.alert_id = alerts.id") == [
        (None, "telegram"), ("shop", "email"),
    ]  # fmt: skip
    watch(storage, silence=False).silence(NOW + 300 * HOUR, (), ever)
    assert len(titles(database)) == 2
