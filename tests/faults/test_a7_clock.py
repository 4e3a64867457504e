"""A7: the clock is stepped by an hour and by a day.

Passes when: alerts keep flowing. (That there is exactly one summary a day is in `test_daily.py`; summer time in
`test_tick.py`.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from alert_support import QUIET, about, deliveries, hurry, post, why
from support import CollectorProcess, Database, rows, wait_until
from telegram_answers import RESET
from telegram_support import FakeTelegram

StartCollector = Callable[..., CollectorProcess]
HOUR = 3600


def test_a7_alerts_keep_flowing_whatever_the_clock_does(
    start_collector: StartCollector,
    database: Database,
    telegram: FakeTelegram,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    hurry(monkeypatch, f"CLOCK={offset}")
    collector = start_collector(**QUIET, **telegram.settings)
    sent: list[int] = []
    for step, seconds in enumerate((-HOUR, -25 * HOUR, 0)):
        telegram.always(RESET, "sendMessage")
        sent.append(post(collector.url, service="shop", message=f"before step {step}", fingerprint=f"b{step}"))
        wait_until(lambda: rows(database, "SELECT 1 FROM alert_deliveries WHERE state = 'waiting' AND attempts > 0"))
        offset.write_text(str(seconds))
        telegram.always(None, "sendMessage")
        sent.append(post(collector.url, service="shop", message=f"after step {step}", fingerprint=f"a{step}"))
        wait_until(lambda: [state for _, state in deliveries(database)] == ["sent"] * len(sent))
    assert len(telegram.messages) == len(sent)
    for step in range(3):
        assert len(about(telegram, f"before step {step}")) == len(about(telegram, f"after step {step}")) == 1
    for event in sent:
        assert why(collector, event)["answer"].startswith("Told in A")
