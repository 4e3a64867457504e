"""A Telegram of the test's own: a real HTTP server on loopback that speaks the Bot API, as strict as the real one.

    with FakeTelegram() as telegram:
        collector = start_collector(**telegram.settings)        # or AlertSettings.from_env(telegram.settings)
        telegram.next(too_many(3), page(502), HANG, RESET)      # what the next messages get, in this order
        …
        wait_until(lambda: telegram.messages)
        assert "card declined" in telegram.messages[0].text
        telegram.press(telegram.messages[0], "ack:1", user="Anna")
        wait_until(lambda: telegram.answers)

Strict: entities that do not parse, a text over 4,096 UTF-16 units, buttons that Telegram does not take, lone surrogates
and unknown chats get the 400 that the real one gives, in its words.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from telegram_answers import CHAT_NOT_FOUND, LOST, UNAUTHORIZED, Answer, Fate, Reaction, error
from telegram_html import Entity
from telegram_http import Handler, Server
from telegram_strict import RefusedError, bad, keyboard_of, parsed

#: Of the form of a real one; nobody's.
TOKEN: Final = "7012345678:AAF-fake_token_for_tests_0123456789abc"
#: A supergroup "Ops" with topic 45.
CHAT: Final = -1001234567890
TOPIC: Final = 45
#: A private chat with Anna; it is the setting's default.
PRIVATE: Final = 5932848683
#: A channel, `@levqor_alerts`.
CHANNEL: Final = -1009876543210
_JOINER: Final = "\N{WORD JOINER}"


@dataclass
class Chat:
    """A chat that there is.

    Attributes:
        status: what the bot is in it (`getChatMember`): member, administrator, restricted, left, kicked.
        rights: of that membership, such as `{"can_post_messages": True}`.
        topics: ids of topics, and whether each is open.
        moved_to: the supergroup that it has become.
    """

    id: int
    type: str = "supergroup"
    title: str = "Ops"
    username: str | None = None
    status: str = "member"
    rights: dict[str, bool] = field(default_factory=dict)
    topics: dict[int, bool] = field(default_factory=dict)
    moved_to: int | None = None

    @property
    def shown(self) -> dict[str, Any]:
        """As the Bot API describes it."""
        name = {"first_name": self.title} if self.type == "private" else {"title": self.title}
        return {"id": self.id, "type": self.type, **name, **({"username": self.username} if self.username else {})}


@dataclass
class Message:
    """A message that was taken.

    Attributes:
        id: its message_id.
        chat_id: the chat's number, whatever it was addressed by.
        topic: its message_thread_id.
        text: as a person sees it: without the invisible joiners that keep Telegram from making links.
        entities: what of the text as parsed is formatted.
        html: whether it came as HTML; else as plain text.
        silent: whether it makes no sound.
        keyboard: rows of buttons; changes with edits.
        at: when it was received (`time.monotonic()`, one clock for all processes of a machine).
        sent: the request's parameters.
    """

    id: int
    chat_id: int
    topic: int | None
    text: str
    entities: list[Entity]
    html: bool
    silent: bool
    keyboard: list[list[dict[str, str]]]
    at: float
    sent: dict[str, Any]

    @property
    def buttons(self) -> dict[str, str]:
        """What each button does, by its label: an address or callback_data."""
        return {button["text"]: button.get("url") or button["callback_data"] for row in self.keyboard for button in row}


class Notes(dict[str, str]):
    """A memory as channels are given one, without a database."""

    def put(self, key: str, value: str) -> None:
        """Remember it."""
        self[key] = value


class FakeTelegram:
    """The server; runs from creation to `close()`, or as a context manager.

    Attributes:
        token: the one that it takes; set another and the old one is revoked.
        url: for `TELEGRAM_API_URL`.
        messages: what was sent, in order. Edits change them in place.
        answers: the parameters of each answerCallbackQuery that was taken.
        calls: every request that came, as (method, parameters), refused ones as well.
        chats: by number; add to them, or change them.
        webhook: whether the bot has one, so that getUpdates is refused.
    """

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.username = "levqor_bot"
        self.messages: list[Message] = []
        self.answers: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.webhook = False
        self.chats = {
            chat.id: chat
            for chat in (
                Chat(CHAT, topics={TOPIC: True}),
                Chat(PRIVATE, "private", "Anna"),
                Chat(
                    CHANNEL, "channel", "Alerts", "levqor_alerts",
                    status="administrator", rights={"can_post_messages": True},
                ),
            )
        }  # fmt: skip
        self._next: dict[str, list[Reaction]] = {}
        self._always: dict[str, Reaction] = {}
        self._updates: list[dict[str, Any]] = []
        self._queries: set[str] = set()
        self._update_id = 700_000
        self._poll = 0
        self._closed = False
        #: Seconds by which its clock is ahead.
        self.clock_ahead = 0.0
        self.changed = threading.Condition()
        self.connections: set[socket.socket] = set()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.telegram = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def settings(self) -> dict[str, str]:
        """Variables of the environment with which a collector writes to the supergroup "Ops" here."""
        return {
            "TELEGRAM_BOT_TOKEN": self.token,
            "TELEGRAM_CHAT_ID": str(CHAT),
            "TELEGRAM_API_URL": self.url,
        }

    def next(self, *reactions: Reaction, method: str = "sendMessage") -> None:
        """What the next requests of a method get, one each; after them all is as ever."""
        with self.changed:
            self._next.setdefault(method, []).extend(reactions)

    def always(self, reaction: Reaction | None, method: str = "*") -> None:
        """What all requests of a method get from now on (`*`: of any), after those of `next`; `None`: as ever."""
        with self.changed:
            self._always.pop(method, None)
            if reaction is not None:
                self._always[method] = reaction

    def migrate(self, old: int, new: int) -> None:
        """The group becomes a supergroup of another number."""
        with self.changed:
            self.chats[old].moved_to = new
            self.chats[new] = Chat(new, title=self.chats[old].title)

    def press(
        self, message: Message, /, data: str, user: str = "Anna", *, chat_id: int | None = None, **fields: Any
    ) -> str:
        """Somebody presses a button; returns the id of the callback query.

        Args:
            message: where the button is.
            data: its callback_data; a hostile client can send any.
            user: the first name.
            chat_id: claim another chat than the message's.
            fields: of the callback query, to replace those that a button's would have.
        """
        with self.changed:
            self._update_id += 1
            query_id = f"q{self._update_id}"
            chat = self.chats.get(chat_id or message.chat_id)
            query = {
                "id": query_id,
                "from": {"id": 99, "is_bot": False, "first_name": user},
                "message": {
                    "message_id": message.id,
                    "chat": chat.shown if chat else {"id": chat_id, "type": "group", "title": "Elsewhere"},
                    "date": int(time.time()),
                    "text": message.text,
                    "reply_markup": {"inline_keyboard": message.keyboard},
                },
                "chat_instance": "1",
                "data": data,
                **fields,
            }
            self._queries.add(query_id)
            self._updates.append({"update_id": self._update_id, "callback_query": query})
            self.changed.notify_all()
            return query_id

    def update(self, **content: Any) -> None:
        """Something else happens that getUpdates tells of, such as `message={…}`."""
        with self.changed:
            self._update_id += 1
            self._updates.append({"update_id": self._update_id, **content})
            self.changed.notify_all()

    def requests(self, method: str) -> list[dict[str, Any]]:
        """The parameters of every request of a method, refused ones as well."""
        with self.changed:
            return [parameters for name, parameters in self.calls if name == method]

    def close(self) -> None:
        """End it, whatever requests are under way."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
        with self.changed:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.changed.wait_for(lambda: not self.connections, 10)

    def __enter__(self) -> FakeTelegram:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what the server asks ---------------------------------------------------------------------------------------

    def react(self, path: str, body: bytes) -> tuple[Reaction, Fate | None]:
        """The answer to a request, and what becomes of it on its way."""
        # A proxy is asked with the whole address.
        token, _, method = urlsplit(path).path.removeprefix("/bot").partition("/")
        try:
            parameters = json.loads(body or b"{}")
        except ValueError:
            return error(400, "Bad Request: can't parse JSON object"), None
        with self.changed:
            self.calls.append((method, parameters))
            reaction = self._programmed(method)
            if reaction is not None and reaction is not LOST:
                return reaction, None
            answer = self._answer(token, method, parameters)
            self.changed.notify_all()
            return answer, LOST if reaction is LOST else None

    def _programmed(self, method: str) -> Reaction | None:
        waiting = self._next.get(method)
        return waiting.pop(0) if waiting else self._always.get(method) or self._always.get("*")

    def _answer(self, token: str, method: str, parameters: dict[str, Any]) -> Answer:
        if token != self.token:
            # The real one says 404 of what has not even the form of a token.
            return UNAUTHORIZED if ":" in token else error(404, "Not Found")
        action = self._methods().get(method.lower())
        if action is None:
            return error(404, "Not Found: method not found")
        try:
            json.dumps(parameters, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return error(400, "Bad Request: strings must be encoded in UTF-8")
        try:
            return Answer(200, json.dumps({"ok": True, "result": action(parameters)}).encode())
        except RefusedError as refused:
            return refused.answer

    def _methods(self) -> dict[str, Any]:
        return {
            "getme": lambda _: {"id": int(self.token.partition(":")[0]), "is_bot": True, "username": self.username},
            "getchat": lambda given: self._chat(given).shown,
            "getchatmember": self._member,
            "sendmessage": self._send,
            "getupdates": self._get_updates,
            "answercallbackquery": self._answer_query,
            "editmessagereplymarkup": self._edit_markup,
        }

    def _chat(self, given: dict[str, Any]) -> Chat:
        wanted = str(given.get("chat_id", ""))
        if not wanted:
            raise bad("chat_id is empty")
        for chat in self.chats.values():
            if wanted == str(chat.id) or (chat.username and wanted.lower() == f"@{chat.username}".lower()):
                if chat.moved_to is not None:
                    raise RefusedError(
                        error(
                            400, "Bad Request: group chat was upgraded to a supergroup chat",
                            migrate_to_chat_id=chat.moved_to,
                        )
                    )  # fmt: skip
                if chat.status == "kicked":
                    raise RefusedError(error(403, f"Forbidden: bot was kicked from the {chat.type} chat"))
                return chat
        raise RefusedError(CHAT_NOT_FOUND)

    def _member(self, given: dict[str, Any]) -> dict[str, Any]:
        chat = self._chat(given)
        return {"user": {"id": given["user_id"], "is_bot": True}, "status": chat.status, **chat.rights}

    def _send(self, given: dict[str, Any]) -> dict[str, Any]:
        text, entities = parsed(given)
        keyboard = keyboard_of(given.get("reply_markup"))
        chat = self._chat(given)
        if chat.status in ("left", "restricted"):
            raise bad("not enough rights to send text messages to the chat")
        topic = given.get("message_thread_id")
        if topic is not None and topic not in chat.topics:
            raise bad("message thread not found")
        if topic is not None and not chat.topics[topic]:
            raise bad("TOPIC_CLOSED")
        message = Message(
            id=len(self.messages) + 1,
            chat_id=chat.id,
            topic=topic,
            text=text.replace(_JOINER, ""),
            entities=entities,
            html=given.get("parse_mode") == "HTML",
            silent=given.get("disable_notification", False),
            keyboard=keyboard,
            at=time.monotonic(),
            sent=given,
        )
        self.messages.append(message)
        return {"message_id": message.id, "chat": chat.shown, "date": int(time.time()), "text": text}

    def _get_updates(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        if self.webhook:
            raise RefusedError(
                error(
                    409, "Conflict: can't use getUpdates method while webhook is active; "
                    "use deleteWebhook to delete the webhook first",
                )
            )  # fmt: skip
        self._poll += 1
        mine = self._poll
        self.changed.notify_all()
        offset = given.get("offset", 0)
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        self.changed.wait_for(
            lambda: self._updates or self._closed or self._poll != mine, timeout=given.get("timeout", 0)
        )
        if self._poll != mine:
            raise RefusedError(
                error(
                    409, "Conflict: terminated by other getUpdates request; "
                    "make sure that only one bot instance is running",
                )
            )  # fmt: skip
        return self._updates[: given.get("limit", 100)]

    def _answer_query(self, given: dict[str, Any]) -> bool:
        if given.get("callback_query_id") not in self._queries:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if len(given.get("text", "")) > 200:
            raise bad("MESSAGE_TOO_LONG")
        self._queries.remove(given["callback_query_id"])
        self.answers.append(given)
        return True

    def _edit_markup(self, given: dict[str, Any]) -> bool:
        keyboard = keyboard_of(given.get("reply_markup"))
        chat = self._chat(given)
        for message in self.messages:
            if message.id == given.get("message_id") and message.chat_id == chat.id:
                if message.keyboard == keyboard:
                    raise bad(
                        "message is not modified: specified new message content and reply markup are exactly the same "
                        "as a current content and reply markup of the message"
                    )
                message.keyboard = keyboard
                return True
        raise bad("message to edit not found")
