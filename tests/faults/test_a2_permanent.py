"""A2: Telegram says 401, or that there is no such chat; a chat has migrated.

Passes when: permanent: shown on the dashboard and by doctor, email takes over; a migrated chat is followed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from alert_support import QUIET, deliveries, health, hurry, post, why
from smtp_support import FakeSmtp
from support import CollectorProcess, Database, owner, rows, wait_until
from telegram_answers import CHAT_NOT_FOUND, UNAUTHORIZED, too_many
from telegram_support import CHAT, FakeTelegram

StartCollector = Callable[..., CollectorProcess]
NEW_CHAT = -1005550000001


def test_a2_email_takes_over_and_telegram_comes_back(
    start_collector: StartCollector,
    database: Database,
    telegram: FakeTelegram,
    smtp: FakeSmtp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "set TELEGRAM_BOT_TOKEN"
    hurry(monkeypatch, "sender.PROBE_SECONDS=1")
    collector = start_collector(**QUIET, **telegram.settings, **smtp.environ())
    # One more waits for Telegram when it turns out that nothing goes there any more.
    telegram.next(too_many(2))
    first = post(collector.url, service="shop", message="the first")
    wait_until(lambda: rows(database, "SELECT 1 FROM alert_ledger WHERE what = 'waits'"))
    telegram.always(UNAUTHORIZED)
    post(collector.url, service="shop", message="the second")

    def mails(text: str) -> list[str]:
        return [mail for letter in list(smtp.letters) if text in (mail := letter.part("plain"))]

    wait_until(lambda: mails("the first") and mails("the second") and mails("does not work any more"))
    assert words in mails("Telegram does not work any more")[0]
    wait_until(lambda: health(collector)["channels"]["telegram"] == "down")
    assert any("telegram: the channel is down" in warning for warning in health(collector)["warnings"])
    with owner(collector.url) as client:
        page = client.get("/owner/errors").text
        assert "Alerts by telegram: the channel is down" in page
        assert words in page
    # What it said is the owner's, and not for everybody.
    assert words not in str(health(collector))
    ledger = why(collector, first)["ledger"]
    assert {"waits", "taken over", "sent"} <= {line["what"] for line in ledger}
    assert why(collector, first)["answer"].startswith("Told in A")
    assert rows(database, "SELECT channel FROM alert_ledger WHERE what = 'down'") == [("telegram",)]
    # Nothing is even tried there while it is down, and nobody is told of that again.
    tried = len(telegram.requests("sendMessage"))
    post(collector.url, service="shop", message="the third")
    wait_until(lambda: mails("the third"))
    assert len(telegram.requests("sendMessage")) == tried
    assert len(mails("does not work any more")) == 1
    telegram.always(None)
    wait_until(lambda: health(collector)["channels"]["telegram"] == "ok")
    post(collector.url, service="shop", message="the fourth")
    wait_until(lambda: telegram.messages)
    assert len(telegram.messages) == 1
    assert "the fourth" in telegram.messages[0].text
    wait_until(lambda: all(state != "waiting" for _, state in deliveries(database)))
    assert len(smtp.letters) == 4
    telegram.always(CHAT_NOT_FOUND)
    post(collector.url, service="shop", message="the fifth")
    wait_until(lambda: mails("the fifth"))
    with owner(collector.url) as client:
        wait_until(lambda: "this bot cannot see the chat of TELEGRAM_CHAT_ID" in client.get("/owner/errors").text)
    # Twice in an hour is no news.
    assert len(mails("does not work any more")) == 1


def test_a2_a_chat_that_has_migrated_is_followed(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram
) -> None:
    telegram.migrate(CHAT, NEW_CHAT)
    collector = start_collector(**QUIET, **telegram.settings)
    first = post(collector.url, service="shop", message="the first")
    wait_until(lambda: why(collector, first)["answer"].startswith("Told"))
    (sent,) = (line for line in why(collector, first)["ledger"] if line["what"] == "sent")
    assert f"TELEGRAM_CHAT_ID={NEW_CHAT}" in sent["detail"]
    collector.close()
    collector = start_collector(**QUIET, **telegram.settings)
    post(collector.url, service="shop", message="the second")
    wait_until(lambda: len(telegram.messages) == 2)
    assert [message.chat_id for message in telegram.messages] == [NEW_CHAT, NEW_CHAT]
    # It was asked for once, and found again after the restart.
    assert [given["chat_id"] for given in telegram.requests("sendMessage")] == [CHAT, NEW_CHAT, NEW_CHAT]
