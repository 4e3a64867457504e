"""What is told without an event that asks for it: rates that are reached, services that have gone silent.

Looked at by the clock, from `runner.py`. Each finding becomes a row of `alerts`; `sender.py` sends it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
_SILENT: Final = "warning"
#: Services that one message names.
_SHOWN: Final = 20


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

    def rate(self, rule: RateRule, now: datetime, down: Collection[str]) -> None:
        """Tell if a rate is reached; of each service again after its time, and not before the cool-down."""
        # Outside the transaction that writes: this counts events.
        with self._storage.alert_reader(long=True) as store:
            reached = store.activity.reached(rule, clock.after(now, -rule.seconds), instants.to_text(now))
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
        channels = self._routes.of(Kind.RATE, severity, service, None)
        if channels:
            alert = Alert(f"{key} {at}", Kind.RATE.value, severity, service, None, content)
            store.outbox.add(alert, self._routes.usable(channels, down), now=at)
        store.memory.put(key, at, now=at)

    def silence(self, now: datetime, down: Collection[str], watched_since: str) -> None:
        """Tell of services that usually log and have gone silent; once for each silence, and of several in one message.

        Args:
            now: the clock.
            down: channels that take nothing.
            watched_since: since when somebody has looked; who could not be heard before is not called silent for that.
        """
        if not self._settings.silence:
            return
        # Twice: the days before the silence, and the silence.
        since = instants.hour_of(instants.to_text(now - timedelta(days=2 * USUAL_DAYS)))
        with self._storage.alert_reader(long=True) as store:
            hours = store.activity.hours(since)
        heard_until = instants.from_text(watched_since)
        silent = {
            service: last
            for service, seen in hours.items()
            if (last := silent_since(seen, now, heard_until)) is not None
        }
        if silent:
            with self._storage.alerts() as store:
                store.outbox.be_alone()
                self._silent(store, silent, down, instants.to_text(now))

    def _silent(self, store: AlertStore, silent: Mapping[str, str], down: Collection[str], at: str) -> None:
        together: dict[tuple[str, ...], list[str]] = {}
        for service, last in silent.items():
            if store.memory.get(f"silent {service}") != last:
                store.memory.put(f"silent {service}", last, now=at)
                channels = self._routes.of(Kind.SILENT, _SILENT, service, None)
                together.setdefault(channels, []).append(service)
        for channels, services in together.items():
            one = services[0] if len(services) == 1 else None
            lines = [f"{service}: nothing since the hour of {silent[service]}." for service in services[:_SHOWN]]
            if len(services) > _SHOWN:
                lines.append(f"And {len(services) - _SHOWN:,} more.")
            lines += [
                f"It is usual to hear something on each of {USUAL_DAYS} days.",
                "Perhaps there are no errors any more; perhaps it does not run, or cannot send.",
            ]
            title = f"{one or f'{len(services):,} services'} {'has' if one else 'have'} gone silent"
            key = f"silent {services[0]} {silent[services[0]]}"
            alert = Alert(key, Kind.SILENT.value, _SILENT, one, None, {"title": title, "lines": lines})
            if channels:
                store.outbox.add(alert, self._routes.usable(channels, down), now=at)


def silent_since(hours: Sequence[str], now: datetime, watched_since: datetime) -> str | None:
    """The last hour in which a service sent something, if it usually logs and has been silent for too long since.

    Args:
        hours: in which it sent something during the last days, the oldest first.
        now: the clock.
        watched_since: before that it could not be heard.
    """
    last = instants.from_text(hours[-1])
    seen = [hour for hour in map(instants.from_text, hours) if hour > last - timedelta(days=USUAL_DAYS)]
    if len({hour.date() for hour in seen}) < USUAL_DAYS:
        return None
    pauses = [later - earlier for earlier, later in pairwise(seen)]
    longest = max(pauses, default=timedelta()) / timedelta(hours=1)
    # Perhaps it was at the end of that hour.
    silent = (now - max(last + timedelta(hours=1), watched_since)) / timedelta(hours=1)
    return hours[-1] if silent > max(LEAST_HOURS, PAUSES * longest) else None
