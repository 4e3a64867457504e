"""The ledger: what happened to messages and issues, so that "why was I told, or not?" has an answer."""

from __future__ import annotations

from typing import Any, Final

from . import AlertDialect

_NOTE: Final = """
    INSERT INTO alert_ledger (at, alert_id, issue_id, channel, what, detail) VALUES (?, ?, ?, ?, ?, ?)
"""
# The last row of its issue that began at this event or before; whether that one speaks of it depends on its severity.
_OWED: Final = """
    SELECT id, first_event_id, created_at, decided_at, decision, why, alert_id, count, severity, regressed
    FROM alert_outbox WHERE issue_id = ? AND first_event_id <= ? ORDER BY first_event_id DESC LIMIT 1
"""
_OF_ALERT: Final = "SELECT at, channel, what, detail FROM alert_ledger WHERE alert_id = ? ORDER BY id LIMIT ?"
_OF_ISSUE: Final = """
    SELECT at, channel, what, detail, alert_id FROM alert_ledger WHERE issue_id = ? ORDER BY id DESC LIMIT ?
"""
#: Of one message; a channel that is down for days is tried many times.
_MOST: Final = 100


class Ledger:
    """The ledger, inside a transaction."""

    def __init__(self, db: AlertDialect) -> None:
        self._db = db

    def note(
        self,
        what: str,
        detail: str,
        *,
        now: str,
        alert_id: int | None = None,
        issue_id: int | None = None,
        channel: str | None = None,
    ) -> None:
        """Write a line.

        Args:
            what: in a word or two: `sent`, `waits`, `taken over`, `muted`.
            detail: a sentence.
            now: the clock.
            alert_id: the message that it is about.
            issue_id: the issue.
            channel: the channel.
        """
        self._db.run(_NOTE, [now, alert_id, issue_id, channel, what, detail])

    def owed_for(self, issue_id: int, event_row: int) -> dict[str, Any] | None:
        """The row of the outbox that may speak of an event, and what was decided of it."""
        names = (
            "id", "first_event_id", "created_at", "decided_at", "decision", "why", "alert_id", "count", "severity",
            "regressed",
        )  # fmt: skip
        for row in self._db.run(_OWED, [issue_id, event_row]):
            return dict(zip(names, row, strict=True))
        return None

    def of_alert(self, alert_id: int) -> list[dict[str, Any]]:
        """Lines about a message, the oldest first."""
        return [
            dict(zip(("at", "channel", "what", "detail"), row, strict=True))
            for row in self._db.run(_OF_ALERT, [alert_id, _MOST])
        ]

    def of_issue(self, issue_id: int) -> list[dict[str, Any]]:
        """Lines about an issue, the newest first."""
        return [
            dict(zip(("at", "channel", "what", "detail", "alert_id"), row, strict=True))
            for row in self._db.run(_OF_ISSUE, [issue_id, _MOST])
        ]
