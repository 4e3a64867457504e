"""Why was I told, or not? An answer for every event, from what the planner decided and what senders wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ..severity import Severity
from ..storage import Storage
from ..storage.alerts.outbox import Decision
from ..storage.base import CANARY_SERVICE
from .compose import short_id

_NEVER: Final = "Not told by itself: only critical errors are, resolved issues that come back, and rates (ALERT_RATES)."
_FORGOTTEN: Final = "It was owed, and what became of that is forgotten (RETENTION_DAYS), or its issue is deleted."


class Explanation(NamedTuple):
    """The answer."""

    #: In a sentence.
    answer: str
    #: What happened, as `{"at", "channel", "what", "detail"}`, the oldest first.
    lines: list[dict[str, Any]]


def explain(storage: Storage, event: Mapping[str, Any]) -> Explanation:
    """The answer for an event.

    Args:
        storage: the database.
        event: as `Storage.get` gives it.
    """
    with storage.alert_reader() as store:
        owed = store.ledger.owed_for(event["issue_id"], event["id"])
        came_back = owed is not None and owed["regressed"] and owed["first_event_id"] == event["id"]
        of_issue = [line for line in reversed(store.ledger.of_issue(event["issue_id"])) if line["alert_id"] is None]
        if event["service"] == CANARY_SERVICE:
            return Explanation("The alerts' own canary, by which they try all of the way once a day.", of_issue)
        if event["severity"] != Severity.CRITICAL.value and not came_back:
            return Explanation(_NEVER, of_issue)
        if owed is None:
            return Explanation(_FORGOTTEN, of_issue)
        if owed["decided_at"] is None:
            return Explanation(f"Not yet: it {owed['why'] or 'waits to be decided on'}.", of_issue)
        decided = {"at": owed["decided_at"], "channel": None, "what": "decided", "detail": owed["why"]}
        lines = [decided, *(store.ledger.of_alert(owed["alert_id"]) if owed["alert_id"] is not None else ())]
        # Presses of buttons are lines of both.
        lines += [line for line in of_issue if line not in lines]
        if owed["decision"] == Decision.NOWHERE.value:
            return Explanation("Not told: ALERT_ROUTES sends it nowhere.", lines)
        if owed["decision"] == Decision.RESOLVED.value:
            return Explanation("Not told: its issue was resolved before.", lines)
        sent = [f"{line['channel']} at {_clock(line['at'])}" for line in lines if line["what"] == "sent"]
        events = "1 event" if owed["count"] == 1 else f"{owed['count']:,} events"
        message = f"{short_id(owed['alert_id'])}, about {events}"
        if sent:
            return Explanation(f"Told in {message}, by {' and '.join(sent)}.", lines)
        return Explanation(f"To be told in {message}; it has not arrived yet.", lines)


def _clock(at: str) -> str:
    return f"{at[:10]} {at[11:19]} UTC"
