"""How much may be sent: by one client, of one service, and in all. Asked by `ingest.py`; behind it is the writer.

A request passes or is refused whole, since senders try again whole batches: 429, with the seconds after which it
passes. What keeps one sender from harming another is the client's own limit; what keeps a thousand senders, or one with
a thousand addresses, from harming the machine is the limit of all together, which they then share.

New names of services have a limit of their own: each may have a row in every hour's counts, which are kept for good.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from .. import limits
from ..errors import RateLimitedError
from .buckets import Buckets
from .new_issues import NewIssues
from .refusals import Reason
from .sharing import Ledger, make_buckets

#: The key of the one bucket that all share.
_ALL: Final = ""
_HOUR: Final = 3600.0
#: A client's large bodies are refused unread for at most so many seconds after one that was read.
_TOLD_SECONDS: Final = 5.0


class _Told(NamedTuple):
    until: float
    reason: Reason
    why: str


class Limiter:
    """The limits of one collector, or of all that share a ledger, within what `sharing.py` says.

    Args:
        rate: events a second of one client (`RATE_LIMIT`); all other rates are multiples of it.
        services: names that are known already.
        ledger: where others are told of it; `None`: there are no others.
        clock: seconds, never going back.

    Attributes:
        issues: how many new issues may be opened.
    """

    def __init__(
        self,
        rate: float,
        services: Iterable[str] = (),
        ledger: Ledger | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        make = make_buckets if ledger is None else ledger.buckets

        def by_the_second(name: str, rate: float, most: int) -> Buckets:
            return make(name, rate, rate * limits.BURST_SECONDS, most=most)

        def by_the_hour(name: str, amount: int, most: int) -> Buckets:
            return make(name, amount / _HOUR, amount, most=most)

        self._clients = by_the_second("clients", rate, limits.CLIENTS)
        self._services = by_the_second("services", rate * limits.SERVICE_SHARE, limits.SERVICES)
        self._total = by_the_second("total", rate * limits.TOTAL_SHARE, 1)
        self._known = set(services)
        self._names = by_the_hour("new_services", limits.NEW_SERVICES_CLIENT, limits.CLIENTS)
        self._names_total = by_the_hour("new_services_total", limits.NEW_SERVICES, 1)
        self.issues = NewIssues(clock, make)
        if ledger is not None:
            # On another thread. A set takes them in one step, as far as others see.
            ledger.learn = self._known.update
        self._told: OrderedDict[str, _Told] = OrderedDict()

    def alias(self, client: str) -> str:
        """The name by which everything here knows a client, given by `proxies.client_of`."""
        return client if self._ledger is None else self._ledger.alias(client)

    def told(self, client: str) -> RateLimitedError | None:
        """What to answer, unread, to a large body of a client that was told to wait and did not."""
        told = self._told.get(client)
        if told is None:
            return None
        left = told.until - self._clock()
        if left <= 0:
            del self._told[client]
            return None
        return _error(told.reason, told.why, left)

    def check(self, client: str, events: int, size: int) -> None:
        """Refuse what `admit` would, as far as that is known before the events have been through the gate.

        Raises:
            RateLimitedError: over the limit of the client, or of all.
        """
        self._check(client, _cost(events, size), self._clock())

    def admit(self, client: str, services: Mapping[str, int], events: int, size: int) -> None:
        """Take a request's cost from all that it counts against, or from none.

        Args:
            client: whose it is, as `alias` says.
            services: how many of its events are of each service.
            events: how many it has, those that the gate refused as well.
            size: its bytes, inflated.

        Raises:
            RateLimitedError: it is over a limit; nothing was taken but for the work of reading a large one.
        """
        now, cost = self._clock(), _cost(events, size)
        self._check(client, cost, now)
        try:
            for service, count in services.items():
                if wait := self._services.wait(service, cost * count / events, now):
                    raise _error(Reason.SERVICE_RATE, f"too many events of service {service}", wait)
            if not self._known.issuperset(services):
                self._take_names(client, services.keys() - self._known, now)
        except RateLimitedError:
            # By the bytes alone: the client may be no flooder, but one of many that send for this service.
            self._clients.take(client, size // limits.EVENT_BYTES, now)
            raise
        self._clients.take(client, cost, now)
        self._total.take(_ALL, cost, now)
        for service, count in services.items():
            self._services.take(service, cost * count / events, now)

    def charge(self, client: str, events: int, size: int) -> None:
        """Take the cost of a request that was refused for what it says: reading it was work too, and without this, what
        cannot be taken could be sent without limit. Not into debt, and of nobody else's share: what was not taken is no
        load for the database."""
        now, cost = self._clock(), _cost(max(events, 1), size)
        left = self._clients.tokens(client, now)
        if left > 0:
            self._clients.take(client, min(cost, left), now)
        if cost > left:
            wait = self._clients.wait(client, cost, now)
            self._tell(client, Reason.CLIENT_RATE, "too much from this address that cannot be taken", wait, now)

    def _check(self, client: str, cost: int, now: float) -> None:
        if wait := self._clients.wait(client, cost, now):
            raise self._tell(client, Reason.CLIENT_RATE, "too many events from this address", wait, now)
        if wait := self._total.wait(_ALL, cost, now):
            raise self._tell(client, Reason.TOTAL_RATE, "too many events from all senders together", wait, now)

    def _take_names(self, client: str, names: set[str], now: float) -> None:
        """Take new names of services, if there may be more."""
        amount = len(names)
        if len(self._known) + amount > limits.SERVICES:
            why = f"service is a new name, and the collector keeps at most {limits.SERVICES}"
            raise _error(Reason.NEW_SERVICES, why, _HOUR)
        if wait := self._names.wait(client, amount, now):
            why = f"service is a new name, and this address may bring up {limits.NEW_SERVICES_CLIENT} an hour"
            raise _error(Reason.NEW_SERVICES, why, wait)
        if wait := self._names_total.wait(_ALL, amount, now):
            why = f"service is a new name, and all senders together may bring up {limits.NEW_SERVICES} an hour"
            raise _error(Reason.NEW_SERVICES, why, wait)
        self._names.take(client, amount, now)
        self._names_total.take(_ALL, amount, now)
        self._known |= names
        if self._ledger is not None:
            self._ledger.let_in(names)

    def _tell(self, client: str, reason: Reason, why: str, wait: float, now: float) -> RateLimitedError:
        """Remember that this client is told to wait. Not the error itself: with its traceback it holds the request."""
        self._told[client] = _Told(now + min(wait, _TOLD_SECONDS), reason, why)
        self._told.move_to_end(client)
        if len(self._told) > limits.CLIENTS:
            self._told.popitem(last=False)
        return _error(reason, why, wait)


def _error(reason: Reason, why: str, wait: float) -> RateLimitedError:
    return RateLimitedError(reason.value, f"{why}; send again later", max(1, math.ceil(wait)))


def _cost(events: int, size: int) -> int:
    return max(events, size // limits.EVENT_BYTES)
