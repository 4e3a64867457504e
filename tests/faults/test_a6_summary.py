"""A6: SMTP down at 09:00, back at 11:40; runner down for three days.

Passes when: one summary labelled with its day; one catch-up, no burst.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from alert_support import QUIET, deliveries, hurry
from smtp_support import FakeSmtp
from support import CollectorProcess, Database, execute, rows, wait_until

StartCollector = Callable[..., CollectorProcess]


def done_until(database: Database, days_ago: int) -> None:
    """So many days ago was the last of which there was a summary."""
    label = (datetime.now(timezone.utc) - timedelta(days=days_ago)).date()
    value = f"('summary day', '{label}', '2026-01-01T00:00:00.000Z')"
    execute(database, f"INSERT INTO alert_memory (key, value, at) VALUES {value}")


def test_a6_smtp_that_is_back_late_and_a_runner_that_was_down_for_days(
    start_collector: StartCollector, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch, "sender.FIRST_RETRY_SECONDS=0.5")
    first = start_collector(**QUIET)
    assert httpx.post(f"{first.url}/api/errors/log", json={"message": "an error"}).status_code == 201
    assert first.terminate() == 0
    done_until(database, 4)
    with FakeSmtp() as smtp:
        smtp.stop()
        settings = {**QUIET, **smtp.environ(), "OWNER_EMAIL": "ops@example.com", "SUMMARY_AT": "00:00"}
        today = datetime.now(timezone.utc).date()
        collector = start_collector(**settings)
        # It is tried, and waits; a restart is no reason for another one.
        wait_until(lambda: rows(database, "SELECT 1 FROM alert_ledger WHERE what = 'waits'"))
        assert collector.terminate() == 0
        collector = start_collector(**settings)
        wait_until(lambda: len(rows(database, "SELECT 1 FROM alert_ledger WHERE what = 'waits'")) >= 2)
        smtp.start()
        execute(database, "UPDATE alert_deliveries SET next_at = created_at FROM alerts WHERE alerts.id = alert_id")
        wait_until(lambda: deliveries(database) == [("email", "sent")])
        (letter,) = smtp.letters
        assert str(today) in letter.message["Subject"]
        for days in (1, 2, 3):
            assert str(today - timedelta(days=days)) in letter.part("plain")
        assert rows(database, "SELECT key FROM alerts") == [(f"summary {today}",)]
