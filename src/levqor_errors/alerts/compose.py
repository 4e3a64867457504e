"""What a message says: from a row of `alerts` to a `Notice`. Called by `sender.py`, before each try.

At the time of sending, not of deciding: the event is read then, so that a message of a hundred bytes and not an event
of a hundred kilobytes waits in the database. An event that is deleted by then is told of by what the row has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from ..errors import StorageUnavailableError
from ..storage import Storage
from ..storage.alerts.deliveries import AlertRow
from .notice import Kind, Notice


class Composer:
    """Makes notices.

    Args:
        storage: where events are.
        dashboard_url: the dashboard's address, without a slash at its end, when it is known.
    """

    def __init__(self, storage: Storage, dashboard_url: Callable[[], str | None]) -> None:
        self._storage = storage
        self._dashboard_url = dashboard_url

    def compose(self, row: AlertRow) -> Notice:
        """A message's notice."""
        kind = Kind(row.kind)
        content = row.content
        if kind in (Kind.CRITICAL, Kind.REGRESSION):
            return self._of_event(row, kind)
        return Notice(
            id=short_id(row.id), kind=kind, severity=row.severity, at=row.created_at,
            title=_storm_title(content) if kind is Kind.STORM else str(content.get("title", "")),
            lines=_storm_lines(content) if kind is Kind.STORM else tuple(content.get("lines", ())),
            service=row.service, count=int(content.get("events", 1)), since=content.get("since"),
            link=self._link(_list_of(row)), summary=content.get("summary"),
        )  # fmt: skip

    def _of_event(self, row: AlertRow, kind: Kind) -> Notice:
        content = row.content
        event = self._event(int(content["event"]))
        return Notice(
            id=short_id(row.id), kind=kind, severity=row.severity, at=row.created_at, title=str(content["title"]),
            lines=("More of what was told before.",) if content.get("more") and kind is Kind.CRITICAL else (),
            service=row.service, event=event, issue=event.get("issue") if event else None,
            count=int(content["events"]), since=content["since"],
            link=self._link(f"/{content['event']}" if event else _list_of(row)),
        )  # fmt: skip

    def _event(self, id_: int) -> dict[str, Any] | None:
        try:
            return self._storage.get(id_)
        except StorageUnavailableError:
            # Damaged, or busy for long. To be told of without the stack beats not to be told.
            return None

    def _link(self, rest: str) -> str | None:
        base = self._dashboard_url()
        return f"{base}/owner/errors{rest}" if base else None


def short_id(alert_id: int) -> str:
    """How people call a message."""
    return f"A{alert_id}"


def _list_of(row: AlertRow) -> str:
    return f"?{urlencode({'service': row.service})}" if row.service else ""


def _storm_title(content: Mapping[str, Any]) -> str:
    issues, events = content["issues"], content["events"]
    return f"{issues:,} more issues, with {events:,} events that are to be told"


def _storm_lines(content: Mapping[str, Any]) -> tuple[str, ...]:
    lines = [
        f"{one['service']}: {one['events']:,} in {one['issues']:,} "
        f"{'issue' if one['issues'] == 1 else 'issues'} ({one['severity']}), most of them: {one['title']}"
        for one in content["services"]
    ]
    return (*lines, f"In one message, since there are {content['why']}.")
