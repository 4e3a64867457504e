"""What the channel makes of a Telegram that fails: it waits and tries again, or says what to do."""

from __future__ import annotations

import socket

import pytest

from alert_samples import CRITICAL
from levqor_errors.alerts.channels.telegram import api
from levqor_errors.errors import ChannelDownError, ChannelPassingError, StorageUnavailableError
from telegram_answers import (
    BLOCKED,
    CHAT_NOT_FOUND,
    HANG,
    KICKED,
    LOST,
    RESET,
    UNAUTHORIZED,
    Answer,
    Reaction,
    error,
    page,
    redirect,
    too_many,
)
from telegram_channel_support import MOVED, Open, failure
from telegram_support import CHAT, PRIVATE, TOPIC, FakeTelegram, Notes

PASSING: dict[str, tuple[Reaction, float | None, str]] = {
    "429": (too_many(7), 7, "Too Many Requests: retry after 7"),
    "429 without a time": (error(429, "Too Many Requests"), None, "Too Many Requests"),
    "429 of a time that is none": (error(429, "Slow", retry_after=-5), None, "Slow"),
    "429 for a year": (too_many(31_536_000), 24 * 3600, "Too Many Requests"),
    "500 of the Bot API": (error(500, "Internal Server Error"), None, "Internal Server Error"),
    "502 of a proxy": (page(502), None, "status 502"),
    "401 of a proxy": (page(401), None, "is TELEGRAM_API_URL right?"),
    "404 of a proxy": (page(404), None, "is TELEGRAM_API_URL right?"),
    "403 of a proxy": (page(403), None, "is TELEGRAM_API_URL right?"),
    "a page": (page(200), None, "is TELEGRAM_API_URL right?"),
    "other JSON": (Answer(200, b'{"status": "fine"}'), None, "is TELEGRAM_API_URL right?"),
    "deep JSON": (Answer(200, b"[" * 100_000), None, "is TELEGRAM_API_URL right?"),
    "nothing": (Answer(200, b""), None, "is TELEGRAM_API_URL right?"),
    "too much": (Answer(200, b'{"ok": true, "result": "' + b"x" * 2 * api.ANSWER_BYTES + b'"}'), None, "not the Bot"),
    "elsewhere": (redirect("http://127.0.0.1:9/elsewhere"), None, "status 302"),
    "reset": (RESET, None, "no answer"),
    "lost": (LOST, None, "no answer"),
}


@pytest.mark.parametrize(("reaction", "retry_after", "says"), PASSING.values(), ids=PASSING.keys())
def test_a1_a_passing_error_passes(
    telegram: FakeTelegram, open_channel: Open, reaction: Reaction, retry_after: float | None, says: str
) -> None:
    channel = open_channel()
    telegram.next(reaction)
    raised = failure(channel)
    assert isinstance(raised, ChannelPassingError)
    assert raised.retry_after == retry_after
    assert says in str(raised)
    telegram.messages.clear()
    assert channel.send(CRITICAL).remark == ""
    assert "A123" in telegram.messages[0].text


def test_a1_a_telegram_that_never_answers(
    telegram: FakeTelegram, open_channel: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "READ_SECONDS", 0.2)
    channel = open_channel()
    telegram.next(HANG)
    assert isinstance(failure(channel), ChannelPassingError)
    channel.send(CRITICAL)
    assert len(telegram.messages) == 1


def test_a1_a_telegram_that_is_not_there(open_channel: Open) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        channel = open_channel(TELEGRAM_API_URL=f"http://127.0.0.1:{unused.getsockname()[1]}")
        raised = failure(channel)
    assert isinstance(raised, ChannelPassingError)
    assert "ConnectError" in str(raised)


