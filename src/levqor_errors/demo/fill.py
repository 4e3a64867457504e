"""The month into a database: written in its order, told of, and acted upon. Called by the command, and by benches."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from .. import instants, limits
from ..collector.refusals import Reason
from ..errors import StorageUnusableError
from ..event import normalize
from ..grouping import group
from ..storage import Filters, NewEvent, Storage, StoredEvent
from ..storage.source_maps import new_map
from .month import Happened, month
from .scripts import source_maps
from .shop import DAYS, releases
from .telling import DEEDS, Deed, Telling

#: Events of one commit.
BATCH: Final = 1_000
#: The alerts look no more often than this, though they would at once: a month has many moments.
_LOOK: Final = timedelta(minutes=5)
#: Hours (UTC) in which they look though nothing happens, a minute past: canary and summary are due at two of them.
_LOOK_HOURS: Final = (1, 4, 7, 9, 12, 15, 18, 21)
_MINUTE: Final = timedelta(minutes=1)
#: Days before now at which somebody sent too much, or what is no event; the reason, requests, events.
_REFUSED: Final = (
    (24.3, Reason.INVALID, 41, 41), (19.8, Reason.CLIENT_RATE, 312, 8_420), (5.38, Reason.CLIENT_RATE, 95, 2_310),
    (0.4, Reason.INVALID, 6, 6),
)  # fmt: skip


def fill(
    storage: Storage, *, events: int, seed: int, now: datetime, tell: Callable[[int], None] = lambda _: None
) -> int:
    """Write a month that ends now.

    Args:
        storage: an empty database.
        events: about how many.
        seed: of all that is drawn.
        now: the end.
        tell: called after each full batch with how many are written.

    Returns:
        How many events were written.

    Raises:
        StorageUnusableError: something was counted in this database before.
        StorageUnavailableError: it does not take them.
    """
    if storage.services():
        raise StorageUnusableError("the database has events already; a demo needs one of its own")
    _put_source_maps(storage, now)
    filling = _Filling(storage, now)
    try:
        return filling.write(month(events=events, seed=seed, now=now), tell)
    finally:
        filling.close()


class _Filling:
    """The month under way."""

    def __init__(self, storage: Storage, now: datetime) -> None:
        self._storage = storage
        self._now = now
        self._loop = asyncio.new_event_loop()
        self._telling = Telling(storage, now, self._take_canary)
        self._deeds = sorted(DEEDS, key=lambda deed: deed.at)
        self._looked = now - timedelta(days=DAYS)
        self._looks = _looks(self._looked, now)
        self._batch: list[NewEvent] = []
        self._written = 0
        #: An event of each fault that is called by a name, by which its issue is found.
        self._known: dict[str, str] = {}
        self._resolved: set[str] = set()

    def write(self, happened: Iterable[Happened], tell: Callable[[int], None]) -> int:
        """Write what happened, in its order; returns how many events."""
        for one in happened:
            at, fault = one.at, one.fault
            self._pass_time(at)
            self._batch.append(_passed(one.event, at))
            if fault.name:
                self._known[fault.name] = one.event["event_id"]
            if fault.name in self._resolved or (fault.severity == "critical" and at - self._looked >= _LOOK):
                self._resolved.discard(fault.name)
                self._look(at)
            elif len(self._batch) >= BATCH:
                self._flush()
                tell(self._written)
        self._pass_time(self._now)
        self._look(self._now)
        self._refuse()
        return self._written

    def close(self) -> None:
        """End."""
        self._telling.close()
        self._loop.close()

    def _pass_time(self, until: datetime) -> None:
        """Do what the owner did, and look after the alerts, in the hours before the next event."""
        while self._looks and self._looks[-1] <= until:
            at = self._looks.pop()
            while self._deeds and self._now - timedelta(days=self._deeds[-1].at) <= at:
                self._do(self._deeds.pop())
            self._look(at)

    def _flush(self) -> None:
        if self._batch:
            for one in self._loop.run_until_complete(self._storage.write(self._batch)):
                if not isinstance(one, StoredEvent):
                    raise one
            self._written += len(self._batch)
            self._batch = []

    def _look(self, at: datetime) -> None:
        self._flush()
        self._telling.run(at)
        self._looked = at

    def _do(self, deed: Deed) -> None:
        self._flush()
        event_id = self._known.get(deed.fault)
        if event_id is None:
            # Of a month with few events.
            return
        page = self._storage.recent(Filters(event_id=event_id), limit=1)
        self._telling.do(deed, page.errors[0]["issue_id"], self._now)
        if deed.action.do == "resolve":
            self._resolved.add(deed.fault)

    def _take_canary(self, raw: dict[str, Any]) -> None:
        self._loop.run_until_complete(self._storage.write([_passed(raw, self._telling.at)]))

    def _refuse(self) -> None:
        counts: dict[tuple[str, str], tuple[int, int]] = {}
        for days, reason, requests, events in _REFUSED:
            hour = instants.hour_of(instants.to_text(self._now - timedelta(days=days)))
            counts[hour, reason.value] = requests, events
        self._storage.add_refusals(counts)


def _put_source_maps(storage: Storage, now: datetime) -> None:
    """What the shop's deployment would have uploaded: the same scripts with each release."""
    maps = source_maps()
    most = limits.SOURCE_MAPS_BYTES
    with storage.source_maps(adding=True) as store:
        for release in releases(now):
            for name, body in maps.items():
                new = new_map(release.name, name, hashlib.sha256(body).hexdigest(), body)
                store.put(new, most_bytes=most, now=instants.to_text(release.since))


def _passed(raw: dict[str, Any], at: datetime) -> NewEvent:
    """An event past the gate."""
    event = normalize(raw, received_at=at, plain=True)
    return NewEvent(event, group(event))


def _looks(since: datetime, until: datetime) -> list[datetime]:
    """When the alerts look by the clock, the last time first."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    looks = [midnight + timedelta(days=day, hours=hour) + _MINUTE for day in range(DAYS + 1) for hour in _LOOK_HOURS]
    return [at for at in reversed(looks) if since <= at < until]
