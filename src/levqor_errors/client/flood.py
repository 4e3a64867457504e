"""The flood limit: at most so many events a minute of one kind; the others are counted, and the count is sent along.

Off unless asked for, since it is the one part of the client that leaves events out on purpose.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

WINDOW_SECONDS: Final = 60.0
#: Kinds remembered; past it the one that was seen first is forgotten.
KINDS: Final = 1_000


class FloodLimit:
    """Counts events by kind.

    Args:
        most: events of one kind in a minute; 1 leaves out every repetition.
        clock: seconds, never going back.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        # By kind: when its minute began, events since then, and events left out that nobody was told of.
        self._kinds: OrderedDict[Hashable, tuple[float, int, int]] = OrderedDict()

    def admit(self, kind: Hashable) -> int | None:
        """Whether an event of this kind may go on.

        Returns:
            `None`: it is left out. Else how many were left out since the last one that went on.
        """
        now = self._clock()
        began, count, left_out = self._kinds.get(kind, (now, 0, 0))
        if now - began >= WINDOW_SECONDS:
            began, count = now, 0
        if count >= self._most:
            self._kinds[kind] = (began, count, left_out + 1)
            return None
        self._kinds[kind] = (began, count + 1, 0)
        if len(self._kinds) > KINDS:
            self._kinds.popitem(last=False)
        return left_out
