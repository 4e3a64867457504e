"""What is due once a day: the summary by a clock that jumps, and by two runners at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from levqor_errors.alerts.canary import Canary
from levqor_errors.alerts.daily import Daily
from levqor_errors.alerts.routes import Routes
from levqor_errors.config import AlertSettings
from levqor_errors.storage import Storage, open_storage
from storage_support import new_event, write
from support import Database, rows

NINE = datetime(2026, 11, 23, 9, 0, 30, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    storage = open_storage(str(database))
    yield storage
    storage.close()


def daily(storage: Storage, **settings: Any) -> Daily:
    def post(event: dict[str, Any]) -> None:
        raise AssertionError(event)

    routes = Routes((), ("telegram", "email"))
    return Daily(
        storage, AlertSettings(canary_at=None, **settings), routes, Canary(storage, routes, ("telegram", "email"), post)
    )


def labels(database: Database) -> list[str]:
    return [key.removeprefix("summary ") for (key,) in rows(database, "SELECT key FROM alerts ORDER BY id")]


def test_the_first_start_sends_none(storage: Storage, database: Database) -> None:
    jobs = daily(storage)
    assert not jobs.run(NINE + 3 * HOUR)
    assert not jobs.run(NINE + 23 * HOUR)
    assert labels(database) == []
    assert jobs.run(NINE + 24 * HOUR)
    assert labels(database) == ["2026-11-24"]
    assert rows(database, "SELECT channel FROM alert_deliveries") == [("email",)]


def test_a_clock_that_jumps_by_an_hour_and_a_day_makes_one_a_day(storage: Storage, database: Database) -> None:
    jobs = daily(storage)
    jobs.run(NINE)
    steps = (DAY, -HOUR, HOUR, HOUR, -2 * HOUR, DAY, -DAY, DAY, HOUR, -DAY - HOUR, 2 * DAY + HOUR)
    now = NINE
    for step in steps:
        now += step
        for minute in range(3):
            jobs.run(now + timedelta(minutes=minute))
    assert labels(database) == sorted(set(labels(database)))
    assert labels(database) == ["2026-11-24", "2026-11-25", "2026-11-26"]


def test_days_without_events_are_silent_if_that_is_wanted(storage: Storage, database: Database) -> None:
    jobs = daily(storage, summary_empty=False)
    jobs.run(NINE)
    assert not jobs.run(NINE + DAY)
    write(storage, [new_event(days_ago=-1.5)])
    assert jobs.run(NINE + 2 * DAY)
    assert labels(database) == ["2026-11-25"]


def test_of_two_runners_one_does_it(storage: Storage, database: Database) -> None:
    runners = [daily(storage) for _ in range(4)]
    runners[0].run(NINE)
    with ThreadPoolExecutor(4) as pool:
        for day in range(1, 6):
            did = list(pool.map(lambda jobs, now=NINE + day * DAY: jobs.run(now), runners))
            assert sum(did) == 1
    assert len(labels(database)) == 5


def test_when_email_is_down_the_summary_goes_by_the_other(storage: Storage, database: Database) -> None:
    with storage.alerts() as store:
        store.memory.put("channel email", '{"state": "down", "since": "2026-11-23", "why": "x"}', now="2026-11-23")
    jobs = daily(storage)
    jobs.run(NINE)
    assert jobs.run(NINE + DAY)
    assert rows(database, "SELECT channel FROM alert_deliveries") == [("telegram",)]
