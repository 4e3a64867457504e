"""Buttons and the canary with a real collector; on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from alert_support import QUIET, about, health, post, why
from smtp_support import FakeSmtp
from support import CollectorProcess, Database, rows, wait_until
from telegram_support import FakeTelegram

StartCollector = Callable[..., CollectorProcess]


def test_what_is_pressed_is_done_and_answered(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram
) -> None:
    collector = start_collector(**QUIET, **telegram.settings, ALERT_COOLDOWN="1s")
    event = post(collector.url, service="shop", message="not captured")
    wait_until(lambda: telegram.messages)
    (message,) = telegram.messages

    def issue() -> tuple[str, bool]:
        ((state, until),) = rows(database, "SELECT state, muted_until FROM issues")
        return state, until is not None

    # A stranger, from a chat of his own, and one who makes up what to do.
    telegram.press(message, "resolve:1", "Mallory", chat_id=-666)
    telegram.press(message, "delete:1", "Mallory")
    wait_until(lambda: len(telegram.answers) == 2)
    assert issue() == ("open", False)
    assert ["Not allowed" in answer["text"] for answer in telegram.answers] == [True, False]
    for number, (data, state, answer) in enumerate(
        [
            (message.buttons["Acknowledge"], ("muted", True), "Acknowledged: nothing more"),
            (message.buttons["Mute 2 h"], ("muted", True), "Muted for 2 hours"),
            (message.buttons["Resolve"], ("resolved", False), "If it comes back, you are told"),
        ],
        3,
    ):
        telegram.press(message, data, "Anna")
        wait_until(lambda: len(telegram.answers) == number)  # noqa: B023
        assert answer in telegram.answers[-1]["text"]
        assert issue() == state
        wait_until(lambda: any("by Anna" in label for label in message.buttons))
    ledger = [(line["what"], line["detail"][:7]) for line in why(collector, event)["ledger"]]
    assert ledger[-3:] == [("acknowledged", "by Anna"), ("muted", "by Anna"), ("resolved", "by Anna")]
    # And it comes back.
    post(collector.url, service="shop", message="not captured", severity="warning")
    wait_until(lambda: len(telegram.messages) == 2)
    assert "back after it was resolved" in telegram.messages[1].text
    assert issue() == ("open", False)


def test_the_canary_comes_through_all_channels_also_where_keys_are_asked_for(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram, smtp: FakeSmtp
) -> None:
    keys = {"INGEST_KEYS": "shop:0123456789ab"}
    settings = {**QUIET, **telegram.settings, **smtp.environ(), **keys, "CANARY_AT": "00:00"}
    collector = start_collector(**settings)

    def result() -> dict[str, object]:
        return dict(json.loads(rows(database, "SELECT value FROM alert_memory WHERE key = 'canary'")[0][0]))

    wait_until(lambda: result()["ok"] and len(result()["channels"]) == 2)  # type: ignore[arg-type]
    assert "@levqor_bot may write" in str(result()["channels"])
    assert "takes mail for support@levqor.ai" in str(result()["channels"])
    # Nobody has got anything.
    assert (telegram.messages, smtp.letters) == ([], [])
    ((event, issues),) = rows(database, "SELECT MAX(id), COUNT(DISTINCT issue_id) FROM error_events")
    assert issues == 1
    assert "own canary" in why(collector, event)["answer"]
    wait_until(lambda: health(collector)["channels"] == {"email": "ok", "telegram": "ok"})
    collector.close()
    # One a day, whoever starts.
    collector = start_collector(**{**settings, "SMTP_HOST": ""})
    # Of a channel that is not set up any more nothing is said.
    wait_until(lambda: health(collector)["channels"] == {"telegram": "ok"})
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(1,)]
    assert not about(telegram, "did not come through")


@pytest.mark.sqlite
def test_without_a_channel_what_is_owed_is_kept_and_said(start_collector: StartCollector, database: Database) -> None:
    collector = start_collector(**QUIET)
    event = post(collector.url, service="shop", message="not captured")
    wait_until(lambda: health(collector)["unsent"] == 1)
    assert health(collector)["last_tick"] is None
    assert any("no channel is set up" in warning for warning in health(collector)["warnings"])
    assert why(collector, event)["answer"].startswith("Not yet")
