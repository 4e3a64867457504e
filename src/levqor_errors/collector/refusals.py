"""What was not taken, counted exactly: each refused request, and how many events were in it, by reason.

Counted in memory at once, and handed on to the database by the janitor (`drain`), so that the numbers outlive the
process. Shown in `/api/errors/stats`, `/metrics` and `/healthz`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from .. import instants


class Reason(str, Enum):
    """Why a request, or an event of it, was not taken."""

    #: Over the rate of one client, of one service, of all together.
    CLIENT_RATE = "client_rate"
    SERVICE_RATE = "service_rate"
    TOTAL_RATE = "total_rate"
    #: More names of services than a client may bring up.
    NEW_SERVICES = "new_services"
    #: More waited than may wait, in the writer's queue or in bodies under way.
    OVERLOADED = "overloaded"
    #: The database or its disk did not take it.
    UNAVAILABLE = "unavailable"
    #: Not what can be taken: no JSON, no event, too large, of an unknown encoding.
    INVALID = "invalid"
    #: Without a key, or with another service's.
    KEY = "key"
    #: Cut off at a deadline.
    TOO_SLOW = "too_slow"


class Refused(NamedTuple):
    """How much was refused. Requests whose body was not read count as requests only."""

    requests: int
    events: int


class Refusals:
    """The counters. Called from the event loop, and from the janitor's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, Reason]] = Counter()
        self._events: Counter[tuple[str, Reason]] = Counter()
        self._total_requests: Counter[Reason] = Counter()
        self._total_events: Counter[Reason] = Counter()

    def count(self, reason: Reason, *, now: str, requests: int = 1, events: int = 0) -> None:
        """Note a refusal.

        Args:
            reason: why.
            now: the collector's clock, as `instants.to_text` writes it.
            requests: how many requests were refused as a whole; 0 for events refused within one that was taken.
            events: how many events were in it, as far as it was read.
        """
        key = instants.hour_of(now), reason
        with self._lock:
            self._requests[key] += requests
            self._events[key] += events
            self._total_requests[reason] += requests
            self._total_events[reason] += events

    def totals(self) -> Mapping[Reason, Refused]:
        """All since the process began."""
        with self._lock:
            return {reason: Refused(self._total_requests[reason], self._total_events[reason]) for reason in Reason}

    def drain(self) -> dict[tuple[str, str], Refused]:
        """What was counted since the last call, by hour and reason; give it back with `restore` if it was not kept."""
        with self._lock:
            drained = {
                (hour, reason.value): Refused(self._requests[hour, reason], self._events[hour, reason])
                for hour, reason in self._requests.keys() | self._events.keys()
            }
            self._requests.clear()
            self._events.clear()
            return drained

    def restore(self, drained: Mapping[tuple[str, str], Refused]) -> None:
        """Take back what could not be kept."""
        with self._lock:
            for (hour, reason), refused in drained.items():
                self._requests[hour, Reason(reason)] += refused.requests
                self._events[hour, Reason(reason)] += refused.events
