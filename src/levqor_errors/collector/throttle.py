"""Guesses at the secret, slowed down: a bucket of tries for each client that fills up again by itself.

The owner behind a guesser's address waits for seconds, never for good; his sessions and one-time links are not
throttled at all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from .. import limits
from .buckets import Buckets
from .proxies import network_of

#: Wrong guesses in a row before an address has to wait.
BURST: Final = 20
#: Guesses a second after that.
RATE: Final = 0.5
#: Addresses remembered; past it the one that has been quiet longest is forgotten.
ADDRESSES: Final = limits.CLIENTS


class Throttle:
    """Counts wrong guesses by address, or by network for IPv6.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # No overflow bucket: guessers with many addresses would share it with the owner, and lock him out.
        self._buckets = Buckets(RATE, BURST, most=ADDRESSES, overflow=False)

    def wait(self, address: str) -> int:
        """Seconds until this address may guess again; 0: it may now."""
        return math.ceil(self._buckets.wait(network_of(address), 1, self._clock()))

    def wrong(self, address: str) -> None:
        """Note a wrong guess."""
        key, now = network_of(address), self._clock()
        # Not into debt: guessing for long does not make the wait longer.
        self._buckets.take(key, min(1.0, self._buckets.tokens(key, now)), now)
