"""Not more than a chat takes: one message a second, and in a group 20 a minute.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

from ....errors import ChannelPassingError
from .api import ENDING

#: Seconds between two messages.
BETWEEN: Final = 1.0
GROUP_MESSAGES: Final = 20
GROUP_SECONDS: Final = 60.0
#: Longer than this, and the message had better wait where it is kept: whoever has claimed it would lose it.
PATIENCE: Final = 3.0


class Pace:
    """When messages were sent, and so when the next one may be.

    Args:
        closing: ends a wait.
    """

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        self._sent: deque[float] = deque(maxlen=GROUP_MESSAGES)

    def wait(self, *, group: bool) -> None:
        """Wait until a message may be sent.

        Raises:
            ChannelPassingError: when that takes too long, or there is no time left.
        """
        seconds = self._seconds(time.monotonic(), group)
        if seconds > PATIENCE:
            raise ChannelPassingError("Telegram takes 20 messages a minute in a group", seconds)
        if self._closing.wait(max(seconds, 0)):
            raise ChannelPassingError(ENDING)

    def sent(self) -> None:
        """A message has been sent, just now; or may have been."""
        self._sent.append(time.monotonic())

    def _seconds(self, now: float, group: bool) -> float:
        due = self._sent[-1] + BETWEEN if self._sent else now
        if group and len(self._sent) == GROUP_MESSAGES:
            due = max(due, self._sent[0] + GROUP_SECONDS)
        return due - now
