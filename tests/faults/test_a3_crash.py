"""A3: the runner is killed between claim and send, and between send and mark.

Passes when: at most one duplicate, none lost; the message carries a short alert id.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from alert_support import QUIET, deliveries, marks_wait, post
from support import CollectorProcess, Database, execute, rows, wait_until
from telegram_answers import HANG
from telegram_support import FakeTelegram

StartCollector = Callable[..., CollectorProcess]
#: The lease of whoever died ends now, and not in minutes.
END_LEASES = "UPDATE alert_deliveries SET claimed_until = '2000-01-01T00:00:00.000Z'"


def test_a3_killed_between_claim_and_send(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram
) -> None:
    telegram.next(HANG)
    collector = start_collector(**QUIET, **telegram.settings)
    post(collector.url, service="shop", message="the card was declined")
    wait_until(lambda: telegram.requests("sendMessage"))
    collector.kill()
    assert telegram.messages == []
    execute(database, END_LEASES)
    start_collector(**QUIET, **telegram.settings)
    wait_until(lambda: telegram.messages)
    wait_until(lambda: deliveries(database) == [("telegram", "sent")])
    assert [("A1" in message.text, "card was declined" in message.text) for message in telegram.messages] == [
        (True, True)
    ]


def test_a3_killed_between_send_and_mark(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram
) -> None:
    collector = start_collector(**QUIET, **telegram.settings)
    with contextlib.ExitStack() as stack:
        # Telegram takes its time until the sender has claimed the message, and nothing more can be written.
        with telegram.changed:
            post(collector.url, service="shop", message="the card was declined")
            wait_until(lambda: rows(database, "SELECT 1 FROM alert_deliveries WHERE claimed_by IS NOT NULL"))
            stack.enter_context(marks_wait(database))
        wait_until(lambda: telegram.messages)
        collector.kill()
    execute(database, END_LEASES)
    start_collector(**QUIET, **telegram.settings)
    wait_until(lambda: deliveries(database) == [("telegram", "sent")])
    first, second = telegram.messages
    assert first.text == second.text
    assert "A1" in first.text
