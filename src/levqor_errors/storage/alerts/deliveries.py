"""Messages on their way, one row a channel. `alerts/sender.py` claims one, sends it, and marks what became of it.

A claim ends by itself: of a sender that died with it, another takes it over. So a message may arrive twice after a
crash, once for each crash at most, and never not at all.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from ..base import CANARY_SERVICE
from . import AlertDialect

# The worst first. A time that is too far ahead was written by a clock that has been set back since; it does not count,
# nor does the time of what was never tried.
_CLAIM: Final = """
    UPDATE alert_deliveries SET claimed_by = ?, claimed_until = ?, attempts = attempts + 1
    WHERE id = (
        SELECT d.id FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
        WHERE d.channel = ? AND d.state = 'waiting'
            AND (d.attempts = 0 OR d.next_at <= ? OR d.next_at > ?)
            AND (d.claimed_until IS NULL OR d.claimed_until <= ? OR d.claimed_until > ?)
        ORDER BY CASE a.severity WHEN 'critical' THEN 0 WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END, d.id
        LIMIT 1 {locked}
    )
    RETURNING id, alert_id, channel, attempts
"""
_ALERT: Final = "SELECT id, key, kind, severity, service, issue_id, content, created_at FROM alerts WHERE id = ?"
_END: Final = """
    UPDATE alert_deliveries SET state = ?, ended_at = ?, reference = ?, claimed_by = NULL, claimed_until = NULL
    WHERE id = ? AND state = 'waiting'
"""
_RETRY: Final = """
    UPDATE alert_deliveries SET next_at = ?, claimed_by = NULL, claimed_until = NULL WHERE id = ? AND claimed_by = ?
"""
_OVERDUE: Final = """
    SELECT d.id, d.alert_id, d.channel, d.attempts FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
    WHERE d.state = 'waiting' AND a.created_at <= ?
        AND (SELECT COUNT(*) FROM alert_deliveries o WHERE o.alert_id = d.alert_id) < ?
    ORDER BY d.id
"""
# What its owner has muted is not owed to him.
_UNSENT: Final = """
    SELECT (SELECT COUNT(*) FROM alert_outbox o JOIN issues i ON i.id = o.issue_id
            WHERE o.decided_at IS NULL AND i.state <> 'muted' AND i.service <> ?)
        + (SELECT COUNT(*) FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
            WHERE d.state = 'waiting' AND a.kind <> 'canary')
"""
# The same.
_UNSENT_SINCE: Final = """
    SELECT MIN(at) FROM (
        SELECT o.created_at AS at FROM alert_outbox o JOIN issues i ON i.id = o.issue_id
        WHERE o.decided_at IS NULL AND i.state <> 'muted' AND i.service <> ?
        UNION ALL SELECT a.created_at FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
        WHERE d.state = 'waiting' AND a.kind <> 'canary'
    ) owed
"""


class AlertRow(NamedTuple):
    """A message as it is stored."""

    id: int
    key: str
    kind: str
    severity: str
    service: str | None
    issue_id: int | None
    content: dict[str, Any]
    created_at: str


class Delivery(NamedTuple):
    """A message that is claimed for a channel."""

    id: int
    alert_id: int
    channel: str
    #: With this one.
    attempts: int


class Deliveries:
    """The deliveries, inside a transaction."""

    def __init__(self, db: AlertDialect) -> None:
        self._db = db

    def claim(self, channel: str, by: str, *, now: str, until: str, farthest: str) -> Delivery | None:
        """Take the next message that is due.

        Args:
            channel: whose.
            by: who claims it.
            now: the clock.
            until: when the claim ends.
            farthest: no time that was written by this clock is later.
        """
        statement = _CLAIM.format(locked="FOR UPDATE OF d SKIP LOCKED" if self._db.alone else "")
        claimed = self._db.run(statement, [by, until, channel, now, farthest, now, farthest])
        return Delivery._make(claimed[0]) if claimed else None

    def alert(self, alert_id: int) -> AlertRow | None:
        """A message."""
        for row in self._db.run(_ALERT, [alert_id]):
            return AlertRow._make(row)._replace(content=json.loads(row[6]))
        return None

    def end(self, delivery: int, state: str, *, now: str, reference: str | None = None) -> None:
        """Mark one as `sent`, `refused` or `replaced`."""
        self._db.run(_END, [state, now, reference, delivery])

    def retry(self, delivery: int, by: str, at: str) -> None:
        """Let go of one; it is due again at an instant."""
        self._db.run(_RETRY, [at, delivery, by])

    def waiting(self, channel: str) -> list[Delivery]:
        """All that a channel has to send still."""
        rows = self._db.run(
            "SELECT id, alert_id, channel, attempts FROM alert_deliveries WHERE channel = ? AND state = 'waiting'"
            " ORDER BY id",
            [channel],
        )
        return [Delivery._make(row) for row in rows]

    def waiting_for(self, before: str) -> list[str]:
        """The channels for which something of before an instant waits."""
        rows = self._db.run(
            "SELECT DISTINCT d.channel FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id"
            " WHERE d.state = 'waiting' AND a.created_at <= ? ORDER BY 1",
            [before],
        )
        return [channel for (channel,) in rows]

    def overdue(self, before: str, *, fewer_than: int) -> list[Delivery]:
        """What waits since before an instant, of messages that go by fewer than so many channels."""
        return [Delivery._make(row) for row in self._db.run(_OVERDUE, [before, fewer_than])]

    def channels_of(self, alert_id: int) -> set[str]:
        """By which channels a message goes, or went, or was to go."""
        return {name for (name,) in self._db.run("SELECT channel FROM alert_deliveries WHERE alert_id = ?", [alert_id])}

    def add(self, alert_id: int, channel: str, *, now: str) -> None:
        """Send a message by a further channel, if it does not go there yet."""
        self._db.run(
            "INSERT INTO alert_deliveries (alert_id, channel, next_at) VALUES (?, ?, ?)"
            " ON CONFLICT (alert_id, channel) DO NOTHING",
            [alert_id, channel, now],
        )

    def last_ended(self, channel: str) -> dict[str, str]:
        """When a channel last ended a message's way, by how: `sent`, `refused`, `replaced`."""
        query = (
            "SELECT state, MAX(ended_at) FROM alert_deliveries WHERE channel = ? AND ended_at IS NOT NULL GROUP BY 1"
        )
        return dict(self._db.run(query, [channel]))

    def unsent(self) -> int:
        """How much is owed still: open rows of the outbox, and messages on their way."""
        return int(self._db.run(_UNSENT, [CANARY_SERVICE])[0][0])

    def unsent_since(self) -> str | None:
        """When the oldest of that was first owed; `None`: there is none."""
        since = self._db.run(_UNSENT_SINCE, [CANARY_SERVICE])[0][0]
        return None if since is None else str(since)
