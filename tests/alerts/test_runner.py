"""The loop: since when somebody has looked, and that what comes between a look and its decisions is seen."""

from __future__ import annotations

from datetime import timedelta

import psycopg

from alert_support import about
from levqor_errors import instants
from levqor_errors.alerts.runner import LAST_TICK, note_tick
from levqor_errors.storage import Storage, open_storage
from postgres_support import PostgresServer
from runner_support import running
from storage_support import NOW, new_event, write
from support import rows, wait_until
from telegram_support import FakeTelegram


def test_since_when_somebody_has_looked(storage: Storage) -> None:
    def tick(minutes: float) -> str:
        now = NOW + timedelta(minutes=minutes)
        with storage.alerts() as store:
            since = note_tick(store, instants.to_text(now), now)
            assert store.memory.get(LAST_TICK) == instants.to_text(now)
        return since

    begun = instants.to_text(NOW)
    assert [tick(minutes) for minutes in (0, 1, 2, 5.5)] == [begun] * 4
    # A night without anybody, and a clock that was set back: from there on it is anew.
    again = instants.to_text(NOW + timedelta(minutes=600))
    assert [tick(600), tick(601)] == [again, again]
    assert tick(541) == instants.to_text(NOW + timedelta(minutes=541))


def test_what_is_committed_while_it_is_decided_is_told_soon(postgres: PostgresServer, telegram: FakeTelegram) -> None:
    """The decisions do not see it, so the state that they leave behind must not have it either."""
    database = postgres.lend()
    storage = open_storage(str(database))
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%alert_outbox%'"
    write(storage, [new_event("first", severity="critical")])
    with psycopg.connect(str(database)) as other:
        other.execute("SELECT * FROM alert_outbox FOR UPDATE")
        with running(storage, telegram.settings):
            wait_until(lambda: rows(database, waiting))
            write(storage, [new_event("second", severity="critical")])
            other.rollback()
            # Long before the next look by the clock.
            wait_until(lambda: about(telegram, "of issue first") and about(telegram, "of issue second"))
    storage.close()
    postgres.give_back(database)
