"""Token buckets by key, in a table that cannot grow: what `limiter.py` and `throttle.py` count with.

A bucket fills at a rate up to its burst. One that is full is the same as one that was never made, so forgetting it is
harmless; forgetting one that is drained would give its owner a new burst.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import Final

from .. import limits

#: How many are looked at for a full one, each time that room is needed; the longest untouched come first.
_LOOKED_AT: Final = 8
#: Of a token: after a wait that was told, rounding must not ask for another.
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
        self._rate = rate
        self._burst = float(burst)
        self._most = most
        # Tokens, and when there were so many; the longest untouched first.
        self._buckets: OrderedDict[str, list[float]] = OrderedDict()
        self._shared = [self._burst, 0.0] if overflow else None

    def __len__(self) -> int:
        return len(self._buckets)

    def tokens(self, key: str, now: float) -> float:
        """How many there are; negative: how many are owed."""
        bucket = self._find(key, now)
        return self._burst if bucket is None else self._filled(bucket, now)

    def wait(self, key: str, amount: float, now: float) -> float:
        """Seconds until this much may be taken; 0: it may now. More than a burst may be taken of a full bucket."""
        bucket = self._find(key, now)
        if bucket is None:
            return 0.0
        tokens = self._filled(bucket, now)
        if tokens + _SLACK >= min(amount, self._burst):
            return 0.0
        return (min(amount, self._burst) - tokens) / self._rate

    def take(self, key: str, amount: float, now: float) -> None:
        """Take tokens, down to a debt if need be; a negative amount gives back."""
        bucket = self._find(key, now)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._buckets.popitem(last=False)
            self._buckets[key] = [min(self._burst, self._burst - amount), now]
        else:
            bucket[0] = min(self._burst, self._filled(bucket, now) - amount)
            bucket[1] = now
            if bucket is not self._shared:
                self._buckets.move_to_end(key)

    def _filled(self, bucket: list[float], now: float) -> float:
        tokens = bucket[0] + (now - bucket[1]) * self._rate
        return tokens if tokens < self._burst else self._burst

    def _find(self, key: str, now: float) -> list[float] | None:
        """A key's bucket; `None`: it has none, which is the same as a full one."""
        bucket = self._buckets.get(key)
        if bucket is None and self._shared is not None and len(self._buckets) >= self._most and not self._room(now):
            return self._shared
        return bucket

    def _room(self, now: float) -> bool:
        """Forget a full one. Asking for room over and over looks at all of them in turn."""
        for key in list(islice(self._buckets, _LOOKED_AT)):
            if self._filled(self._buckets[key], now) >= self._burst:
                del self._buckets[key]
                return True
            self._buckets.move_to_end(key)
        return False
