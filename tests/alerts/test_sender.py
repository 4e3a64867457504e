"""How messages get on their way, and how channels are remembered; on both databases, with real servers at their end."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from alert_support import about, deliveries
from levqor_errors import instants
from levqor_errors.alerts import clock, health, sender
from levqor_errors.alerts.channels.telegram import pace
from levqor_errors.alerts.health import ChannelHealth
from levqor_errors.storage import Storage
from levqor_errors.storage.alerts.outbox import Alert
from runner_support import Clock, run_once, runner, running
from smtp_support import FakeSmtp
from storage_support import new_event, write
from support import Database, execute, rows, wait_until
from telegram_answers import RESET, UNAUTHORIZED, too_many
from telegram_support import FakeTelegram


def add(storage: Storage, title: str, *channels: str, kind: str = "rate", now: str | None = None) -> None:
    now = now or instants.to_text(clock.now())
    with storage.alerts() as store:
        store.outbox.add(Alert(title, kind, "error", None, None, {"title": title, "lines": []}), channels, now=now)


def state(storage: Storage, channel: str) -> str | None:
    with storage.alert_reader() as store:
        found = health.read(store.memory, channel)
    return found.state if found else None


def remember(storage: Storage, channel: str, state: str) -> None:
    now = instants.to_text(clock.now())
    with storage.alerts() as store:
        health.write(store.memory, channel, ChannelHealth(state, now, "because"), now=now)


@pytest.mark.parametrize("before", ["failing", "down", None])
def test_a_channel_that_takes_a_message_is_well_whoever_said_otherwise(
    storage: Storage, telegram: FakeTelegram, before: str | None
) -> None:
    if before:
        remember(storage, "telegram", before)
    add(storage, "hello", "telegram")
    run_once(storage, telegram.settings)
    assert about(telegram, "hello")
    assert state(storage, "telegram") == "ok"


def test_once_is_over_when_all_is_sent_or_has_to_wait(
    storage: Storage, database: Database, telegram: FakeTelegram, smtp: FakeSmtp
) -> None:
    """Whichever comes first: one that is down leaves its messages to one that had nothing to do a moment ago."""
    smtp.answer("MAIL", "550 5.7.1 you are blocked", times=5)
    add(storage, "for the mail", "email")
    add(storage, "for the chat", "telegram")
    run_once(storage, {**telegram.settings, **smtp.environ()})
    assert sorted(message.text.split("\n")[1] for message in telegram.messages)[1:] == ["for the chat", "for the mail"]
    assert about(telegram, "Email does not work any more")
    assert (state(storage, "email"), state(storage, "telegram")) == ("down", "ok")
    assert sorted(deliveries(database)) == [
        ("email", "replaced"), ("telegram", "sent"), ("telegram", "sent"), ("telegram", "sent"),
    ]  # fmt: skip


def test_what_waits_for_a_channel_that_is_down_is_due_when_it_works_again(
    storage: Storage, database: Database, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not when the claim of whoever met the trouble ends, minutes later."""
    monkeypatch.setattr(sender, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(sender, "POLL_SECONDS", 0.2)
    telegram.always(UNAUTHORIZED)
    add(storage, "hello", "telegram")
    with running(storage, telegram.settings):
        wait_until(lambda: state(storage, "telegram") == "down")
        telegram.always(None)
        wait_until(lambda: about(telegram, "hello"))
        wait_until(lambda: deliveries(database) == [("telegram", "sent")])
    noted = rows(database, "SELECT what FROM alert_ledger ORDER BY id")
    assert noted == [("waits",), ("down",), ("works again",), ("sent",)]


def test_two_channels_that_are_down_and_one_that_comes_back(
    storage: Storage, database: Database, telegram: FakeTelegram, smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited for the other one goes by this one."""
    monkeypatch.setattr(sender, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(sender, "POLL_SECONDS", 0.2)
    remember(storage, "telegram", "down")
    remember(storage, "email", "down")
    telegram.always(UNAUTHORIZED)
    smtp.answer("MAIL", "550 5.7.1 you are blocked", times=2)
    add(storage, "hello", "telegram")
    with running(storage, {**telegram.settings, **smtp.environ()}):
        wait_until(lambda: any("hello" in letter.part("plain") for letter in smtp.letters))
        wait_until(lambda: sorted(deliveries(database)) == [("email", "sent"), ("telegram", "replaced")])


def test_what_waits_for_a_channel_that_is_not_set_up_any_more_goes_by_others(
    storage: Storage, database: Database, telegram: FakeTelegram
) -> None:
    old = clock.after(clock.now(), -1000)
    add(storage, "just now", "slack")
    run_once(storage, telegram.settings)
    assert telegram.messages == []
    add(storage, "long ago", "slack", now=old)
    add(storage, "canary x", "slack", kind="canary", now=old)
    run_once(storage, telegram.settings)
    assert [bool(about(telegram, title)) for title in ("just now", "long ago")] == [True, True]
    assert sorted(deliveries(database)) == [
        ("slack", "replaced"), ("slack", "replaced"), ("slack", "waiting"), ("telegram", "sent"), ("telegram", "sent"),
    ]  # fmt: skip


def test_what_a_channel_does_not_take_for_long_goes_by_others_too(
    storage: Storage, database: Database, telegram: FakeTelegram, smtp: FakeSmtp
) -> None:
    """Also while it is not even tried, since the channel was told to wait."""
    old = clock.after(clock.now(), -1000)
    telegram.next(too_many(3600))
    environ = {**telegram.settings, **smtp.environ()}
    with contextlib.closing(runner(storage, environ)) as one:
        add(storage, "first", "telegram")
        one.run_once()
        add(storage, "waits for long", "telegram", now=old)
        add(storage, "summary", "telegram", kind="summary", now=old)
        one.run_once()
        one.run_once()
    assert len(telegram.requests("sendMessage")) == 1
    assert ["waits for long" in letter.part("plain") for letter in smtp.letters] == [True]
    assert rows(database, "SELECT what FROM alert_ledger WHERE what = 'taken over'") == [("taken over",)]


def test_what_the_other_side_says_is_written_down_whatever_it_is(
    storage: Storage, database: Database, telegram: FakeTelegram
) -> None:
    add(storage, "hello", "telegram")
    with storage.alerts() as store:
        store.ledger.note("waits", "said \x00 \ud800 \x1b[2J " + "x" * 5000, now="2026", alert_id=1)
    ((detail,),) = rows(database, "SELECT detail FROM alert_ledger")
    assert detail.startswith("said \\x00 \\ud800 \\x1b[2J xxx")
    assert len(detail) < 1_100


def test_of_many_lines_the_last_ones_answer(storage: Storage) -> None:
    with storage.alerts() as store:
        for number in range(150):
            store.ledger.note("waits", str(number), now="2026", alert_id=1)
        store.ledger.note("sent", "", now="2026", alert_id=1)
        lines = store.ledger.of_alert(1)
    assert [line["detail"] for line in lines][:2] == ["51", "52"]
    assert lines[-1]["what"] == "sent"


def test_a_channel_that_fails_is_said_to_be_failing_and_a_restart_does_not_forget_that(
    storage: Storage, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(sender, "FIRST_RETRY_SECONDS", 0.5)
    monkeypatch.setattr(pace, "BETWEEN", 0)
    telegram.next(RESET, RESET, RESET)
    for number in range(3):
        add(storage, f"number {number}", "telegram")
    with running(storage, telegram.settings):
        wait_until(lambda: state(storage, "telegram") == "failing")
    with running(storage, telegram.settings):
        wait_until(lambda: len(telegram.messages) == 3)
        wait_until(lambda: state(storage, "telegram") == "ok")


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1)])
def test_a7_a_clock_that_is_set_back_holds_up_nothing_and_sends_nothing_twice(
    storage: Storage, database: Database, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch, back: timedelta
) -> None:
    monkeypatch.setattr(pace, "BETWEEN", 0)
    now = Clock()
    telegram.always(RESET, "sendMessage")
    write(storage, [new_event("a", severity="critical", service="shop")])
    with running(storage, telegram.settings, now=now):
        wait_until(lambda: rows(database, "SELECT 1 FROM alert_ledger WHERE what = 'waits'"))
        add(storage, "never tried", "telegram", now=instants.to_text(now()))
        now.offset = -back
        telegram.always(None, "sendMessage")
        wait_until(lambda: about(telegram, "never tried") and about(telegram, "of issue a"))
        write(storage, [new_event("b", severity="critical", service="shop")])
        wait_until(lambda: about(telegram, "of issue b"))
        wait_until(lambda: {state for _, state in deliveries(database)} == {"sent"})
    assert len(telegram.messages) == 3


def test_an_event_that_cannot_be_read_is_told_of_without_it(
    storage: Storage, database: Database, telegram: FakeTelegram
) -> None:
    write(storage, [new_event("a", severity="critical", service="shop", extra={"x": 1})])
    if str(database).endswith(".db"):
        execute(database, "UPDATE error_events SET context = 'no JSON'")
    else:
        execute(database, "UPDATE error_events SET context = '\"no object\"'")
    run_once(storage, telegram.settings)
    (message,) = telegram.messages
    assert "of issue a" in message.text
