"""A batch of events into PostgreSQL: rows, issues, counts and what is owed to the owner, in one transaction.

Called by `storage.py` on a connection of the event loop's. Other collectors write at the same time, so nothing here
changes a row that all of them would change: counts are appended (`tallies`) and added up later, by `upkeep.py`. What
several may insert at once is inserted in the order of its key, so that they wait for each other, but never in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import psycopg
from psycopg import AsyncConnection

from ...grouping import overflow_group
from ..rows import CountedNames, Fresh, Row, Written, grouped_by_others, kept_grouping, owed, tallies
from . import locks, partitions

#: What the database says of one event's content, as against its own state.
CONTENT_ERRORS: Final = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, UnicodeError)

_LOCK: Final = f"SELECT pg_advisory_xact_lock_shared({locks.ISSUES})"
_LOOK_UP: Final = """
    SELECT
        (SELECT json_object_agg(event_id, id)::text FROM event_keys WHERE event_id = ANY(%s)),
        (SELECT json_object_agg(named.fingerprint, json_build_array(one.id, one.state, one.old_releases))::text
            FROM issues named JOIN issues one ON one.id = coalesce(named.merged_into, named.id)
            WHERE named.fingerprint = ANY(%s)),
        (SELECT array_agg(nextval('error_events_id')) FROM generate_series(1, %s)),
        (SELECT version FROM grouping_version)
"""
_INSERT_ISSUES: Final = """
    INSERT INTO issues (fingerprint, grouping, title, service, first_seen, last_seen, count)
    SELECT *, 0 FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    ON CONFLICT (fingerprint) DO NOTHING RETURNING fingerprint, id
"""
_FIND_ISSUES: Final = "SELECT fingerprint, coalesce(merged_into, id) FROM issues WHERE fingerprint = ANY(%s)"
# A new event of a resolved issue opens it again; that is what a regression is.
_REOPEN: Final = """
    UPDATE issues SET state = 'open', regressions = regressions + 1, resolved_at = NULL, old_releases = NULL
    WHERE id IN (
        SELECT id FROM issues WHERE id = ANY(%s) AND state = 'resolved' ORDER BY id FOR UPDATE
    ) RETURNING id
"""
_COPY: Final = """
    COPY error_events (
        id, created_at, source, service, path_or_screen, user_email, severity, message, stack, event_id, received_at,
        issue_id, environment, release, context, grouping
    ) FROM STDIN
"""
# One statement and so one turn to the server and back. A key that is there by now fails it, and all is done again.
_REST: Final = """
    WITH keys AS (
        INSERT INTO event_keys (event_id, id) SELECT * FROM unnest(%s::text[], %s::bigint[])
    ), added AS (
        INSERT INTO tallies (
            issue_id, hour, service, source, severity, count, last_seen, environment, release, users, first_id, last_id
        ) SELECT issue_id, hour, service, source, severity, count, last_seen, environment, release, users::bigint[],
            first_id, last_id
        FROM unnest(
            %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[],
            %s::text[], %s::text[], %s::bigint[], %s::bigint[]
        ) AS new (
            issue_id, hour, service, source, severity, count, last_seen, environment, release, users, first_id, last_id
        )
    )
    INSERT INTO news (xid, ids) VALUES (pg_current_xact_id(), %s)
    ON CONFLICT (xid) DO UPDATE SET ids = news.ids || excluded.ids
"""
_UPSERT_OWED: Final = """
    INSERT INTO alert_outbox (issue_id, first_event_id, count, created_at, severity, regressed)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[])
    ON CONFLICT (issue_id) WHERE decided_at IS NULL DO UPDATE SET
        count = alert_outbox.count + excluded.count, regressed = greatest(alert_outbox.regressed, excluded.regressed),
        severity = CASE excluded.severity WHEN 'critical' THEN 'critical' ELSE alert_outbox.severity END
"""


_REGROUP: Final = """
    INSERT INTO regroup (issue_id, from_id, asked, changed, opened)
    SELECT *, 1, 0, 0 FROM unnest(%s::bigint[], %s::bigint[])
    ON CONFLICT (issue_id) DO UPDATE SET
        asked = regroup.asked + 1, from_id = least(regroup.from_id, excluded.from_id)
