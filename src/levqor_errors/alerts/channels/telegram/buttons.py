"""Reads who has pressed which button, and has it done. By long polls, so that nothing of ours has to be reachable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ....config import AlertSettings
from ....errors import ChannelPassingError, LevqorError
from ...channel import Memory
from .api import Refusal, TelegramApi
from .chat import Chat
from .keyboard import DONE, marked, read_press
from .text import cleaned, cut

#: Seconds that Telegram holds an answer back while there is nothing to tell.
POLL_SECONDS: Final = 25
#: Presses in one answer; see `api.ANSWER_BYTES`.
_PRESSES: Final = 20
#: Telegram forgets what is older than a day, and after a week without a press it may count on from a lower number: an
#: old offset would then throw away what has not been read. https://core.telegram.org/bots/api#update
_OFFSET_SECONDS: Final = 2 * 24 * 3600
#: https://core.telegram.org/bots/api#answercallbackquery
_ANSWER_CHARS: Final = 200
#: On a button, of which a phone shows about 40.
_WHO_CHARS: Final = 40
_NOT_ALLOWED: Final = "Not allowed: this bot listens to another chat."
_UNKNOWN: Final = "This button is none of this bot's."


class TelegramButtons:
    """The buttons under the messages of `TelegramChannel`.

    Only presses in the chat of the settings count, or in the one that it has become: whoever may read the alerts there
    may act on them.

    Args:
        settings: with a token.
        memory: where it is kept what has been read, so that a restart does not read it again.
        act: does it. Is given the action (`ack`, `mute` or `resolve`), the number of the alert, and who wants it;
            returns what to tell them. Raises `LevqorError` for what cannot be done, whose text they are told. It may
            be given the same press twice, after a crash or from an impatient finger.

    Raises:
        ConfigError: when there is no token.
    """

    def __init__(self, settings: AlertSettings, memory: Memory, act: Callable[[str, int, str], str]) -> None:
        self._api = TelegramApi(settings)
        self._chat = Chat(settings, memory)
        self._memory = memory
        # Another bot counts for itself.
        self._key = f"telegram.offset.{self._api.bot_id}"
        self._act = act

    def poll(self) -> None:
        """Wait for presses, and deal with those that come; returns after some seconds without one.

        Raises:
            ChannelPassingError: not now; after `close` as well.
            ChannelDownError: not until somebody acts.
            StorageUnavailableError: of the memory.
        """
        offset = self._offset()
        updates = self._api.call(
            "getUpdates",
            wait=POLL_SECONDS,
            timeout=POLL_SECONDS,
            limit=_PRESSES,
            allowed_updates=["callback_query"],
            **({} if offset is None else {"offset": offset}),
        )
        if not isinstance(updates, list):
            why = updates.why if isinstance(updates, Refusal) else "an answer that is no list"
            raise ChannelPassingError(f"buttons cannot be read (Telegram: {why})")
        for update in updates:
            self._deal_with(update["update_id"], update.get("callback_query"))

    def _offset(self) -> int | None:
        """The first update that is not read yet; `None` where that is not known, or no longer."""
        number, _, second = (self._memory.get(self._key) or "").partition(" ")
        return int(number) if number and time.time() - int(second) < _OFFSET_SECONDS else None

    def close(self) -> None:
        """End a poll that is under way, and let go of the connection."""
        self._api.close()

    def _deal_with(self, update_id: int, query: Mapping[str, Any] | None) -> None:
        message = (query or {}).get("message") or {}
        done = ""
        try:
            if query is None:
                return
            press = read_press(query.get("data"))
            if not self._chat.is_same(message.get("chat") or {}):
                said = _NOT_ALLOWED
            elif press is None:
                said = _UNKNOWN
            else:
                who = _name(query.get("from") or {})
                try:
                    said = self._act(press.action, press.alert, who)
                    done = f"✅ {DONE[press.action]} by {who}"
                except LevqorError as error:
                    said = str(error)
        finally:
            # Before anybody is answered: what has been done is not done again because an answer is late. And whatever
            # has happened: a press that nobody can deal with must not come back for ever.
            self._memory.put(self._key, f"{update_id + 1} {int(time.time())}")
        # What is refused from here on (the press is too old for an answer, the message is deleted, or says so already)
        # changes nothing of what has been done.
        self._api.call(
            "answerCallbackQuery", callback_query_id=query["id"], text=cut(cleaned(said), _ANSWER_CHARS),
            show_alert=not done,
        )  # fmt: skip
        rows = (message.get("reply_markup") or {}).get("inline_keyboard")
        if done and rows:
            self._api.call(
                "editMessageReplyMarkup", chat_id=message["chat"]["id"], message_id=message["message_id"],
                reply_markup={"inline_keyboard": marked(rows, query["data"], done)},
            )  # fmt: skip


def _name(user: Mapping[str, Any]) -> str:
    """What somebody is called; people choose that themselves."""
    parts = [user.get("first_name"), user.get("last_name")]
    name = " ".join(cleaned(part).strip() for part in parts if part) or cleaned(user.get("username")) or "somebody"
    return cut(name, _WHO_CHARS)
