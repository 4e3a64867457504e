"""The month: which fault happens when, and the events of that, one after the other. Goes to `fill.py`.

The same seed and the same `now` make the same month.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from .browser import BROWSER
from .events import Events
from .faults import SERVICES, Fault
from .rhythm import draw
from .shop import releases

FAULTS: Final = (*SERVICES, *BROWSER)


class Happened(NamedTuple):
    """A fault that happened."""

    #: When it reaches the collector.
    at: datetime
    fault: Fault
    #: As a client sends it.
    event: dict[str, Any]


def month(*, events: int, seed: int, now: datetime) -> Iterator[Happened]:
    """A month that ends now, in its order.

    Args:
        events: about how many.
        seed: of all that is drawn.
        now: the end.
    """
    chance = random.Random(seed)  # noqa: S311 - a month and no secret
    made = Events(releases(now), chance)
    for at, number in _drawn(events, now, chance):
        yield Happened(at, FAULTS[number], made.make(FAULTS[number], at))


def _drawn(events: int, now: datetime, chance: random.Random) -> list[tuple[datetime, int]]:
    """When each fault happens, by its place in `FAULTS`; in order."""
    weights = sum(fault.weight for fault in FAULTS)
    drawn: list[tuple[datetime, int]] = []
    for number, fault in enumerate(FAULTS):
        drawn += ((now - timedelta(days=days), number) for days in fault.times)
        shares = sum(span.share for span in fault.when)
        for span in fault.when:
            count = round(events * fault.weight / weights * span.share / shares)
            drawn += ((at, number) for at in draw(span, count, now, chance))
    drawn.sort()
    return drawn
