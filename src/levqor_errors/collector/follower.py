"""One live stream's part of what is new: what was found for it and is not sent yet.

`feed.py` puts in, `stream.py` takes out, neither waits for the other. However slowly it is taken, there are a bounded
number of events here and a count of the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from .. import limits
from ..storage import Filters


class Found(NamedTuple):
    """What is new for a set of filters."""

    #: The lowest first.
    ids: Sequence[int]
    #: The first of them, as JSON.
    texts: Mapping[int, bytes]


class Batch(NamedTuple):
    """What a follower has not been given yet."""

    #: Of some, as JSON, the lowest id first.
    events: Sequence[bytes]
    #: How many there are besides.
    more: int
    #: Others may be missing before these.
    missed: bool
    #: It says all of this has been read; `None`: not even the beginning is known yet.
    cursor: str | None


class Follower:
    """One who watches. Used on the event loop.

    Args:
        filters: which events it is told of.
        after: a cursor to go on from; `None`: from now on.

    Attributes:
        ready: set when there is something to `take`, or it is over.
        over: nothing will come any more.
        begun: whether the feed has taken it in.
    """

    def __init__(self, filters: Filters, after: str | None) -> None:
        self.filters = filters
        self.after = after
        self.ready = asyncio.Event()
        self.over = False
        self.begun = False
        self._seen: Set[int] = frozenset()
        self._events: list[bytes] = []
        self._more = 0
        self._missed = False
        self._cursor: str | None = None

    def take(self) -> Batch:
        """All that has come since the last time."""
        batch = Batch(self._events, self._more, self._missed, self._cursor)
        self._events, self._more, self._missed = [], 0, False
        self.ready.clear()
        return batch

    def begin(self, found: Found | None, cursor: str, seen: Set[int]) -> None:
        """Take in what it missed; `None`: nobody knows what it did. `seen` has all that was read for it, whether it
        matched or not, and may be read again."""
        self.begun = True
        self.add(found, cursor, last=False)
        self._seen = seen
        # The cursor is news, too.
        self.ready.set()

    def add(self, found: Found | None, cursor: str, *, last: bool) -> None:
        """Take in what is new; `None`: nobody knows what is. Last: this is all up to this moment."""
        self._cursor = cursor
        if found is None:
            self._events, self._more, self._missed = [], 0, True
            self.ready.set()
        else:
            ids = [id_ for id_ in found.ids if id_ not in self._seen] if self._seen else found.ids
            room = 0 if self._more else limits.STREAM_EVENTS - len(self._events)
            texts = [found.texts[id_] for id_ in ids[:room] if id_ in found.texts]
            self._events += texts
            self._more += len(ids) - len(texts)
            if ids:
                self.ready.set()
        if last:
            self._seen = frozenset()

    def end(self) -> None:
        """Nothing will come any more."""
        self.over = True
        self.ready.set()
