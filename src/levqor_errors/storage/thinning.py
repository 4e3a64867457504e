"""Which events go when there is no room. Used by each database's storage for the janitor.

Works in short steps, so that commits of events are never held up for long. Nothing here changes a count.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from typing import Final, Protocol

from .base import Thinned

#: A step ends after this long, then comes its commit. An event of the largest size takes 4 ms to delete.
STEP_SECONDS: Final = 0.02
#: How many issues a plan names; they bound its memory.
_PLAN_ISSUES: Final = 1_000
#: A plan is made anew after this long, for events keep coming in.
_PLAN_SECONDS: Final = 10.0
#: The part of an issue's events, or of all events, that may go in one turn, a twentieth: while many issues are at one
#: level, all go down together.
_TURN: Final = 20


class Victims(Protocol):
    """What a database says and does for `Thinner`."""

    def noisiest(self, most: int) -> list[tuple[int, int]]:
        """Issues that have more than one event, those with the most first: their ids, and how many events."""
        ...

    def forgotten(self, most: int) -> list[int]:
        """Open issues of which no event is left and no alert is to be sent."""
        ...

    def events(self) -> int:
        """How many events there are."""
        ...

    def delete_events(self, issue: int | None, most: int, deadline: float) -> int:
        """Delete the oldest events, of an issue or of all: up to so many, at least one, to a point of
        `time.monotonic()`. Returns how many."""
        ...

    def delete_issues(self, issues: Sequence[int], deadline: float) -> int:
        """Delete those that are still `forgotten`, in the same way, with what was told of them. Returns how many."""
        ...


def step_deadline() -> float:
    """When a step that begins now has to end."""
    return time.monotonic() + STEP_SECONDS


class Thinner:
    """Which events go when there is no room: always the oldest of the issue that has the most of them.

    So all issues go down to one level together, the loudest from furthest up, and the only event of a rare issue is
    among the last to go. When every issue is down to one event, those issues go of which none is left (their part of
    the hourly counts stays), then the oldest events of all.

    Counting all events takes about 0.1 s for each million, so it is done once for many steps, by `count`.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._level = 1
        self._forgotten: list[int] = []
        self._even = 0
        self._until = 0.0

    @property
    def spent(self) -> bool:
        """Whether it must `count` before it can go on."""
        return time.monotonic() > self._until or not (self._too_loud() or self._forgotten or self._even)

    def forget(self) -> None:
        """Events were deleted by another rule: the plan may name some that are gone, and spare the wrong ones."""
        self._until = 0.0

    def count(self, victims: Victims) -> None:
        """Make a plan; only reads."""
        found = victims.noisiest(_PLAN_ISSUES)
        self._heap = [(-events, issue) for issue, events in found]
        heapq.heapify(self._heap)
        # Those that are not named have at most as many as the last that is.
        self._level = found[-1][1] - 1 if len(found) == _PLAN_ISSUES else 1
        self._forgotten = []
        self._even = 0
        if not found:
            self._forgotten = victims.forgotten(_PLAN_ISSUES)
            events = victims.events()
            # Not all of them on one count: an issue may become loud meanwhile.
            self._even = 0 if self._forgotten else min(events, max(1, events // _TURN))
        self._until = time.monotonic() + _PLAN_SECONDS

    def delete(self, victims: Victims, most: int) -> Thinned:
        """Delete up to `most` events by the plan."""
        deadline = step_deadline()
        events = 0
        while self._too_loud() and events < most and time.monotonic() < deadline:
            events += self._quieten(victims, most - events, deadline)
        if events or self._heap:
            return Thinned(events, 0)
        if self._forgotten:
            return Thinned(0, self._drop_issues(victims, most, deadline))
        oldest = min(most, self._even)
        events = victims.delete_events(None, oldest, deadline)
        self._even -= max(events, 1)
        return Thinned(events, 0)

    def _too_loud(self) -> bool:
        return bool(self._heap) and -self._heap[0][0] > self._level

    def _quieten(self, victims: Victims, most: int, deadline: float) -> int:
        """Take the loudest issue some way down to the next."""
        negative, issue = heapq.heappop(self._heap)
        stored = -negative
        next_level = max(-self._heap[0][0] if self._heap else 0, self._level)
        turn = min(most, max(stored - next_level, stored // _TURN, 1))
        deleted = victims.delete_events(issue, turn, deadline)
        if deleted:
            heapq.heappush(self._heap, (deleted - stored, issue))
        return deleted

    def _drop_issues(self, victims: Victims, most: int, deadline: float) -> int:
        # From the end: those that no time was left for stay for the next step.
        tried = self._forgotten[-most:]
        del self._forgotten[-most:]
        return victims.delete_issues(tried, deadline)
