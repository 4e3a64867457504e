"""The outbox: what is owed to the owner. Events' own transactions write it (`../*/write.py`), the planner reads it.

A row belongs to one issue, and is open until something is decided of it; what comes of the issue meanwhile is added to
it. After that, the next event that is owed opens another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from . import AlertDialect, marks, parts
from .deliveries import Deliveries

# Those that nobody has looked at yet come before those that wait, however many these are.
_OPEN: Final = """
    SELECT o.id, o.issue_id, o.first_event_id, o.count, o.created_at, o.severity, o.regressed, o.why,
        i.title, i.service, i.state, i.muted_until, e.environment
    FROM alert_outbox o JOIN issues i ON i.id = o.issue_id LEFT JOIN error_events e ON e.id = o.first_event_id
    WHERE o.decided_at IS NULL AND o.id IN (
        SELECT id FROM alert_outbox WHERE decided_at IS NULL ORDER BY why IS NOT NULL, issue_id LIMIT ?
    )
    ORDER BY o.issue_id
"""
_STATE: Final = """
    SELECT COUNT(*), MAX(o.id), SUM(o.count), SUM(CASE i.state WHEN 'muted' THEN 1 ELSE 0 END)
    FROM alert_outbox o JOIN issues i ON i.id = o.issue_id WHERE o.decided_at IS NULL
"""
# The last one, and not the latest: the clock may have been set back since.
_LAST_TOLD: Final = """
    SELECT issue_id, decided_at FROM alert_outbox WHERE id IN (
        SELECT MAX(id) FROM alert_outbox
        WHERE issue_id IN ({marks}) AND decision IN ('told', 'storm', 'nowhere') GROUP BY issue_id
    )
"""
_ADD: Final = """
    INSERT INTO alerts (key, kind, severity, service, issue_id, content, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO NOTHING RETURNING id
"""
_DECIDE: Final = """
    UPDATE alert_outbox SET decided_at = ?, decision = ?, why = ?, alert_id = ? WHERE id IN ({marks})
"""
_TOLD: Final = """
    SELECT kind, service, created_at FROM alerts
    WHERE created_at >= ? AND kind IN ('critical', 'regression', 'rate', 'storm')
"""


class Decision(str, Enum):
    """What became of a row of the outbox."""

    #: In a message of its own.
    TOLD = "told"
    #: In a message about many.
    STORM = "storm"
    #: No channel is meant to have it (`ALERT_ROUTES`).
    NOWHERE = "nowhere"
    #: The canary's own event, perhaps with others that pretended to be it.
    CANARY = "canary"
    #: Its owner has resolved the issue before it was told.
    RESOLVED = "resolved"


class Owed(NamedTuple):
    """An open row, with what there is to know for deciding."""

    id: int
    issue_id: int
    first_event_id: int
    #: How many, all of them a reason to tell.
    events: int
    created_at: str
    severity: str
    #: The issue was resolved, and came back.
    regressed: int
    why: str | None
    title: str
    service: str
    #: Of the issue.
    state: str
    muted_until: str | None
    #: Of the first event; `None` if it has none, or is deleted already.
    environment: str | None


class Told(NamedTuple):
    """A message of the recent past."""

    kind: str
    service: str | None
    at: str


class Alert(NamedTuple):
    """A message to be: what `compose.py` makes a notice of."""

    #: What makes it once: the same key is never added twice.
    key: str
    kind: str
    severity: str
    service: str | None
    issue_id: int | None
    content: dict[str, Any]


class Outbox:
    """The outbox, inside a transaction."""

    def __init__(self, db: AlertDialect) -> None:
        self._db = db

    def be_alone(self) -> None:
        """Wait until no other planner is at work; until this transaction ends, none will be."""
        if self._db.alone:
            self._db.run(self._db.alone, [])

    def open(self, most: int) -> list[Owed]:
        """Open rows. Until the transaction ends nothing is added to them."""
        # In the order in which events' transactions lock them, so that nobody waits in a circle.
        locked = "FOR UPDATE OF o" if self._db.alone else ""
        return [Owed._make(row) for row in self._db.run(f"{_OPEN} {locked}", [most])]

    def state(self) -> tuple[Any, ...]:
        """Something that is another when open rows have been added or have grown, or a mute has ended; only reads."""
        return self._db.run(_STATE, [])[0]

    def has_event(self, event_id: str) -> bool:
        """Whether an event is stored."""
        return bool(self._db.run(f"SELECT 1 FROM {self._db.keys} WHERE event_id = ?", [event_id]))

    def last_told(self, issues: Sequence[int]) -> dict[int, str]:
        """When each issue was last told of, if only to nobody."""
        told: dict[int, str] = {}
        for part in parts(issues):
            told.update(dict(self._db.run(_LAST_TOLD.format(marks=marks(part)), part)))
        return told

    def told_since(self, since: str) -> list[Told]:
        """Messages that count towards the cap."""
        return [Told._make(row) for row in self._db.run(_TOLD, [since])]

    def add(self, alert: Alert, channels: Sequence[str], *, now: str) -> int | None:
        """Add a message for some channels; returns its id, or `None` if there was one of this key already."""
        content = json.dumps(alert.content)
        values = [alert.key, alert.kind, alert.severity, alert.service, alert.issue_id, content, now]
        added = self._db.run(_ADD, values)
        if not added:
            return None
        ((alert_id,),) = added
        deliveries = Deliveries(self._db)
        for channel in channels:
            deliveries.add(alert_id, channel, now=now)
        return int(alert_id)

    def decide(self, rows: Sequence[int], decision: Decision, why: str, alert_id: int | None, *, now: str) -> None:
        """Close rows."""
        for part in parts(rows):
            self._db.run(_DECIDE.format(marks=marks(part)), [now, decision.value, why, alert_id, *part])

    def drop(self, row: int) -> None:
        """Delete a row that is nothing to tell, and nothing to remember."""
        self._db.run("DELETE FROM alert_outbox WHERE id = ?", [row])

    def explain(self, rows: Iterable[Owed], why: str) -> None:
        """Say of open rows why they wait."""
        for part in parts([row.id for row in rows if row.why != why]):
            self._db.run(f"UPDATE alert_outbox SET why = ? WHERE id IN ({marks(part)})", [why, *part])

    def forget(self, before: str) -> None:
        """Delete what was decided, messages, and what is remembered of rules, before an instant. A message for people
        that still waits to be sent is kept."""
        waits = "SELECT 1 FROM alert_deliveries d WHERE d.alert_id = alerts.id AND d.state = 'waiting'"
        old = f"created_at < ? AND (kind = 'canary' OR NOT EXISTS ({waits}))"
        self._db.run("DELETE FROM alert_outbox WHERE decided_at < ?", [before])
        ended = [id_ for (id_,) in self._db.run(f"SELECT id FROM alerts WHERE {old}", [before])]
        for part in parts(ended):
            self._db.run(f"DELETE FROM alert_deliveries WHERE alert_id IN ({marks(part)})", part)
            self._db.run(f"DELETE FROM alerts WHERE id IN ({marks(part)})", part)
        self._db.run("DELETE FROM alert_ledger WHERE at < ?", [before])
        rules = "substr(key, 1, 5) = 'rate ' OR substr(key, 1, 7) = 'silent '"
        self._db.run(f"DELETE FROM alert_memory WHERE at < ? AND ({rules})", [before])
