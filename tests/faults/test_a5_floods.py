"""A5: 10,000 critical events in a minute: all the same; all different; with one real one of another service.

Passes when: a handful of messages with counts, the real one among them, within the cap.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from alert_support import QUIET, about, hurry, post, why
from support import CollectorProcess, Database, rows, wait_until
from telegram_support import FakeTelegram

StartCollector = Callable[..., CollectorProcess]
FLOOD = 10_000
CAP = 6


def flood(collector: CollectorProcess, message: str, start: int, number: int) -> None:
    """So many critical events, a thousand a request."""
    for first in range(start, start + number, 1000):
        events = [
            {"severity": "critical", "service": "noise", "message": message, "fingerprint": message.format(n)}
            for n in range(first, first + 1000)
        ]
        answer = httpx.post(f"{collector.url}/api/errors/log", json=events, timeout=60)
        assert answer.json()["accepted"] == 1000


def decided(database: Database) -> bool:
    """Nothing waits for a decision that could be made now."""
    return not rows(database, "SELECT 1 FROM alert_outbox WHERE decided_at IS NULL AND why IS NULL") and not rows(
        database, "SELECT 1 FROM alert_deliveries WHERE state = 'waiting'"
    )


@pytest.mark.parametrize("message", ["all the same", "different {}"])
def test_a5_a_flood_is_a_handful_of_messages_and_the_real_one_is_among_them(
    start_collector: StartCollector,
    database: Database,
    telegram: FakeTelegram,
    monkeypatch: pytest.MonkeyPatch,
    message: str,
) -> None:
    hurry(monkeypatch)
    collector = start_collector(**QUIET, **telegram.settings, ALERT_CAP=str(CAP))
    flood(collector, message, 0, FLOOD // 2)
    real = post(collector.url, service="checkout", message="payments are not captured")
    flood(collector, message, FLOOD // 2, FLOOD // 2)
    wait_until(lambda: about(telegram, "payments are not captured"))
    wait_until(lambda: decided(database))
    # One more than the cap: the message about all that is beyond.
    assert 2 <= len(telegram.messages) <= CAP + 1
    assert len(about(telegram, "payments are not captured")) == 1
    assert why(collector, real)["answer"].startswith("Told in A")
    # What is not told yet is counted, and waits.
    ((waiting,),) = rows(database, "SELECT COALESCE(SUM(count), 0) FROM alert_outbox WHERE decided_at IS NULL")
    ((told,),) = rows(database, "SELECT SUM(count) FROM alert_outbox WHERE decided_at IS NOT NULL")
    assert told + waiting == FLOOD + 1


def test_a5_more_of_an_issue_is_one_message_after_its_cool_down(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram
) -> None:
    collector = start_collector(**QUIET, **telegram.settings, ALERT_COOLDOWN="3s")
    first = post(collector.url, service="shop", message="the card was declined")
    wait_until(lambda: telegram.messages)
    later = [post(collector.url, service="shop", message="the card was declined") for _ in range(20)]
    wait_until(lambda: "cool-down" in why(collector, later[0])["answer"])
    wait_until(lambda: len(telegram.messages) == 2)
    assert "20" in telegram.messages[1].text
    assert [why(collector, event)["answer"][:10] for event in (first, later[0], later[-1])] == [
        "Told in A1", "Told in A2", "Told in A2",
    ]  # fmt: skip
    assert rows(database, "SELECT count, decision FROM alert_outbox ORDER BY id") == [(1, "told"), (20, "told")]
