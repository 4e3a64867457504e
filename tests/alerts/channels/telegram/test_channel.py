"""The channel against a Telegram of the test's own: what it sends, and what it makes of every answer."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alert_samples import CRITICAL, NOTICES, about
from alert_support import in_thread
from levqor_errors.alerts.channel import Channel
from levqor_errors.alerts.channels.telegram import TelegramChannel, api, pace
from levqor_errors.alerts.channels.telegram.text import TEMPLATES
from levqor_errors.config import AlertSettings
from levqor_errors.errors import (
    AlertError,
    ChannelDownError,
    ChannelPassingError,
    ConfigError,
    MessageRefusedError,
    StorageUnavailableError,
)
from support import wait_until
from telegram_support import (
    BLOCKED,
    CHANNEL,
    CHAT,
    CHAT_NOT_FOUND,
    HANG,
    KICKED,
    LOST,
    PRIVATE,
    RESET,
    TOKEN,
    TOPIC,
    UNAUTHORIZED,
    Answer,
    FakeTelegram,
    Notes,
    Reaction,
    error,
    page,
    redirect,
    too_many,
)

MOVED = -1002222222222
Open = Callable[..., TelegramChannel]


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
def open_channel(telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Makes channels to the chat "Ops", or to another one; without a pause between messages."""
    monkeypatch.setattr(pace, "BETWEEN", 0.0)
    opened = []

    def make(memory: Notes | None = None, templates: Path = TEMPLATES, **settings: str) -> TelegramChannel:
        given = AlertSettings.from_env({**telegram.settings, **settings})
        opened.append(TelegramChannel(given, Notes() if memory is None else memory, templates))
        return opened[-1]

    yield make
    for channel in opened:
        channel.close()


def failure(channel: TelegramChannel) -> AlertError:
    """What sending a message raises."""
    with pytest.raises(AlertError) as raised:
        channel.send(CRITICAL)
    assert TOKEN not in str(raised.value)
    assert TOKEN.partition(":")[2] not in str(raised.value)
    return raised.value


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
