"""Which chat is meant: the one of the settings, or the supergroup that it has become since."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from ....config import AlertSettings
from ....errors import StorageError
from ...channel import Memory


class Chat:
    """The chat of the settings.

    Args:
        settings: with its number or @name.
        memory: where it is kept whereto a chat has moved. By the chat that the settings name: another one there, and
            nothing of the old one counts.
    """

    def __init__(self, settings: AlertSettings, memory: Memory) -> None:
        self._named = settings.telegram_chat
        self._memory = memory
        self._key = f"telegram.moved.{self._named}"
        self._moved_to: str | None = None

    @property
    def id(self) -> int | str:
        """What to call it in a request: its number, or `@name`."""
        # Another collector may have found out; where the memory cannot be asked, what is known here has to do.
        with contextlib.suppress(StorageError):
            self._moved_to = self._memory.get(self._key) or self._moved_to
        current = self._moved_to or self._named
        return current if current.startswith("@") else int(current)

    @property
    def is_group(self) -> bool:
        """Whether it is, or may be, a chat of several people, which takes fewer messages."""
        current = self.id
        return isinstance(current, str) or current < 0

    def follow(self, moved_to: int) -> None:
        """It has become a supergroup of this number."""
        self._moved_to = str(moved_to)
        with contextlib.suppress(StorageError):
            self._memory.put(self._key, self._moved_to)

    def is_same(self, chat: Mapping[str, Any]) -> bool:
        """Whether a chat in an update is this one."""
        current = self.id
        if isinstance(current, int):
            return type(chat.get("id")) is int and chat["id"] == current
        name = chat.get("username")
        return isinstance(name, str) and f"@{name}".lower() == current.lower()
