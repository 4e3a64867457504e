"""Guesses at the secret, slowed down: a bucket of tries for each address that fills up again by itself.

The owner behind a guesser's address waits for seconds, never for good; his sessions and one-time links are not
throttled at all.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

#: Wrong guesses in a row before an address has to wait.
BURST: Final = 20
#: Guesses a second after that.
RATE: Final = 0.5
#: Addresses remembered; past it the one that has been quiet longest is forgotten.
ADDRESSES: Final = 10_000


class Throttle:
    """Counts wrong guesses by address.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until this address may guess again; 0: it may now."""
        tokens = self._tokens(_network(address))
        return 0 if tokens >= 1 else math.ceil((1 - tokens) / RATE)

    def wrong(self, address: str) -> None:
        """Note a wrong guess."""
        key = _network(address)
        self._buckets[key] = (max(self._tokens(key) - 1, 0.0), self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)

    def _tokens(self, key: str) -> float:
        tokens, at = self._buckets.get(key, (float(BURST), 0.0))
        return min(float(BURST), tokens + (self._clock() - at) * RATE)


def _network(address: str) -> str:
    """An IPv6 host owns at least a /64 and can change its address at will within it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
