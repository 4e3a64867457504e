"""What the channel finds out about its bot and its chat before there is anything to send."""

from __future__ import annotations

import pytest

from levqor_errors.errors import AlertError, ChannelDownError, ChannelPassingError
from telegram_answers import CHAT_NOT_FOUND, UNAUTHORIZED, Answer, Reaction, error, page, too_many
from telegram_channel_support import MOVED, Open
from telegram_support import CHANNEL, CHAT, PRIVATE, FakeTelegram


@pytest.mark.parametrize(
    ("chat", "says"),
    [
        (str(CHAT), "@levqor_bot may write to «Ops» (supergroup)"),
        (str(PRIVATE), "@levqor_bot writes to «Anna» (private)"),
        ("@levqor_alerts", "@levqor_bot may write to «Alerts» (channel)"),
    ],
)
def test_check(telegram: FakeTelegram, open_channel: Open, chat: str, says: str) -> None:
    assert open_channel(TELEGRAM_CHAT_ID=chat).check() == says
    assert telegram.messages == []


@pytest.mark.parametrize(
    ("chat", "status", "rights"),
    [
        (CHAT, "left", {}),
        (CHAT, "kicked", {}),
        (CHAT, "restricted", {"can_send_messages": False}),
        (CHANNEL, "administrator", {"can_post_messages": False}),
        (CHANNEL, "member", {}),
    ],
)
def test_check_finds_out_that_it_may_not_write(
    telegram: FakeTelegram, open_channel: Open, chat: int, status: str, rights: dict[str, bool]
) -> None:
    telegram.chats[chat].status, telegram.chats[chat].rights = status, rights
    with pytest.raises(ChannelDownError, match="TELEGRAM_CHAT_ID"):
        open_channel(TELEGRAM_CHAT_ID=str(chat)).check()


@pytest.mark.parametrize("method", ["getMe", "getChat", "getChatMember"])
@pytest.mark.parametrize(
    ("reaction", "raised"),
    [
        (UNAUTHORIZED, ChannelDownError),
        (CHAT_NOT_FOUND, ChannelDownError),
        (error(400, "Bad Request: odd"), ChannelDownError),
        (page(502), ChannelPassingError),
        (too_many(3), ChannelPassingError),
        (Answer(200, b'{"ok": true, "result": 7}'), None),
    ],
    ids=["401", "400", "another 400", "502", "429", "odd"],
)
def test_check_takes_any_answer(
    telegram: FakeTelegram, open_channel: Open, method: str, reaction: Reaction, raised: type[AlertError] | None
) -> None:
    telegram.next(reaction, method=method)
    channel = open_channel()
    if raised is None:
        assert "may write to" in channel.check()
    else:
        with pytest.raises(raised):
            channel.check()


def test_check_follows_a_chat_that_has_moved(telegram: FakeTelegram, open_channel: Open) -> None:
    telegram.migrate(CHAT, MOVED)
    channel = open_channel()
    assert channel.check() == "@levqor_bot may write to «Ops» (supergroup)"
    assert channel.target == f"chat {MOVED}"
