"""One issue out of several: what there is of them becomes another's, at once; their events follow in steps.

A merged issue stays as a name (`merged_into`) for its fingerprint, so that what comes of it goes to the other. Its
numbers, users, hours and what is owed of it move in one transaction. Its events, which may be a million, are moved by
the janitor; until then they are found as those whose issue is merged into another, and whoever reads an issue's events
reads theirs, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..alerts import AlertDialect, marks
from ..rows import RANKS, WORST

_NUMBERS: Final = """
    SELECT SUM(count), MIN(first_seen), MAX(last_seen), SUM(regressions) FROM issues WHERE id IN ({marks})
"""
_SEVERITIES: Final = "SELECT DISTINCT severity FROM issues WHERE id IN ({marks})"
_COUNTS: Final = """
    INSERT INTO issue_counts (issue_id, hour, source, severity, count)
    SELECT CAST(? AS BIGINT), hour, source, severity, SUM(count) FROM issue_counts
    WHERE issue_id IN ({marks}) GROUP BY hour, source, severity
    ON CONFLICT (issue_id, hour, source, severity) DO UPDATE SET count = issue_counts.count + excluded.count
"""
_USERS: Final = """
    INSERT INTO issue_users (issue_id, user_hash)
    SELECT DISTINCT CAST(? AS BIGINT), user_hash FROM issue_users WHERE issue_id IN ({marks})
    ON CONFLICT DO NOTHING
"""
_ADD: Final = """
    UPDATE issues SET count = ?, first_seen = ?, last_seen = ?, regressions = ?, severity = ?,
        users = (SELECT COUNT(*) FROM issue_users WHERE issue_id = issues.id)
    WHERE id = ?
"""
_NAME: Final = """
    UPDATE issues SET merged_into = ?, count = 0, users = 0, state = 'open', muted_until = NULL, mute_count = NULL,
        resolved_at = NULL, old_releases = NULL
    WHERE {column} IN ({marks})
"""
_OWED: Final = """
    SELECT id, issue_id, first_event_id, count, created_at, severity, regressed FROM alert_outbox
    WHERE decided_at IS NULL AND issue_id IN ({marks}) ORDER BY first_event_id
"""
_OWE: Final = """
    UPDATE alert_outbox SET issue_id = ?, first_event_id = ?, count = ?, created_at = ?, severity = ?, regressed = ?
    WHERE id = ?
"""
_TO_MOVE: Final = """
    SELECT id, merged_into FROM issues
    WHERE merged_into IS NOT NULL AND EXISTS (SELECT 1 FROM error_events WHERE issue_id = issues.id)
    ORDER BY id LIMIT 1
"""
_MOVE: Final = """
    UPDATE error_events SET issue_id = ?
    WHERE id IN (SELECT id FROM error_events WHERE issue_id = ? ORDER BY id DESC LIMIT ?) RETURNING 1
"""


def merge(db: AlertDialect, issues: Sequence[int], into: int) -> None:
    """Make names of issues for another one, and give it all that they have but for their events.

    Args:
        db: inside a transaction in which nobody writes events or adds up counts.
        issues: ids of issues that are there and no names yet, at most 500.
        into: the id of another one of the same kind.
    """
    ids = list(issues)
    run, among = db.run, marks(ids)
    if db.waiting_counts:
        run(f"UPDATE {db.waiting_counts} SET issue_id = ? WHERE issue_id IN ({among})", [into, *ids])
    for move, table in ((_COUNTS, "issue_counts"), (_USERS, "issue_users")):
        run(move.format(marks=among), [into, *ids])
        run(f"DELETE FROM {table} WHERE issue_id IN ({among})", ids)
    family = [into, *ids]
    ((count, first, last, regressions),) = run(_NUMBERS.format(marks=marks(family)), family)
    worst = WORST[max(RANKS[severity] for (severity,) in run(_SEVERITIES.format(marks=marks(family)), family))]
    run(_ADD, [int(count), first, last, int(regressions), worst, into])
    _merge_owed(db, ids, into)
    for column in ("merged_into", "id"):
        run(_NAME.format(column=column, marks=among), [into, *ids])


def _merge_owed(db: AlertDialect, ids: list[int], into: int) -> None:
    """What of them is to be told is told in one message: an issue has one open row."""
    open_rows = db.run(_OWED.format(marks=marks([into, *ids])), [into, *ids])
    if any(issue_id != into for _, issue_id, *_ in open_rows):
        kept, *others = open_rows
        if others:
            db.run(f"DELETE FROM alert_outbox WHERE id IN ({marks(others)})", [row[0] for row in others])
        db.run(_OWE, [into, *_sum_of_owed(open_rows), kept[0]])
    db.run(f"UPDATE alert_outbox SET issue_id = ? WHERE issue_id IN ({marks(ids)})", [into, *ids])


def _sum_of_owed(open_rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    _, _, firsts, counts, created, severities, regressed = zip(*open_rows, strict=True)
    worst = WORST[max(RANKS[severity] for severity in severities)]
    return min(firsts), sum(counts), min(created), worst, max(regressed)


def move_events(db: AlertDialect, most: int) -> int:
    """Give some events of one merged issue to the other, the newest first; returns how many. 0: none is left.

    Args:
        db: inside a transaction.
        most: how many at most.
    """
    for name, into in db.run(_TO_MOVE, []):
        return len(db.run(_MOVE, [into, name, most]))
    return 0