"""


class _Known(NamedTuple):
    """What the database had before the batch."""

    #: Row ids by event_id, of those that the batch has again.
    events: dict[str, int]
    #: By fingerprint, of those that the batch has again: issue ids, states, and of those that are resolved the releases
    #: whose events do not change that, as JSON.
    issues: dict[str, tuple[int, str, str | None]]
    #: For rows that are new.
    ids: list[int]
    #: Of the rules in force.
    rules: int


async def write_batch(
    connection: AsyncConnection[Any], rows: Sequence[Row], known_days: set[str], names: CountedNames
) -> list[Written | str]:
    """Write a batch in one transaction; durable when this returns.

    Args:
        connection: in autocommit mode, with no transaction begun.
        rows: the batch.
        known_days: those that have a table, as far as is known here; more are added.

    Returns:
        what became of each row; a text says why the database does not take that one.

    Raises:
        psycopg.Error: for what is no row's fault; nothing is written then.
    """
    days = {row.received_at[:10] for row in rows} - known_days
    if days:
        await partitions.make_async(connection, days)
        known_days |= days
    try:
        try:
            return list(await _insert(connection, rows, names))
        except CONTENT_ERRORS:
            # All is rolled back. Once more, to find the row at fault.
            await _roll_back(connection)
            async with connection.transaction():
                return await _insert_halves(connection, rows, names)
    except psycopg.errors.CheckViolation:
        # A day's table is gone, dropped while this collector's clock was behind; the next try makes it.
        known_days.clear()
        raise
    finally:
        await _roll_back(connection)


async def _roll_back(connection: AsyncConnection[Any]) -> None:
    if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        await connection.rollback()


async def _insert_halves(
    connection: AsyncConnection[Any], rows: Sequence[Row], names: CountedNames
) -> list[Written | str]:
    """Halving finds the one row at fault in a few steps, and the others need not pay for it."""
    try:
        async with connection.transaction():
            return list(await _insert(connection, rows, names, inside=True))
    except CONTENT_ERRORS as error:
        if len(rows) == 1:
            return [f"the database does not take this event: {_first_line(error)}"]
    middle = len(rows) // 2
    first = await _insert_halves(connection, rows[:middle], names)
    return first + await _insert_halves(connection, rows[middle:], names)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


async def _insert(
    connection: AsyncConnection[Any], rows: Sequence[Row], names: CountedNames, *, inside: bool = False
) -> list[Written]:
    """Insert rows in a transaction of its own, or inside the one that is under way."""
    known = await _look_up(connection, rows, inside=inside)
    # The first of each: the same event may be twice in one batch.
    first = {row.event_id: row for row in reversed(rows) if row.event_id not in known.events}
    issues, opened, reopened = await _open_issues(connection, list(reversed(first.values())), known)
    results: list[Written] = []
    fresh: list[Fresh] = []
    ids = iter(known.ids)
    for row in rows:
        id_ = known.events.get(row.event_id)
        if id_ is not None:
            results.append(Written(id_, True, False))
            continue
        id_ = known.events[row.event_id] = next(ids)
        fingerprint, _, parts = _group_of(row, issues)
        fresh.append(Fresh(id_, row, issues[fingerprint], kept_grouping(parts)))
        # The first of its issue in this batch opened it.
        results.append(Written(id_, False, row.may_open and opened.pop(row.fingerprint, False)))
    if fresh:
        await _copy(connection, fresh)
    async with connection.pipeline():
        if fresh:
            await _add_rest(connection, fresh, names, reopened)
            regroup = sorted(grouped_by_others(fresh, known.rules).items())
            if regroup:
                await connection.execute(_REGROUP, _columns(regroup))
        if not inside:
            await connection.execute("COMMIT")
    return results


async def _look_up(connection: AsyncConnection[Any], rows: Sequence[Row], *, inside: bool) -> _Known:
    sent = [row.event_id for row in rows if row.sender_id]
    fingerprints = {row.fingerprint for row in rows}
    fingerprints.update(overflow_group(row.service).fingerprint for row in rows if not row.may_open)
    async with connection.pipeline():
        if not inside:
            await connection.execute("BEGIN")
        await connection.execute(_LOCK)
        found = await connection.execute(_LOOK_UP, [sent, list(fingerprints), len(rows)])
        row = await found.fetchone()
    assert row is not None
    events, issues, ids, rules = row
    known = {key: tuple(value) for key, value in _object(issues).items()}
    return _Known(_object(events), known, ids, rules or 0)


def _object(text: str | None) -> dict[str, Any]:
    return {} if text is None else orjson.loads(text)


async def _open_issues(
    connection: AsyncConnection[Any], rows: Collection[Row], known: _Known
) -> tuple[dict[str, int], dict[str, bool], dict[int, list[str]]]:
    """The ids of all issues of these rows, by fingerprint; which are new; which were resolved, and are reopened now,
    with the releases that were no reason for it."""
    issues = {fingerprint: id_ for fingerprint, (id_, *_) in known.issues.items()}
    wanted: dict[str, tuple[str, ...]] = {}
    resolved: dict[int, list[str]] = {}
    # Those that may open an issue first: the others of that group belong there, too.
    for row in sorted(rows, key=lambda row: not row.may_open):
        fingerprint, title, parts = _group_of(row, issues.keys() | wanted.keys())
        id_, state, old = known.issues.get(fingerprint, (0, "", None))
        if state == "resolved" and row.opens_again(releases := orjson.loads(old) if old else []):
            resolved[id_] = releases
        if fingerprint not in issues and fingerprint not in wanted:
            seen = row.received_at
            wanted[fingerprint] = (fingerprint, json.dumps(parts), title, row.service, seen, seen)
    opened: dict[str, bool] = {}
    if wanted:
        columns = [list(column) for column in zip(*(wanted[key] for key in sorted(wanted)), strict=True)]
        found = await connection.execute(_INSERT_ISSUES, columns)
        opened = {fingerprint: True for fingerprint, _ in await _into(found, issues)}
        missing = sorted(wanted.keys() - issues.keys())
        if missing:
            # Another collector's, committed a moment ago.
            await _into(await connection.execute(_FIND_ISSUES, [missing]), issues)
    reopened: dict[int, list[str]] = {}
    if resolved:
        # Another collector may have been first with some.
        found = await connection.execute(_REOPEN, [list(resolved)])
        reopened = {id_: resolved[id_] for (id_,) in await found.fetchall()}
    return issues, opened, reopened


async def _into(found: psycopg.AsyncCursor[Any], issues: dict[str, int]) -> list[tuple[str, int]]:
    pairs: list[tuple[str, int]] = await found.fetchall()
    issues.update(pairs)
    return pairs


def _group_of(row: Row, issues: Collection[str]) -> tuple[str, str, tuple[str, ...]]:
    """Where a row goes: a group that may not be opened, and is not there, is its service's overflow group."""
    if row.may_open or row.fingerprint in issues:
        return row.fingerprint, row.title, row.grouping
    return overflow_group(row.service)


async def _copy(connection: AsyncConnection[Any], fresh: Iterable[Fresh]) -> None:
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for id_, row, issue_id, grouping in fresh:
            await copy.write_row((id_, *row[:10], issue_id, *row[10:13], grouping))


async def _add_rest(
    connection: AsyncConnection[Any],
    fresh: Sequence[Fresh],
    names: CountedNames,
    reopened: Mapping[int, Collection[str]],
) -> None:
    keys = sorted((one.row.event_id, one.id) for one in fresh)
    # Lists of different lengths, which PostgreSQL has not in one list: each as text.
    added = [[*tally[:9], f"{{{','.join(map(str, tally.users))}}}", *tally[10:]] for tally in tallies(fresh, names)]
    ids = [one.id for one in fresh]
    await connection.execute(_REST, [*_columns(keys), *_columns(added), ids])
    alerts = sorted(owed(fresh, reopened))
    if alerts:
        await connection.execute(_UPSERT_OWED, _columns(alerts))


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


#: What the next try does not meet again.
RETRYABLE: Final[tuple[type[psycopg.Error], ...]] = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    # Another collector has committed the same event, or a day's table is to be made again.
    psycopg.errors.UniqueViolation,
    psycopg.errors.CheckViolation,
)
