"""Decides what of the outbox is told: at once, later, in one message about many, or not at all; and writes down why.

Called by `runner.py` with a transaction. All that it goes by is in the database, so that a restart, or another
collector's planner, decides the same. Messages it adds are sent by `sender.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from .. import instants
from ..alert_rules import rank, shown_duration
from ..config import AlertSettings
from ..storage.alerts.outbox import Alert, Decision, Owed
from ..storage.alerts.store import AlertStore
from ..storage.base import CANARY_SERVICE
from . import clock
from .canary import message_key
from .choice import WINDOW_SECONDS, choose
from .notice import Kind
from .routes import Routes

#: Rows of the outbox that are looked at in one go; there are no more than `limits.NEW_ISSUES` new ones an hour.
MOST_ROWS: Final = 20_000
#: For what waits for nothing that the clock tells.
_LONG_SECONDS: Final = 3_600.0
#: Services that a message about many names.
_STORM_SERVICES: Final = 20


class Planned(NamedTuple):
    """What a look at the outbox came to."""

    #: Channels that have something to send now.
    channels: frozenset[str]
    #: Seconds after which something that waits is due; `None`: nothing waits.
    again: float | None


class _Due(NamedTuple):
    row: Owed
    channels: tuple[str, ...]
    #: Something was told of this issue lately.
    more: bool


class Planner:
    """The rules.

    Args:
        settings: cool-down and cap.
        routes: what goes where.
    """

    def __init__(self, settings: AlertSettings, routes: Routes) -> None:
        self._cooldown = settings.cooldown
        self._cap = settings.cap
        self._routes = routes

    def plan(self, store: AlertStore, now: datetime, *, down: Collection[str], canary: str | None) -> Planned:
        """Decide what is to be decided now.

        Args:
            store: inside a transaction.
            now: the clock.
            down: channels that take nothing.
            canary: the event_id of the canary's event that is under way.
        """
        store.outbox.be_alone()
        at = instants.to_text(now)
        store.issues.end_mutes(at)
        rows = store.outbox.open(MOST_ROWS)
        if not rows:
            return Planned(frozenset(), None)
        last = store.outbox.last_told([row.issue_id for row in rows])
        due: list[_Due] = []
        waits: list[float] = []
        waiting: dict[str, list[Owed]] = {}
        used: set[str] = set()
        for row in rows:
            if row.service == CANARY_SERVICE:
                used.update(self._canary(store, row, canary, at))
            elif row.state == "resolved":
                store.outbox.decide([row.id], Decision.RESOLVED, "its issue was resolved meanwhile", None, now=at)
            elif row.state == "muted" and (row.muted_until is None or row.muted_until > at):
                why = f"waits while its issue is muted, until {row.muted_until or 'more of its events have come'}"
                waiting.setdefault(why, []).append(row)
                waits.append(_seconds_until(row.muted_until, now) if row.muted_until else _LONG_SECONDS)
            elif (until := self._cools_until(last.get(row.issue_id), row, now)) is not None:
                waiting.setdefault(f"waits for the end of its issue's cool-down at {until}", []).append(row)
                waits.append(_seconds_until(until, now))
            elif not (channels := self._routes.of(_kind(row), row.severity, row.service, row.environment)):
                store.outbox.decide([row.id], Decision.NOWHERE, "ALERT_ROUTES sends it nowhere", None, now=at)
            else:
                due.append(_Due(row, self._routes.usable(channels, down), row.issue_id in last))
        for why, explained in waiting.items():
            store.outbox.explain(explained, why)
        latest = clock.after(now, clock.SKEW_SECONDS)
        told = [one for one in store.outbox.told_since(clock.after(now, -WINDOW_SECONDS)) if one.at <= latest]
        single = [message for message in told if message.kind != Kind.STORM.value]
        services = Counter(message.service or "" for message in single)
        free = self._cap - len(single)
        known = store.activity.known_since({one.row.service for one in due}) if len(due) > free else {}
        chosen = {row.id for row in choose([one.row for one in due], services, known, free=free, cap=self._cap)}
        for one in due:
            if one.row.id in chosen:
                used.update(self._tell(store, one, at))
        rest = [one for one in due if one.row.id not in chosen]
        if rest:
            storms = [message.at for message in told if message.kind == Kind.STORM.value]
            if storms:
                until = clock.after(instants.from_text(max(storms)), WINDOW_SECONDS)
                why = f"waits for the next message about many, at {until}: {self._beyond}"
                store.outbox.explain((one.row for one in rest), why)
                waits.append(_seconds_until(until, now))
            else:
                used.update(self._storm(store, rest, known, at))
        return Planned(frozenset(used), min(waits) if waits else None)

    @property
    def _beyond(self) -> str:
        return f"more than {self._cap} messages in {shown_duration(WINDOW_SECONDS)}, or half of them of one service"

    def _cools_until(self, told: str | None, row: Owed, now: datetime) -> str | None:
        """When its issue may be told of again, if not now. What was resolved and came back is news."""
        if told is None or row.regressed or not clock.is_within(told, self._cooldown, now):
            return None
        return clock.after(instants.from_text(told), self._cooldown)

    def _tell(self, store: AlertStore, due: _Due, at: str) -> tuple[str, ...]:
        row = due.row
        content: dict[str, Any] = {
            "event": row.first_event_id, "events": row.events, "since": row.created_at, "title": row.title,
            "more": due.more,
        }  # fmt: skip
        alert = Alert(f"outbox {row.id}", _kind(row).value, row.severity, row.service, row.issue_id, content)
        if row.regressed:
            why = "told: its issue was resolved, and came back"
        elif due.more:
            why = "told after its issue's cool-down, with all that came meanwhile"
        else:
            why = "told at once: nothing was told of its issue lately"
        added = store.outbox.add(alert, due.channels, now=at)
        store.outbox.decide([row.id], Decision.TOLD, why, added, now=at)
        return due.channels

    def _storm(self, store: AlertStore, rest: Sequence[_Due], known: Mapping[str, str], at: str) -> tuple[str, ...]:
        rows = [one.row for one in rest]
        channels = tuple(dict.fromkeys(name for one in rest for name in one.channels))
        worst = min((row.severity for row in rows), key=rank)
        content = {
            "issues": len(rows), "events": sum(row.events for row in rows),
            "since": min(row.created_at for row in rows), "services": _of_services(rows, known), "why": self._beyond,
        }  # fmt: skip
        alert = Alert(f"storm {rows[0].id}", Kind.STORM.value, worst, None, None, content)
        added = store.outbox.add(alert, channels, now=at)
        why = f"told in a message about many: {self._beyond}"
        store.outbox.decide([row.id for row in rows], Decision.STORM, why, added, now=at)
        return channels

    def _canary(self, store: AlertStore, row: Owed, canary: str | None, at: str) -> tuple[str, ...]:
        """The canary has come through all but the channels. Others' events under its name are nothing to tell, and
        their rows nothing to keep: however many they are, they must not be in the way of what is to be told."""
        channels = self._routes.of(Kind.CANARY, row.severity, None, None)
        added = None
        if canary is not None and store.outbox.has_event(canary):
            alert = Alert(message_key(canary), Kind.CANARY.value, "info", None, None, {})
            added = store.outbox.add(alert, channels, now=at)
        if added is None:
            store.outbox.drop(row.id)
            return ()
        store.outbox.decide([row.id], Decision.CANARY, "the day's canary", added, now=at)
        return channels


def _kind(row: Owed) -> Kind:
    return Kind.REGRESSION if row.regressed else Kind.CRITICAL


def _seconds_until(at: str, now: datetime) -> float:
    return max(0.0, (instants.from_text(at) - now).total_seconds())


def _of_services(rows: Sequence[Owed], known: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a message about many says of each service: the worst first, then those known longest, which a flood of made
    up names must not hide."""
    services: dict[str, list[Owed]] = {}
    for row in rows:
        services.setdefault(row.service, []).append(row)
    told = [
        {
            "service": service,
            "severity": min((row.severity for row in of_service), key=rank),
            "issues": len(of_service),
            "events": sum(row.events for row in of_service),
            "title": max(of_service, key=lambda row: row.events).title,
        }
        for service, of_service in services.items()
    ]
    told.sort(key=lambda one: (rank(str(one["severity"])), known.get(str(one["service"]), "~"), one["issues"]))
    return told[:_STORM_SERVICES]
