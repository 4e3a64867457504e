"""A batch of events into SQLite: rows, issues and counts in one transaction.

Called by `SqliteStorage.write` on the one connection that writes, inside `BEGIN IMMEDIATE`: from the first
statement to the commit nobody else changes the database, so ids can be given out here. This is the hot path, which is
why it uses the connection under sqlite-utils and `executemany`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

from .. import instants
from .base import NewEvent, StoredEvent
from .driver import sqlite3
from .overflow import OVERFLOW, overflow

_INSERT_EVENT = f"INSERT INTO error_events VALUES ({', '.join('?' * 15)})"

# A new event of a resolved issue opens it again; that is what a regression is.
_UPSERT_ISSUE = """
    INSERT INTO issues (fingerprint, grouping, title, service, first_seen, last_seen, count)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (fingerprint) DO UPDATE SET
        count = count + excluded.count,
        last_seen = max(last_seen, excluded.last_seen),
        regressions = regressions + (state = 'resolved'),
        state = CASE state WHEN 'resolved' THEN 'open' ELSE state END
    RETURNING id, count
"""

_UPSERT_COUNT = """
    INSERT INTO event_counts (hour, service, source, severity, count) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count
"""


def insert_batch(connection: sqlite3.Connection, batch: Sequence[NewEvent]) -> list[StoredEvent]:
    """Insert what is new of a batch; the transaction is the caller's."""
    ids = _stored_ids(connection, batch)
    next_id = _last_id(connection) + 1
    results: list[StoredEvent] = []
    fresh: list[tuple[int, NewEvent]] = []
    for new in batch:
        event_id = new.event.event_id
        # Also catches the same event twice in one batch.
        known = ids.get(event_id)
        if known is None:
            ids[event_id] = next_id
            fresh.append((next_id, new))
            results.append(StoredEvent(next_id, event_id, duplicate=False))
            next_id += 1
        else:
            results.append(StoredEvent(known, event_id, duplicate=True))
    fresh = _placed(connection, fresh)
    issue_ids, opened = _upsert_issues(connection, [new for _, new in fresh])
    connection.executemany(_INSERT_EVENT, [_row(id_, new, issue_ids[new.group.fingerprint]) for id_, new in fresh])
    connection.executemany(_UPSERT_COUNT, _counts([new for _, new in fresh]))
    if opened:
        # Overflow issues do not count as opened: there is one a service.
        opening = {id_ for id_, new in fresh if new.group.fingerprint in opened and new.group.parts[0] != OVERFLOW}
        results = [r._replace(new_issue=True) if r.id in opening and not r.duplicate else r for r in results]
    return results


def _placed(connection: sqlite3.Connection, fresh: Sequence[tuple[int, NewEvent]]) -> list[tuple[int, NewEvent]]:
    """The events, of which those that may open no issue and would are moved to their service's overflow issue."""
    barred = {new.group.fingerprint for _, new in fresh if not new.may_open}
    barred -= {new.group.fingerprint for _, new in fresh if new.may_open}
    if not barred:
        return list(fresh)
    query = "SELECT fingerprint FROM issues WHERE fingerprint IN (SELECT value FROM json_each(?))"
    barred -= {row[0] for row in connection.execute(query, (json.dumps(list(barred)),))}
    return [
        (id_, new._replace(group=overflow(new.event.service)) if new.group.fingerprint in barred else new)
        for id_, new in fresh
    ]


def _stored_ids(connection: sqlite3.Connection, batch: Sequence[NewEvent]) -> dict[str, int]:
    sent = [new.event.event_id for new in batch if new.event.sender_id]
    if not sent:
        return {}
    # json_each: one parameter whatever the batch's size; SQLite bounds the number of parameters.
    query = "SELECT event_id, id FROM error_events WHERE event_id IN (SELECT value FROM json_each(?))"
    return dict(connection.execute(query, (json.dumps(sent),)).fetchall())


def _last_id(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'error_events'").fetchone()
    return int(row[0]) if row else 0


def _upsert_issues(connection: sqlite3.Connection, fresh: Sequence[NewEvent]) -> tuple[dict[str, int], set[str]]:
    """The ids of the issues by fingerprint, and which fingerprints are new."""
    counts = Counter(new.group.fingerprint for new in fresh)
    issue_ids: dict[str, int] = {}
    opened: set[str] = set()
    for event, group, _ in fresh:
        if group.fingerprint in issue_ids:
            continue
        # Events of one batch were received within moments of each other: the first one's time stands for all.
        seen = event.received_at
        values = (
            group.fingerprint, json.dumps(group.parts), group.title, event.service, seen, seen,
            counts[group.fingerprint],
        )  # fmt: skip
        issue_ids[group.fingerprint], count = connection.execute(_UPSERT_ISSUE, values).fetchone()
        if count == counts[group.fingerprint]:
            opened.add(group.fingerprint)
    return issue_ids, opened


def _row(id_: int, new: NewEvent, issue_id: int) -> tuple[Any, ...]:
    event = new.event
    return (
        id_, event.created_at, event.source.value, event.service, event.path_or_screen, event.user_email,
        event.severity.value, event.message, event.stack, event.event_id, event.received_at, issue_id,
        event.environment, event.release, orjson.dumps(event.context).decode() if event.context else None,
    )  # fmt: skip


def _counts(fresh: Sequence[NewEvent]) -> list[tuple[str, str, str, str, int]]:
    counts = Counter(
        (instants.hour_of(event.received_at), event.service, event.source.value, event.severity.value)
        for event, _, _ in fresh
    )
    return [(*key, count) for key, count in counts.items()]
