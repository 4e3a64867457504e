"""Which channel sends what another one does not. Used by `sender.py`, and by the clock from `runner.py`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from .. import instants
from ..storage.alerts.deliveries import AlertRow
from ..storage.alerts.store import AlertStore
from . import clock, health
from .notice import Kind
from .routes import Routes

#: A message other than the summary that a channel does not take for this long goes by others, too.
PATIENCE_SECONDS: Final = 900.0


class Deputies:
    """The rules.

    Args:
        routes: which channels there are.
        channels: their names.
    """

    def __init__(self, routes: Routes, channels: Collection[str]) -> None:
        self._routes = routes
        self._channels = tuple(channels)

    def of(self, store: AlertStore, channel: str) -> tuple[str, ...]:
        """Who takes over from a channel: all others that work."""
        return self._routes.usable((), health.down(store.memory) | {channel})

    def take(self, store: AlertStore, row: AlertRow, channel: str, at: str) -> bool:
        """Send a message by others, too; returns whether there were any that do not have it yet."""
        gone = store.deliveries.channels_of(row.id)
        missing = [name for name in self.of(store, channel) if name not in gone]
        for name in missing:
            store.deliveries.add(row.id, name, now=at)
            store.ledger.note(
                "taken over", f"goes by {name}, too", now=at, alert_id=row.id, issue_id=row.issue_id, channel=channel
            )
        return bool(missing)

    def take_all(self, store: AlertStore, channel: str, at: str) -> bool:
        """Send by others what waits for a channel that takes nothing any more; returns whether there was anything.
        Where there is no other it waits on. A canary stays: it is about that channel."""
        if not self.of(store, channel):
            return False
        moved = False
        for delivery in store.deliveries.waiting(channel):
            row = store.deliveries.alert(delivery.alert_id)
            if row is not None and row.kind != Kind.CANARY.value:
                store.deliveries.end(delivery.id, "replaced", now=at)
                self.take(store, row, channel, at)
                moved = True
        return moved

    def look(self, store: AlertStore, now: datetime) -> bool:
        """Find what waits for too long: for a channel that fails or was told to wait, and for one that is not set up
        any more, which nobody serves. Returns whether others have something to send now."""
        store.outbox.be_alone()
        at, old = instants.to_text(now), clock.after(now, -PATIENCE_SECONDS)
        found = False
        for channel in store.deliveries.waiting_for(old):
            if channel not in self._channels:
                found |= self.take_all(store, channel, at)
        for delivery in store.deliveries.overdue(old, fewer_than=len(self._channels)):
            row = store.deliveries.alert(delivery.alert_id)
            if row is not None and row.kind not in (Kind.SUMMARY.value, Kind.CANARY.value):
                found |= self.take(store, row, delivery.channel, at)
        return found
