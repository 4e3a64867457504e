"""What is told without an event that asks for it: rates that are reached, services that have gone silent.

Looked at by the clock, from `runner.py`. Each finding becomes a row of `alerts`; `sender.py` sends it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from .. import instants
from ..alert_rules import RateRule, shown_duration
from ..config import AlertSettings
from ..storage import Storage
from ..storage.alerts.outbox import Alert
from ..storage.alerts.store import AlertStore
from . import clock
from .choice import WINDOW_SECONDS
from .notice import Kind
from .routes import Routes

#: A service that has sent something on each of so many days usually logs.
USUAL_DAYS: Final = 7
#: It is silent when this many times its longest pause of these days has passed, and at least so many hours.
PAUSES: Final = 2
LEAST_HOURS: Final = 3


class Watch:
    """The looks.

    Args:
        storage: the database.
        settings: rules, cool-down, cap.
        routes: what goes where.
    """

    def __init__(self, storage: Storage, settings: AlertSettings, routes: Routes) -> None:
        self._storage = storage
        self._settings = settings
        self._routes = routes

    def rates(self, now: datetime, down: Collection[str]) -> None:
        """Tell of rates that are reached; of each again after its time, and not before the cool-down."""
        for rule in self._settings.rates:
            # Outside the transaction that writes: this counts events.
            with self._storage.alert_reader() as store:
                reached = store.activity.reached(rule, clock.after(now, -rule.seconds))
            if reached:
                with self._storage.alerts() as store:
                    store.outbox.be_alone()
                    for service, events in reached:
                        self._rate(store, rule, service, events, now, down)

    def _rate(
        self, store: AlertStore, rule: RateRule, service: str, events: int, now: datetime, down: Collection[str]
    ) -> None:
        at = instants.to_text(now)
        key = f"rate {rule.service}: {rule} | {service}"
        told = store.memory.get(key)
        if told is not None and clock.is_within(told, max(rule.seconds, self._settings.cooldown), now):
            return
        if len(store.outbox.told_since(clock.after(now, -WINDOW_SECONDS))) >= self._settings.cap:
            # Told as soon as there is room for it, if it is still so then.
            return
        severity = rule.least.value
        content = {
            "title": f"{service}: {events:,} events in {shown_duration(rule.seconds)}",
            "lines": [f"The rule is {rule} (ALERT_RATES)."],
            "events": events,
            "since": clock.after(now, -rule.seconds),
        }
        self._add(store, Alert(f"{key} {at}", Kind.RATE.value, severity, service, None, content), down, at)
        store.memory.put(key, at, now=at)

    def silence(self, now: datetime, down: Collection[str]) -> None:
        """Tell of services that usually log and have gone silent; once for each silence."""
        if not self._settings.silence:
            return
        since = instants.hour_of(instants.to_text(now - timedelta(days=USUAL_DAYS)))
        with self._storage.alert_reader() as store:
            hours = store.activity.hours(since)
        silent = {service: last for service, seen in hours.items() if (last := silent_since(seen, now)) is not None}
        if not silent:
            return
        at = instants.to_text(now)
        with self._storage.alerts() as store:
            for service, last in silent.items():
                content = {
                    "title": f"{service} has gone silent",
                    "lines": [
                        f"It has sent something on each of {USUAL_DAYS} days, and nothing since the hour of {last}.",
                        "Perhaps it has no errors any more; perhaps it does not run, or cannot send.",
                    ],
                }
                alert = Alert(f"silent {service} {last}", Kind.SILENT.value, "warning", service, None, content)
                self._add(store, alert, down, at)

    def _add(self, store: AlertStore, alert: Alert, down: Collection[str], at: str) -> None:
        channels = self._routes.of(Kind(alert.kind), alert.severity, alert.service, None)
        if channels:
            store.outbox.add(alert, self._routes.usable(channels, down), now=at)


def silent_since(hours: Sequence[str], now: datetime) -> str | None:
    """The last hour in which a service sent something, if it usually logs and has been silent for too long since.

    Args:
        hours: in which it sent something during the last days, the oldest first.
        now: the clock.
    """
    seen = [instants.from_text(hour) for hour in hours]
    days = {hour.date() for hour in seen}
    if len(days) < USUAL_DAYS:
        return None
    pauses = [later - earlier for earlier, later in pairwise(seen)]
    longest = max(pauses, default=timedelta()) / timedelta(hours=1)
    silent = (now - seen[-1]) / timedelta(hours=1)
    return hours[-1] if silent > max(LEAST_HOURS, PAUSES * longest) else None
