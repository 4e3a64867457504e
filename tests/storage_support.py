"""What tests of the storage share: events that have passed the gate, and a storage of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from levqor_errors import instants
from levqor_errors.errors import EventUnstorableError
from levqor_errors.event import normalize
from levqor_errors.grouping import group
from levqor_errors.storage import Action, NewEvent, Storage, StoredEvent, Triaged
from support import Database, rows

NOW = datetime(2026, 11, 23, 13, 5, 39, tzinfo=timezone.utc)


def new_event(issue: str = "one", *, days_ago: float = 0, **fields: Any) -> NewEvent:
    """An event of an issue, received so many days ago."""
    raw = {"message": f"of issue {issue}", "fingerprint": issue, **fields}
    event = normalize(raw, received_at=NOW - timedelta(days=days_ago))
    return NewEvent(event, group(event))


def write(storage: Storage, batch: Sequence[NewEvent]) -> list[StoredEvent | EventUnstorableError]:
    """`Storage.write`, from where there is no event loop."""
    return asyncio.run(storage.write(batch))


def store(storage: Storage, issue: str, number: int, **options: Any) -> None:
    """Write so many events of an issue."""
    write(storage, [new_event(issue, **options) for _ in range(number)])


def do(storage: Storage, action: str, *issues: int, **more: Any) -> Triaged:
    """Something that the owner does with issues at `NOW`, or `at` another instant."""
    at = more.pop("at", instants.to_text(NOW))
    return storage.triage(Action(action, **more), issues, who="Anna", now=at)


def by_issue(database: Database) -> dict[str, int]:
    """How many events of each issue are stored."""
    query = (
        "SELECT json_extract(issues.grouping, '$[2]'), COUNT(error_events.id) FROM issues"
        " LEFT JOIN error_events ON issue_id = issues.id GROUP BY issues.id ORDER BY issues.id"
    )
    return dict(rows(database, query))


def total(database: Database) -> int:
    """How many events were counted."""
    ((counted,),) = rows(database, "SELECT SUM(count) FROM event_counts")
    return int(counted)
