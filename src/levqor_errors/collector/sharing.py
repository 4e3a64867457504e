"""Limits that hold across the collectors of one database: once a second each tells the others what its buckets let
through, and takes what they let through from its own.

Nobody asks the others before he lets something through, so it may be more than the limit, by this much. Of a limit with
burst B and rate r, N collectors, and what is told heard after D seconds at most (two turns, one of who tells and one of
who hears, and their statements; about 2):

- A collector lets pass what its own bucket has. That is what the one true bucket would have, plus what others let
  through in the last D seconds, of which each had at most B and what came in meanwhile. So in any time T there pass at
  most B + rT + (N - 1)(B + rD), and no sender gets more of it than he can send in D seconds.
- That excess is no rate: it is paid for. The buckets go into debt by it, and nothing passes until that is made good.
- What a bucket let through in a turn is not told if it is under a hundredth of its rate (`limits.UNTOLD_PART`), for
  nearly all senders are such and cost nothing so: with each further collector the rate may be that much higher.
- The same for all but the `limits.TOLD_KEYS` that took most in a turn, and for what a collector let through and could
  not tell: the database was away, or it was killed. While the database is away each goes by its own buckets.
- Who starts has full buckets, but for what was told within the seconds that it is kept: each start counts in N.
- Nothing is refused too early but for what came in within D while a bucket was full: at most rD.

The limiter takes part by having its buckets from a `Ledger`. Nothing of this is there with SQLite, whose collector is
alone, or without limits.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

import orjson

from .. import limits
from ..errors import StorageError
from .buckets import Buckets

logger = logging.getLogger("levqor_errors.collector")

#: A turn may wait for the database; nobody waits for more than one at the end.
_CLOSE_SECONDS: Final = 5.0
#: Under this names of services are told, which is no name of buckets.
_NAMES: Final = "names"


class SharedBuckets(Buckets):
    """Buckets that remember what they let through, and hear what others did. May be used from several threads.

    Args:
        rate: tokens a second.
        burst: tokens of a full bucket.
        most: buckets remembered.
    """

    def __init__(self, rate: float, burst: float, *, most: int = limits.CLIENTS) -> None:
        super().__init__(rate, burst, most=most)
        self._lock = threading.Lock()
        self._least = rate * limits.EXCHANGE_SECONDS * limits.UNTOLD_PART
        self._most_told = most
        self._taken: dict[str, float] = {}

    def tokens(self, key: str, now: float) -> float:
        with self._lock:
            return super().tokens(key, now)

    def wait(self, key: str, amount: float, now: float) -> float:
        with self._lock:
            return super().wait(key, amount, now)

    def take(self, key: str, amount: float, now: float) -> None:
        with self._lock:
            super().take(key, amount, now)
            if key in self._taken or len(self._taken) < self._most_told:
                self._taken[key] = self._taken.get(key, 0.0) + amount

    def hear(self, taken: Mapping[str, float], now: float) -> None:
        """Take what others let through."""
        for key, amount in taken.items():
            with self._lock:
                super().take(key, amount, now)

    def drain(self) -> dict[str, float]:
        """What was let through since the last call, as far as it is told: negative where more was given back."""
        with self._lock:
            taken, self._taken = self._taken, {}
        told = ((key, amount) for key, amount in taken.items() if abs(amount) >= self._least)
        return dict(heapq.nlargest(limits.TOLD_KEYS, told, key=lambda item: abs(item[1])))


class MakeBuckets(Protocol):
    """Makes buckets; by their name others are told of them."""

    def __call__(self, name: str, rate: float, burst: float, *, most: int) -> Buckets: ...


def make_buckets(name: str, rate: float, burst: float, *, most: int) -> Buckets:
    """Those of which nobody is told."""
    return Buckets(rate, burst, most=most)


class Ledger:
    """All buckets of one limiter, as they are told to others.

    Args:
        secret: what all collectors of the database have in common, and nobody else.
        clock: as the limiter's.

    Attributes:
        learn: called with names of services that others have let in.
    """

    def __init__(self, secret: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, SharedBuckets] = {}
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self.learn: Callable[[Iterable[str]], None] = lambda names: None
        # Who reads the database, or a dump of it, finds no address there, nor can he try them all: he lacks the secret.
        # That rows are deleted within seconds is not enough, for what is deleted stays in the file for a while.
        key = hashlib.blake2b(secret.encode(), person=b"levqor-limits").digest()
        self.alias = lru_cache(limits.CLIENTS)(
            lambda client: hashlib.blake2b(client.encode(), key=key, digest_size=12).hexdigest()
        )

    def buckets(self, name: str, rate: float, burst: float, *, most: int) -> SharedBuckets:
        """Buckets that are told under this name."""
        self._buckets[name] = SharedBuckets(rate, burst, most=most)
        return self._buckets[name]

    def let_in(self, names: Iterable[str]) -> None:
        """Names of services that are new, and are told."""
        with self._lock:
            self._names.update(names)

    def drain(self) -> str | None:
        """What is to be told, since the last call; `None`: nothing."""
        told: dict[str, Any] = {name: taken for name, one in self._buckets.items() if (taken := one.drain())}
        with self._lock:
            names, self._names = self._names, set()
        if names:
            told[_NAMES] = sorted(names)
        return orjson.dumps(told).decode() if told else None

    def hear(self, text: str) -> None:
        """What another collector has told."""
        told: dict[str, Any] = orjson.loads(text)
        self.learn(told.pop(_NAMES, []))
        now = self._clock()
        for name, taken in told.items():
            # Another version may have others.
            if name in self._buckets:
                self._buckets[name].hear(taken, now)


class Sharing:
    """A thread that tells and hears. Starts at once.

    Args:
        ledger: what is told, and who hears.
        exchange: `Storage.exchange`.
    """

    def __init__(self, ledger: Ledger, exchange: Callable[[str | None], list[str]]) -> None:
        self._ledger = ledger
        self._exchange = exchange
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="levqor-errors-limits", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and tell what is not told yet."""
        self._stopping.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(limits.EXCHANGE_SECONDS):
            self._turn()
        self._turn()

    def _turn(self) -> None:
        # What cannot be told now is not told later either: it would be charged to those who have waited for long.
        told = self._ledger.drain()
        try:
            for text in self._exchange(told):
                self._ledger.hear(text)
        except StorageError as error:
            if not self._failing:
                logger.warning("limits hold for each collector by itself, until the database answers: %s", error)
            self._failing = True
        except Exception:
            if not self._failing:
                logger.exception("the exchange of what the limits let through")
            self._failing = True
        else:
            self._failing = False