DOWN: dict[str, tuple[Reaction, str]] = {
    "a wrong token": (UNAUTHORIZED, "TELEGRAM_BOT_TOKEN"),
    "a token of no form": (error(404, "Not Found"), "TELEGRAM_BOT_TOKEN"),
    "kicked": (KICKED, "add it again"),
    "no member": (error(403, "Forbidden: bot is not a member of the channel chat"), "add it again"),
    "blocked": (BLOCKED, "unblocked"),
    "deactivated": (error(403, "Forbidden: user is deactivated"), "is gone"),
    "deleted": (error(403, "Forbidden: the group chat was deleted"), "is gone"),
    "never started": (error(403, "Forbidden: bot can't initiate conversation with a user"), "press Start"),
    "a bot": (error(403, "Forbidden: bots can't send messages to bots"), "names a bot"),
    "another 403": (error(403, "Forbidden: something new"), "something new"),
    "no chat": (CHAT_NOT_FOUND, "press Start"),
    "no rights": (error(400, "Bad Request: not enough rights to send text messages to the chat"), "right"),
    "no rights, older": (error(400, "Bad Request: have no rights to send a message"), "right"),
    "no rights in a channel": (error(400, "Bad Request: need administrator rights in the channel chat"), "right"),
    "read only": (error(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), "right"),
    "no topics at all": (error(400, "Bad Request: TOPIC_CLOSED"), "open topic"),
}


@pytest.mark.parametrize(("reaction", "says"), DOWN.values(), ids=DOWN.keys())
def test_a2_a_permanent_error_says_what_to_do(
    telegram: FakeTelegram, open_channel: Open, reaction: Reaction, says: str
) -> None:
    channel = open_channel()
    telegram.always(reaction)
    raised = failure(channel)
    assert isinstance(raised, ChannelDownError)
    assert says in str(raised)
    assert len(telegram.calls) == 1
    telegram.always(None)
    channel.send(CRITICAL)
    assert len(telegram.messages) == 1


def test_a2_a_revoked_token(telegram: FakeTelegram, open_channel: Open) -> None:
    channel = open_channel()
    telegram.token = "7012345678:another"
    assert isinstance(failure(channel), ChannelDownError)


def test_a2_a_chat_that_has_moved_is_followed(telegram: FakeTelegram, open_channel: Open) -> None:
    memory = Notes()
    channel = open_channel(memory)
    telegram.migrate(CHAT, MOVED)
    sent = channel.send(CRITICAL)
    assert sent.reference == f"{MOVED}/1"
    assert f"set TELEGRAM_CHAT_ID={MOVED}" in sent.remark
    assert channel.target == f"chat {MOVED}"
    # From now on there at once, by this channel, by others, and after a restart.
    for later in (channel, open_channel(memory)):
        telegram.calls.clear()
        assert later.send(CRITICAL).remark == ""
        assert [parameters["chat_id"] for _, parameters in telegram.calls] == [MOVED]
    # Another chat in the settings is meant.
    open_channel(memory, TELEGRAM_CHAT_ID=str(PRIVATE)).send(CRITICAL)
    assert telegram.messages[-1].chat_id == PRIVATE
    assert len({message.chat_id for message in telegram.messages}) == 2


def test_a2_a_chat_moves_though_the_memory_is_out(telegram: FakeTelegram, open_channel: Open) -> None:
    class Out(Notes):
        def get(self, key: str, default: object = None) -> str:
            raise StorageUnavailableError("the disk is full")

        def put(self, key: str, value: str) -> None:
            raise StorageUnavailableError("the disk is full")

    channel = open_channel(Out())
    telegram.migrate(CHAT, MOVED)
    for _ in range(2):
        channel.send(CRITICAL)
    assert [message.chat_id for message in telegram.messages] == [MOVED, MOVED]
    assert len(telegram.requests("sendMessage")) == 3


@pytest.mark.parametrize("topics", [{}, {TOPIC: False}], ids=["gone", "closed"])
def test_a_topic_that_is_lost(telegram: FakeTelegram, open_channel: Open, topics: dict[int, bool]) -> None:
    telegram.chats[CHAT].topics = topics
    channel = open_channel(TELEGRAM_CHAT_ID=f"{CHAT}/{TOPIC}")
    sent = channel.send(CRITICAL)
    assert f"topic {TOPIC} is closed or gone" in sent.remark
    assert telegram.messages[0].topic is None
    assert telegram.messages[0].html
    # It is tried anew each time.
    telegram.chats[CHAT].topics = {TOPIC: True}
    assert channel.send(CRITICAL).remark == ""
    assert telegram.messages[1].topic == TOPIC
