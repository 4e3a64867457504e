"""The channel against a Telegram of the test's own: what it sends, how fast, and how it ends."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from alert_samples import CRITICAL, NOTICES, about
from alert_support import in_thread
from levqor_errors.alerts.channel import Channel
from levqor_errors.alerts.channels.telegram import TelegramChannel, api, pace
from levqor_errors.config import AlertSettings
from levqor_errors.errors import ChannelDownError, ChannelPassingError, ConfigError, MessageRefusedError
from support import wait_until
from telegram_answers import HANG, error
from telegram_channel_support import Open, failure
from telegram_support import CHANNEL, CHAT, PRIVATE, TOKEN, TOPIC, FakeTelegram, Notes


@pytest.mark.parametrize("kind", NOTICES)
def test_every_kind_arrives(telegram: FakeTelegram, open_channel: Open, kind: str) -> None:
    channel: Channel = open_channel()
    sent = channel.send(NOTICES[kind])
    message = telegram.messages[0]
    assert sent == (f"{CHAT}/{message.id}", "")
    assert message.html
    assert NOTICES[kind].id in message.text
    assert NOTICES[kind].title in message.text
    assert message.sent["link_preview_options"] == {"is_disabled": True}
    assert message.silent == (kind in ("silent", "summary"))


def test_its_buttons(telegram: FakeTelegram, open_channel: Open) -> None:
    open_channel().send(CRITICAL)
    assert telegram.messages[0].buttons == {
        "Acknowledge": "ack:123",
        "Mute 2 h": "mute:123",
        "Resolve": "resolve:123",
        "Open in the dashboard": CRITICAL.link,
    }


@pytest.mark.parametrize(
    ("setting", "chat", "topic", "target"),
    [
        (str(CHAT), CHAT, None, f"chat {CHAT}"),
        (f"{CHAT}/{TOPIC}", CHAT, TOPIC, f"chat {CHAT} (topic {TOPIC})"),
        (str(PRIVATE), PRIVATE, None, f"chat {PRIVATE}"),
        ("@levqor_alerts", CHANNEL, None, "chat @levqor_alerts"),
    ],
)
def test_chats(
    telegram: FakeTelegram, open_channel: Open, setting: str, chat: int, topic: int | None, target: str
) -> None:
    channel = open_channel(TELEGRAM_CHAT_ID=setting)
    assert (channel.name, channel.target) == ("telegram", target)
    channel.send(CRITICAL)
    assert (telegram.messages[0].chat_id, telegram.messages[0].topic) == (chat, topic)


def test_a8_entities_that_do_not_parse(telegram: FakeTelegram, open_channel: Open, tmp_path: Path) -> None:
    (tmp_path / "message.html.j2").write_text("<b>{{ title }} <unknown> {{ id }}")
    sent = open_channel(templates=tmp_path).send(CRITICAL)
    assert sent.remark.startswith("as plain text; Telegram: Bad Request: can't parse entities")
    assert not telegram.messages[0].html
    assert "card declined" in telegram.messages[0].text
    assert CRITICAL.link in telegram.messages[0].text.splitlines()
    assert list(telegram.messages[0].buttons) == ["Acknowledge", "Mute 2 h", "Resolve"]


def test_a8_a_template_that_fails_on_one_event(telegram: FakeTelegram, open_channel: Open, tmp_path: Path) -> None:
    (tmp_path / "message.html.j2").write_text("{{ title }} {{ 1 / (message | length) }} {{ id }}")
    channel = open_channel(templates=tmp_path)
    assert channel.send(CRITICAL).remark == ""
    failing = about(message="card declined")
    assert channel.send(failing).remark == "as plain text, since its template fails (ZeroDivisionError)"
    assert [message.html for message in telegram.messages] == [True, False]
    assert "card declined" in telegram.messages[1].text


def test_a8_an_event_that_no_form_can_show(telegram: FakeTelegram, open_channel: Open) -> None:
    sent = open_channel().send(about(context=None))
    assert sent.remark == "as one line, since its text fails (AttributeError)"
    assert telegram.messages[0].text == "🔴 Critical · checkout: PaymentError: card declined A123"


def test_a_button_that_telegram_does_not_take(telegram: FakeTelegram, open_channel: Open) -> None:
    telegram.next(error(400, "Bad Request: BUTTON_URL_INVALID"))
    assert open_channel().send(CRITICAL).remark == "as plain text; Telegram: Bad Request: BUTTON_URL_INVALID"
    assert CRITICAL.link in telegram.messages[0].text.splitlines()


def test_a_message_that_is_taken_in_no_form(telegram: FakeTelegram, open_channel: Open) -> None:
    channel = open_channel()
    telegram.next(*[error(400, "Bad Request: message text is odd")] * 3)
    raised = failure(channel)
    assert isinstance(raised, MessageRefusedError)
    assert str(raised).count("message text is odd") == 1
    assert "parse_mode" not in telegram.requests("sendMessage")[1]
    assert telegram.requests("sendMessage")[2]["text"].count("\n") == 0


def test_what_the_other_side_says_is_shown_safely(telegram: FakeTelegram, open_channel: Open) -> None:
    telegram.next(error(403, f"no \x1b[31m\u202e entry for /bot{TOKEN.replace(':', '%3a')}/ {'x' * 900}"))
    raised = str(failure(open_channel()))
    assert "\\x1b" in raised
    assert "\\u202e" in raised
    assert "/bot[redacted]/" in raised
    assert len(raised) < 500


def test_one_message_a_second(telegram: FakeTelegram) -> None:
    channel = TelegramChannel(AlertSettings.from_env(telegram.settings), Notes())
    for _ in range(2):
        channel.send(CRITICAL)
    channel.close()
    first, second = telegram.messages
    assert second.at - first.at >= pace.BETWEEN


@pytest.mark.parametrize(("chat", "waits"), [(CHAT, True), (PRIVATE, False)], ids=["group", "private"])
def test_twenty_messages_a_minute_in_a_group(
    telegram: FakeTelegram, open_channel: Open, chat: int, waits: bool
) -> None:
    channel = open_channel(TELEGRAM_CHAT_ID=str(chat))
    for _ in range(pace.GROUP_MESSAGES):
        channel.send(CRITICAL)
    if waits:
        raised = failure(channel)
        assert isinstance(raised, ChannelPassingError)
        assert raised.retry_after is not None
        assert 0 < raised.retry_after <= pace.GROUP_SECONDS
    else:
        channel.send(CRITICAL)
    assert len(telegram.messages) == pace.GROUP_MESSAGES + (not waits)


def test_close_ends_a_request(telegram: FakeTelegram, open_channel: Open) -> None:
    channel = open_channel()
    # On a new connection, and on one that is there already.
    channel.send(CRITICAL)
    telegram.next(HANG)
    thread, raised = in_thread(lambda: channel.send(CRITICAL))
    wait_until(lambda: len(telegram.requests("sendMessage")) == 2)
    channel.close()
    thread.join(api.READ_SECONDS / 2)
    assert not thread.is_alive()
    assert isinstance(raised[0], ChannelPassingError)


def test_close_ends_a_wait(telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BETWEEN", 30.0)
    monkeypatch.setattr(pace, "PATIENCE", 60.0)
    channel = TelegramChannel(AlertSettings.from_env(telegram.settings), Notes())
    channel.send(CRITICAL)
    thread, raised = in_thread(lambda: channel.send(dataclasses.replace(CRITICAL, id="A124")))
    channel.close()
    thread.join(15)
    assert not thread.is_alive()
    assert isinstance(raised[0], ChannelPassingError)
    assert len(telegram.messages) == 1
    with pytest.raises(ChannelPassingError):
        channel.check()


def test_a_proxy_of_the_environment_is_used(
    telegram: FakeTelegram, open_channel: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", telegram.url)
    monkeypatch.setenv("no_proxy", "")
    # The stand-in does as a proxy.
    open_channel(TELEGRAM_API_URL="http://api.telegram.example").send(CRITICAL)
    assert len(telegram.messages) == 1


def test_a_proxy_that_cannot_be_used(open_channel: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "gopher://user:s3cret-pass@proxy.example")
    monkeypatch.setenv("no_proxy", "")
    raised = failure(open_channel())
    assert isinstance(raised, ChannelDownError)
    assert "HTTP_PROXY" in str(raised)
    assert "s3cret" not in str(raised)


def test_without_a_token_there_is_no_channel() -> None:
    with pytest.raises(ConfigError, match="TELEGRAM_BOT_TOKEN"):
        TelegramChannel(AlertSettings(), Notes())
