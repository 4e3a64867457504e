"""Token buckets by key, in a table that cannot grow: what `limiter.py`, `new_issues.py` and `throttle.py` count with.

A bucket fills at a rate up to its burst. Of each only the time is kept at which it will be full (the "virtual
scheduling" form of the algorithm, ITU-T I.371 annex A): one number, and two additions for each request. A bucket that
is full is the same as one that was never made, so forgetting it is harmless; forgetting a drained one would give its
owner a new burst.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import Final

from .. import limits

#: How many are looked at for a full one, each time that room is needed; the longest untouched come first.
_LOOKED_AT: Final = 8
#: Seconds, as is the rounding of waits: who has waited as long as he was told is not told to wait a moment more.
_SLACK: Final = 1e-6


class Buckets:
    """The buckets.

    Args:
        rate: tokens a second.
        burst: tokens of a full bucket.
        most: buckets remembered.
        overflow: what comes of a new key when the table is full of drained ones: whether all new ones share one bucket;
            else the one longest untouched is forgotten for it.
    """

    def __init__(self, rate: float, burst: float, *, most: int = limits.CLIENTS, overflow: bool = True) -> None:
        self._second = 1 / rate
        self._burst = burst
        self._window = burst / rate
        self._most = most
        self._overflow = overflow
        self._shared = 0.0
        # By key, when it is full; the longest untouched first.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def tokens(self, key: str, now: float) -> float:
        """How many there are; negative: how many are owed."""
        return (self._window - max(self._find(key, now) - now, 0.0)) / self._second

    def wait(self, key: str, amount: float, now: float) -> float:
        """Seconds until this much may be taken; 0: it may now. More than a burst may be taken of a full bucket."""
        full_at = self._full_at.get(key)
        if full_at is None:
            full_at = self._find(key, now)
        if full_at <= now:
            return 0.0
        wait = full_at - now + (amount if amount < self._burst else self._burst) * self._second - self._window
        return round(wait, 6) if wait > _SLACK else 0.0

    def take(self, key: str, amount: float, now: float) -> None:
        """Take tokens, down to a debt if need be; a negative amount gives back."""
        full_at = self._full_at.get(key)
        if full_at is None:
            if self._is_shared(now):
                self._shared = max(self._shared, now) + amount * self._second
                return
            if len(self._full_at) >= self._most:
                self._full_at.popitem(last=False)
            full_at = now
        self._full_at[key] = (full_at if full_at > now else now) + amount * self._second
        self._full_at.move_to_end(key)

    def _find(self, key: str, now: float) -> float:
        full_at = self._full_at.get(key)
        if full_at is not None:
            return full_at
        return self._shared if self._is_shared(now) else 0.0

    def _is_shared(self, now: float) -> bool:
        """Whether keys without a bucket share one: there is no room, and none can be made without harm."""
        return self._overflow and len(self._full_at) >= self._most and not self._make_room(now)

    def _make_room(self, now: float) -> bool:
        # Asking over and over looks at all of them in turn.
        for key in list(islice(self._full_at, _LOOKED_AT)):
            if self._full_at[key] <= now:
                del self._full_at[key]
                return True
            self._full_at.move_to_end(key)
        return False
