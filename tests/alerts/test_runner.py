"""The loop: since when somebody has looked, and that what comes between a look and its decisions is seen."""

from __future__ import annotations

from datetime import timedelta

from alert_support import about
from levqor_errors import instants
from levqor_errors.alerts.runner import LAST_TICK, note_tick
from levqor_errors.storage import Storage
from runner_support import running
from storage_support import NOW, new_event, write
from support import wait_until
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


def test_what_is_committed_between_a_look_and_its_decisions_is_told(storage: Storage, telegram: FakeTelegram) -> None:
    with running(storage, telegram.settings) as started:
        for number in range(5):
            write(storage, [new_event(f"n{number}", severity="critical", service=f"s{number}")])
            started.wake()
        wait_until(lambda: all(about(telegram, f"of issue n{number}") for number in range(5)))
