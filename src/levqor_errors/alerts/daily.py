"""What is due once a day: the summary, and the canary. Called by `runner.py` every minute.

Whether it is done is in the database: the last day that was done is kept there, and is changed in the transaction that
adds the message. So of two runners one does it, and one that dies in between has not.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from .. import instants
from ..config import AlertSettings
from ..storage import Storage
from ..storage.alerts.outbox import Alert
from . import due, health
from .canary import Canary
from .notice import Kind
from .routes import Routes
from .summary import summarize

#: The label of the last day of which there was a summary, or was none to send.
LAST_SUMMARY: Final = "summary day"
#: An event is received before it is committed; what was received before a day's end is there by so long after it.
COMMITS: Final = timedelta(seconds=30)


class Daily:
    """The jobs.

    Args:
        storage: the database.
        settings: when, and of which zone.
        routes: who gets the summary.
        canary: what is sent on its way.
    """

    def __init__(self, storage: Storage, settings: AlertSettings, routes: Routes, canary: Canary) -> None:
        self._storage = storage
        self._settings = settings
        self._routes = routes
        self._canary = canary

    def run(self, now: datetime) -> bool:
        """Do what is due; returns whether there is a summary to send."""
        settings = self._settings
        if settings.canary_at is not None:
            day = due.newest(now, settings.canary_at, settings.summary_zone)
            self._canary.send(day.isoformat(), now)
        return settings.summary_at is not None and self._summarize(now, settings.summary_at)

    def _summarize(self, now: datetime, minutes: int) -> bool:
        zone = self._settings.summary_zone
        with self._storage.alert_reader() as store:
            last = store.memory.get(LAST_SUMMARY)
        if last is None:
            # Who starts in the evening has no use for a summary of a morning at which there was nothing.
            self._keep(None, due.newest(now, minutes, zone), None, now)
            return False
        found = due.due(now - COMMITS, minutes, zone, date.fromisoformat(last))
        if found is None:
            return False
        day = found.day
        digest = self._storage.digest(
            instants.to_text(day.start),
            instants.to_text(day.end),
            [(instants.to_text(one.start), instants.to_text(one.end)) for one in found.missed],
        )
        summary = summarize(digest, found, self._settings, now)
        alert = None
        if summary is not None:
            content = {"title": summary.title, "lines": summary.lines, "summary": summary.facts}
            alert = Alert(f"summary {day.label}", Kind.SUMMARY.value, summary.severity, None, None, content)
        return self._keep(last, day.label, alert, now)

    def _keep(self, last: str | None, label: date, alert: Alert | None, now: datetime) -> bool:
        """Write down that a day is done, with its message if there is one; unless another runner was first."""
        at = instants.to_text(now)
        with self._storage.alerts() as store:
            store.outbox.be_alone()
            if store.memory.get(LAST_SUMMARY) != last:
                return False
            store.memory.put(LAST_SUMMARY, label.isoformat(), now=at)
            if alert is None:
                return False
            channels = self._routes.of(Kind.SUMMARY, alert.severity, None, None)
            store.outbox.add(alert, self._routes.usable(channels, health.down(store.memory)), now=at)
            return True
