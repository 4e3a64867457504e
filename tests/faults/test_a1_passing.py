"""A1: Telegram answers 429 with retry_after, 5xx, nothing at all, or resets the connection.

Passes when: waits as told, is sent in the end, does not starve others.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alert_support import QUIET, about, health, hurry, post, why
from smtp_support import FakeSmtp
from support import CollectorProcess, Database, rows, wait_until
from telegram_answers import HANG, RESET, page, too_many
from telegram_support import FakeTelegram

StartCollector = Callable[..., CollectorProcess]
RETRY_AFTER = 3


def test_a1_waits_as_told_and_is_sent_in_the_end(
    start_collector: StartCollector,
    database: Database,
    telegram: FakeTelegram,
    smtp: FakeSmtp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hurry(monkeypatch)
    routes = "service=mail -> email; severity=critical -> telegram"
    collector = start_collector(**QUIET, **telegram.settings, **smtp.environ(), ALERT_ROUTES=routes)
    telegram.next(page(502), RESET, too_many(RETRY_AFTER))
    # Nobody is told for how long a 502 and a reset last: others of the channel go on, and the first comes again.
    first = post(collector.url, service="shop", message="the first")
    wait_until(lambda: rows(database, "SELECT 1 FROM alert_ledger WHERE what = 'waits'"))
    post(collector.url, service="till", message="the second")
    wait_until(lambda: len(telegram.requests("sendMessage")) == 3)
    told = rows(database, "SELECT COUNT(*) FROM alert_ledger WHERE what = 'waits'")
    # The 429 is all of the channel's, and no other channel's.
    post(collector.url, service="mail", message="by mail")
    wait_until(lambda: smtp.letters)
    assert len(telegram.requests("sendMessage")) == 3, told
    wait_until(lambda: about(telegram, "the first") and about(telegram, "the second"))
    assert len(telegram.messages) == 2
    wait_until(lambda: why(collector, first)["answer"].startswith("Told in A1"))
    waits = [line["detail"] for line in why(collector, first)["ledger"] if line["what"] == "waits"]
    assert waits
    ((said, at),) = rows(database, "SELECT detail, at FROM alert_ledger WHERE detail LIKE ?", ["%Too Many Requests%"])
    (until,) = (word for word in said.split() if word.endswith("Z,"))
    sent = [line["at"] for line in why(collector, first)["ledger"] if line["what"] == "sent"]
    assert at < until.rstrip(",") <= sent[0]
    assert health(collector)["channels"]["telegram"] == "ok"


@pytest.mark.sqlite
def test_a1_one_that_hangs_holds_up_no_other_channel(
    start_collector: StartCollector, telegram: FakeTelegram, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch, "channels.telegram.api.READ_SECONDS=3")
    collector = start_collector(**QUIET, **telegram.settings, **smtp.environ(), ALERT_ROUTES="-> telegram email")
    telegram.always(HANG, "sendMessage")
    for number in range(3):
        post(collector.url, service="shop", message=f"message {number}", fingerprint=str(number))
        wait_until(lambda: len(smtp.letters) == number + 1)  # noqa: B023
    # The first one hangs still.
    assert len(telegram.requests("sendMessage")) == 1
    assert telegram.messages == []
    telegram.always(None, "sendMessage")
    # When the client gives up.
    wait_until(lambda: len(telegram.messages) == 3)
