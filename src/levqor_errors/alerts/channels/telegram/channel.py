"""Sends alerts to a Telegram chat. `text.py` says what is in them, `api.py` what became of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ....config import AlertSettings
from ....errors import ChannelDownError, MessageRefusedError
from ...channel import Memory, Sent
from ...notice import Kind, Notice
from .api import Refusal, TelegramApi
from .chat import Chat
from .pace import Pace
from .text import TEMPLATES, Form, Writer, cleaned

#: Nobody is woken for these.
_SILENT_SEVERITIES: Final = frozenset({"info", "warning"})
_LEFT: Final = "the bot is not in the chat of TELEGRAM_CHAT_ID; add it there"
_CLOSED: Final = "the chat of TELEGRAM_CHAT_ID takes no messages; name an open topic of it, as in -100123/45"
_MUTED: Final = "the bot may not write in the chat of TELEGRAM_CHAT_ID; give it the right to"


class TelegramChannel:
    """A channel; see `alerts/channel.py`.

    Args:
        settings: with a token.
        memory: where it is kept whereto a chat has moved.
        templates: the folder of `message.html.j2`.

    Raises:
        ConfigError: when there is no token.
    """

    name = "telegram"

    def __init__(self, settings: AlertSettings, memory: Memory, templates: Path = TEMPLATES) -> None:
        self._api = TelegramApi(settings)
        self._chat = Chat(settings, memory)
        self._topic = settings.telegram_topic
        self._pace = Pace(self._api.closing)
        self._writer = Writer(templates)

    @property
    def target(self) -> str:
        """`chat -100123 (topic 45)`."""
        return f"chat {self._chat.id}" + (f" (topic {self._topic})" if self._topic is not None else "")

    def send(self, notice: Notice) -> Sent:
        """Tell the chat: in HTML, or as plain text, or in one line, whichever is taken first."""
        self._pace.wait(group=self._chat.is_group)
        try:
            return self._send_any(notice)
        finally:
            self._pace.sent()

    def _send_any(self, notice: Notice) -> Sent:
        refusals: list[str] = []
        remarks: list[str] = []
        for form in self._writer.forms(notice):
            answer = self._send(form, _is_silent(notice), remarks)
            if not isinstance(answer, Refusal):
                number = answer.get("message_id") if isinstance(answer, dict) else None
                said = [form.remark, *refusals, *remarks] if form.remark else remarks
                reference = f"{self._chat.id}/{number}" if number else None
                return Sent(reference, "; ".join(dict.fromkeys(said)))
            refusals.append(f"Telegram: {answer.why}")
        raise MessageRefusedError(f"not taken in any form ({'; '.join(dict.fromkeys(refusals))})")

    def _send(self, form: Form, silent: bool, remarks: list[str]) -> Any:
        """One form of a message, wherever the chat has gone; the `result`, or a `Refusal` of the form."""
        parameters: dict[str, Any] = {"text": form.text, "link_preview_options": {"is_disabled": True}}
        if form.html:
            parameters["parse_mode"] = "HTML"
        if form.buttons:
            parameters["reply_markup"] = {"inline_keyboard": form.buttons}
        if silent:
            parameters["disable_notification"] = True
        if self._topic is not None:
            parameters["message_thread_id"] = self._topic
        answer = self._in_chat("sendMessage", parameters, remarks)
        if isinstance(answer, Refusal) and answer.topic_lost:
            # Somebody who looks at the wrong place is told, somebody who waits for a topic is not.
            if parameters.pop("message_thread_id", None) is not None:
                remarks.append(f"topic {self._topic} is closed or gone, so to the chat itself (Telegram: {answer.why})")
                answer = self._in_chat("sendMessage", parameters, remarks)
            if isinstance(answer, Refusal) and answer.topic_lost:
                raise ChannelDownError(f"{_CLOSED} (Telegram: {answer.why})")
        return answer

    def check(self) -> str:
        """Ask who the bot is, which chat it is about, and whether it may write there; nobody sees that."""
        bot = _facts(self._api.call("getMe"))
        chat = _facts(self._in_chat("getChat", {}, []))
        kind = cleaned(chat.get("type"))
        name = cleaned(chat.get("title") or chat.get("first_name") or self._chat.id)
        bot_name = f"@{cleaned(bot.get('username'))}"
        if kind == "private":
            # Only a message would show whether that person has blocked it.
            return f"{bot_name} writes to «{name}» (private)"
        member = _facts(self._in_chat("getChatMember", {"user_id": bot.get("id")}, []))
        if member.get("status") in ("left", "kicked"):
            raise ChannelDownError(_LEFT)
        # Rights are told only where they may differ: of who is restricted, and of a channel's administrators.
        may = member.get("can_post_messages") if kind == "channel" else member.get("can_send_messages", True)
        if may is not True:
            raise ChannelDownError(_MUTED)
        return f"{bot_name} may write to «{name}» ({kind})"

    def _in_chat(self, method: str, parameters: dict[str, Any], remarks: list[str]) -> Any:
        """Do something in the chat; if it has become a supergroup, there."""
        chat = self._chat.id
        answer = self._api.call(method, chat_id=chat, **parameters)
        if isinstance(answer, Refusal) and answer.moved_to is not None:
            remarks.append(f"chat {chat} is a supergroup now; set TELEGRAM_CHAT_ID={answer.moved_to}")
            self._chat.follow(answer.moved_to)
            answer = self._api.call(method, chat_id=answer.moved_to, **parameters)
        return answer

    def close(self) -> None:
        """End a wait or a request that is under way, and let go of the connection."""
        self._api.close()


def _is_silent(notice: Notice) -> bool:
    if notice.kind is Kind.TEST:
        return False
    return notice.kind is Kind.SUMMARY or notice.severity in _SILENT_SEVERITIES


def _facts(answer: Any) -> dict[str, Any]:
    """What `check` was told.

    Raises:
        ChannelDownError: when it was told nothing.
    """
    if isinstance(answer, Refusal):
        raise ChannelDownError(f"Telegram: {answer.why}")
    return answer if isinstance(answer, dict) else {}
