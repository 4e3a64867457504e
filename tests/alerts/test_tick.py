"""The tick: jobs that run every so often, whatever the wall clock does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from levqor_errors.alerts.tick import Ticker
from support import wait_until


def run(job: Callable[[], None]) -> None:
    job()


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets this process's zone, and so the local wall clock forward or back."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("step", [("AAA-2", "BBB-1"), ("AAA-1", "BBB-2"), ("AAA-14", "BBB+10")])
def test_a7_jobs_go_on_when_summer_time_ends_or_begins(zone: Callable[[str], None], step: tuple[str, str]) -> None:
    before, after = step
    zone(before)
    ticker = Ticker(run)
    runs: list[float] = []
    ticker.every(1, lambda: runs.append(time.monotonic()))
    ticker.run_due()
    assert runs == []
    zone(after)

    def has_run() -> bool:
        ticker.run_due()
        return bool(runs)

    # `schedule` alone would wait for an hour, or a day.
    wait_until(has_run, 10)
    runs.clear()
    wait_until(has_run, 10)


def test_all_jobs_run_in_their_order_and_not_before_their_time() -> None:
    ticker = Ticker(run)
    ran: list[str] = []
    ticker.every(600, lambda: ran.append("first"))
    ticker.every(600, lambda: ran.append("second"))
    ticker.run_due()
    assert ran == []
    ticker.run_all()
    assert ran == ["first", "second"]
    ticker.run_due()
    assert ran == ["first", "second"]
