"""Presses of buttons, read from a Telegram of the test's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alert_samples import CRITICAL
from alert_support import in_thread
from levqor_errors.alerts.channels.telegram import TelegramButtons, TelegramChannel, api
from levqor_errors.config import AlertSettings
from levqor_errors.errors import AlertError, ChannelDownError, ChannelPassingError, LevqorError, StorageUnavailableError
from support import wait_until
from telegram_answers import HANG, RESET, UNAUTHORIZED, Answer, Reaction, error, page, too_many
from telegram_support import CHANNEL, CHAT, PRIVATE, TOKEN, FakeTelegram, Message, Notes

MOVED = -1002222222222
Done = list[tuple[str, int, str]]


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
def memory() -> Notes:
    return Notes()


@pytest.fixture
def done() -> Done:
    """What was done because of presses."""
    return []


@pytest.fixture
def open_buttons(telegram: FakeTelegram, memory: Notes, done: Done) -> Iterator[Callable[..., TelegramButtons]]:
    opened = []

    def act(action: str, alert: int, who: str) -> str:
        done.append((action, alert, who))
        return f"{action} of A{alert}"

    def make(act: Callable[[str, int, str], str] = act, **settings: str) -> TelegramButtons:
        opened.append(TelegramButtons(AlertSettings.from_env({**telegram.settings, **settings}), memory, act))
        return opened[-1]

    yield make
    for buttons in opened:
        buttons.close()


@pytest.fixture
def buttons(open_buttons: Callable[..., TelegramButtons]) -> TelegramButtons:
    return open_buttons()


@pytest.fixture
def message(telegram: FakeTelegram, memory: Notes) -> Message:
    """An alert with buttons."""
    channel = TelegramChannel(AlertSettings.from_env(telegram.settings), memory)
    channel.send(CRITICAL)
    channel.close()
    return telegram.messages[0]


@pytest.mark.parametrize(("action", "label"), [("ack", "Acknowledged"), ("mute", "Muted 2 h"), ("resolve", "Resolved")])
def test_a_press_is_done_answered_and_shown(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done, action: str, label: str
) -> None:
    query = telegram.press(message, f"{action}:123", user="Anna")
    buttons.poll()
    assert done == [(action, 123, "Anna")]
    assert telegram.answers == [{"callback_query_id": query, "text": f"{action} of A123", "show_alert": False}]
    assert message.keyboard[0] == [{"text": f"✅ {label} by Anna", "callback_data": f"{action}:123"}]
    # The others are there still.
    assert len(message.buttons) == 4
    asked = telegram.requests("getUpdates")[0]
    assert (asked["timeout"], asked["allowed_updates"]) == (25, ["callback_query"])


def test_a_button_pressed_twice_is_harmless(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done
) -> None:
    for _ in range(2):
        telegram.press(message, "ack:123")
    buttons.poll()
    assert done == [("ack", 123, "Anna")] * 2
    assert len(telegram.answers) == 2
    assert len(message.buttons) == 4
    # And another one after it.
    telegram.press(message, "resolve:123", user="Bert")
    buttons.poll()
    assert [row[0]["text"] for row in message.keyboard] == [
        "✅ Resolved by Bert", "✅ Acknowledged by Anna", "Mute 2 h", "Open in the dashboard",
    ]  # fmt: skip


def test_a_restart_reads_no_press_again(
    telegram: FakeTelegram, open_buttons: Callable[..., TelegramButtons], message: Message, done: Done
) -> None:
    telegram.press(message, "ack:123")
    open_buttons().poll()
    telegram.press(message, "mute:123")
    open_buttons().poll()
    assert [action for action, _, _ in done] == ["ack", "mute"]


def test_another_bot_begins_anew(
    telegram: FakeTelegram, open_buttons: Callable[..., TelegramButtons], message: Message, done: Done, memory: Notes
) -> None:
    memory["telegram.offset.1"] = f"999999999 {int(time.time())}"
    telegram.press(message, "ack:123")
    open_buttons().poll()
    assert len(done) == 1
    assert all(TOKEN not in key + value for key, value in memory.items())


@pytest.mark.parametrize(("days", "read"), [(1, False), (3, True)])
def test_telegram_may_count_on_from_a_lower_number_after_a_week(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done, memory: Notes, days: int, read: bool
) -> None:
    memory[f"telegram.offset.{TOKEN.partition(':')[0]}"] = f"999999999 {int(time.time()) - days * 24 * 3600}"
    telegram.press(message, "ack:123")
    if read:
        buttons.poll()
    else:
        # As it has to be with one that is not old: what lies before it has been read.
        telegram.update(message={})
        thread, _ = in_thread(buttons.poll)
        wait_until(lambda: telegram.requests("getUpdates"))
        buttons.close()
        thread.join(30)
    assert len(done) == read


def test_what_cannot_be_done_is_said(
    telegram: FakeTelegram, open_buttons: Callable[..., TelegramButtons], message: Message
) -> None:
    def act(action: str, alert: int, who: str) -> str:
        raise LevqorError(f"The issue of A{alert} is deleted. {'x' * 500}")

    before = dict(message.buttons)
    telegram.press(message, "ack:123")
    open_buttons(act).poll()
    assert telegram.answers[0]["text"].startswith("The issue of A123 is deleted.")
    assert telegram.answers[0]["show_alert"] is True
    assert message.buttons == before


def test_a_press_that_nobody_can_deal_with_does_not_come_back(
    telegram: FakeTelegram, open_buttons: Callable[..., TelegramButtons], message: Message, done: Done
) -> None:
    def act(action: str, alert: int, who: str) -> str:
        raise ZeroDivisionError

    telegram.press(message, "ack:1")
    telegram.press(message, "ack:2")
    with pytest.raises(ZeroDivisionError):
        open_buttons(act).poll()
    open_buttons().poll()
    assert done == [("ack", 2, "Anna")]


@pytest.mark.parametrize(
    "press",
    [
        {"chat_id": PRIVATE},
        {"chat_id": CHANNEL},
        {"chat_id": -1},
        {"message": None},
        {"message": {"message_id": 1}},
        {"message": {"message_id": 1, "chat": {"id": str(CHAT)}}},
        {"message": {"message_id": 1, "chat": {"id": "@ops", "username": 7}}},
        {"message": None, "inline_message_id": "x"},
    ],
    ids=["private", "channel", "unknown", "no message", "no chat", "text", "odd", "inline"],
)
def test_presses_elsewhere_do_nothing(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done, press: dict[str, Any]
) -> None:
    before = dict(message.buttons)
    telegram.press(message, "resolve:123", **press)
    buttons.poll()
    assert done == []
    assert telegram.answers[0]["text"].startswith("Not allowed")
    assert message.buttons == before


@pytest.mark.parametrize(
    "data", ["", "drop:1", "ack:", "ack:1;drop", "ack:-1", "ack:999999999999999999999", "\x00", "x" * 64, None, 7]
)
def test_hostile_data_does_nothing(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done, data: Any
) -> None:
    telegram.press(message, data)
    buttons.poll()
    assert done == []
    assert telegram.answers[0]["text"] == "This button is none of this bot's."


@pytest.mark.parametrize(
    ("user", "who"),
    [
        ({"first_name": "Anna", "last_name": "Ä."}, "Anna Ä."),
        ({"first_name": "x" * 300}, "x" * 24 + " … " + "x" * 13),
        ({"first_name": "a\nb\x1b[1m\u202e"}, "a\\nb\\x1b[1m\\u202e"),
        ({"first_name": "</b>"}, "</b>"),
        ({"first_name": "", "username": "anna"}, "anna"),
        ({"first_name": None}, "somebody"),
        ({}, "somebody"),
        (None, "somebody"),
    ],
)
def test_names_are_hostile_too(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done, user: Any, who: str
) -> None:
    telegram.press(message, "ack:123", **{"from": user})
    buttons.poll()
    assert done == [("ack", 123, who)]
    assert f"✅ Acknowledged by {who}" in message.buttons


def test_a_chat_by_name(
    telegram: FakeTelegram, open_buttons: Callable[..., TelegramButtons], message: Message, done: Done
) -> None:
    telegram.press(message, "ack:123", chat_id=CHANNEL)
    telegram.press(message, "ack:124")
    open_buttons(TELEGRAM_CHAT_ID="@Levqor_Alerts").poll()
    assert [alert for _, alert, _ in done] == [123]


def test_a_chat_that_has_moved(
    telegram: FakeTelegram, buttons: TelegramButtons, memory: Notes, message: Message, done: Done
) -> None:
    telegram.migrate(CHAT, MOVED)
    memory.put(f"telegram.moved.{CHAT}", str(MOVED))
    telegram.press(message, "ack:1")
    telegram.press(message, "ack:2", chat_id=MOVED)
    buttons.poll()
    assert [alert for _, alert, _ in done] == [2]


def test_a_message_that_can_no_longer_be_edited(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done
) -> None:
    telegram.next(error(400, "Bad Request: query is too old"), method="answerCallbackQuery")
    telegram.next(error(400, "Bad Request: message can't be edited"), method="editMessageReplyMarkup")
    telegram.press(message, "ack:123")
    # One that is inaccessible comes without its keyboard.
    telegram.press(message, "mute:123", message={"message_id": message.id, "chat": {"id": CHAT}, "date": 0})
    buttons.poll()
    assert [action for action, _, _ in done] == ["ack", "mute"]
    assert len(telegram.answers) == 1
    assert len(telegram.requests("editMessageReplyMarkup")) == 1


def test_an_answer_that_fails_loses_and_repeats_nothing(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done
) -> None:
    telegram.next(RESET, method="answerCallbackQuery")
    telegram.press(message, "ack:1")
    telegram.press(message, "ack:2")
    with pytest.raises(ChannelPassingError):
        buttons.poll()
    buttons.poll()
    assert [alert for _, alert, _ in done] == [1, 2]


def test_other_updates_are_passed_over(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done
) -> None:
    telegram.update(message={"text": "/start", "chat": {"id": CHAT}})
    telegram.press(message, "ack:123")
    buttons.poll()
    assert len(done) == 1
    assert len(telegram.answers) == 1


def test_nothing_is_done_while_the_memory_is_out(
    telegram: FakeTelegram, open_buttons: Callable[..., TelegramButtons], memory: Notes, message: Message, done: Done
) -> None:
    class Out(Notes):
        def get(self, key: str, default: object = None) -> str:
            raise StorageUnavailableError("the disk is full")

    buttons = TelegramButtons(AlertSettings.from_env(telegram.settings), Out(), lambda *_: "done")
    telegram.press(message, "ack:123")
    with pytest.raises(StorageUnavailableError):
        buttons.poll()
    buttons.close()
    assert telegram.requests("getUpdates") == []


@pytest.mark.parametrize(
    ("reaction", "kind", "says"),
    [
        (UNAUTHORIZED, ChannelDownError, "TELEGRAM_BOT_TOKEN"),
        (too_many(5), ChannelPassingError, "retry after 5"),
        (page(502), ChannelPassingError, "status 502"),
        (RESET, ChannelPassingError, "no answer"),
        (error(400, "Bad Request: odd"), ChannelPassingError, "odd"),
        (Answer(200, b'{"ok": true, "result": {}}'), ChannelPassingError, "no list"),
    ],
    ids=["401", "429", "502", "reset", "400", "odd"],
)
def test_errors(
    telegram: FakeTelegram,
    buttons: TelegramButtons,
    message: Message,
    done: Done,
    reaction: Reaction,
    kind: type[AlertError],
    says: str,
) -> None:
    telegram.next(reaction, method="getUpdates")
    telegram.press(message, "ack:123")
    with pytest.raises(kind, match=says):
        buttons.poll()
    buttons.poll()
    assert len(done) == 1


def test_a_webhook_is_named(telegram: FakeTelegram, buttons: TelegramButtons) -> None:
    telegram.webhook = True
    with pytest.raises(ChannelPassingError, match=r"webhook is set.*a bot of its own"):
        buttons.poll()


def test_another_poller_is_named(
    telegram: FakeTelegram, open_buttons: Callable[..., TelegramButtons], message: Message, done: Done
) -> None:
    thread, raised = in_thread(open_buttons().poll)
    wait_until(lambda: telegram.requests("getUpdates"))
    second, _ = in_thread(open_buttons().poll)
    thread.join(30)
    assert "another program reads this bot's buttons" in str(raised[0])
    telegram.press(message, "ack:123")
    second.join(30)
    assert len(done) == 1


def test_a_press_ends_a_poll_that_waits(
    telegram: FakeTelegram, buttons: TelegramButtons, message: Message, done: Done
) -> None:
    thread, _ = in_thread(buttons.poll)
    wait_until(lambda: telegram.requests("getUpdates"))
    telegram.press(message, "ack:123")
    thread.join(20)
    assert not thread.is_alive()
    assert len(done) == 1


@pytest.mark.parametrize("reaction", [None, HANG], ids=["waits", "hangs"])
def test_close_ends_a_poll(telegram: FakeTelegram, buttons: TelegramButtons, reaction: Reaction | None) -> None:
    if reaction is not None:
        telegram.next(reaction, method="getUpdates")
    thread, raised = in_thread(buttons.poll)
    wait_until(lambda: telegram.requests("getUpdates"))
    buttons.close()
    thread.join(api.READ_SECONDS)
    assert not thread.is_alive()
    assert isinstance(raised[0], ChannelPassingError)
    with pytest.raises(ChannelPassingError, match="about to end"):
        buttons.poll()
