"""What goes with an issue that is deleted, and what of issues is too old to be kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ... import instants, limits
from ..alerts import AlertDialect, marks

#: Nobody has said anything of it, it is no name for another and none is one for it, no event of it is left, and nobody
#: is still to be told of it.
FORGOTTEN: Final = """
    state = 'open' AND merged_into IS NULL AND note = ''
    AND NOT EXISTS (SELECT 1 FROM error_events WHERE issue_id = issues.id)
    AND NOT EXISTS (SELECT 1 FROM alert_outbox WHERE issue_id = issues.id AND decided_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM issues merged WHERE merged.merged_into = issues.id)
"""
#: Tables that have rows of an issue's own. What was told of it long ago is in the outbox.
OWNED: Final = ("issue_counts", "issue_users", "issue_changes", "shares", "alert_outbox")


def forget_rows(db: AlertDialect, issues: Sequence[int]) -> None:
    """Delete what belongs to issues that are deleted, at most 500 of them.

    Args:
        db: inside a transaction.
        issues: their ids.
    """
    if not issues:
        return
    for table in OWNED:
        db.run(f"DELETE FROM {table} WHERE issue_id IN ({marks(issues)})", list(issues))
    # A rule was made there, and holds all the same.
    db.run(f"UPDATE grouping_rules SET issue_id = NULL WHERE issue_id IN ({marks(issues)})", list(issues))


def forget_old(db: AlertDialect, now: str, most: int) -> int:
    """Delete some of what is past its time: hourly counts of issues, changes, shares; returns how many rows.

    Args:
        db: inside a transaction.
        now: the clock.
        most: how many changes and shares at most; of hourly counts, those of an hour.
    """
    before = instants.to_text(instants.from_text(now) - timedelta(days=limits.ISSUE_DAYS))
    deleted = 0
    # Before what it may have to be taken from.
    db.run("DELETE FROM merged_counts WHERE hour < ?", [before])
    for condition, values in (
        ("issue_counts WHERE hour = (SELECT MIN(hour) FROM issue_counts WHERE hour < ?)", [before]),
        ("issue_changes WHERE id IN (SELECT id FROM issue_changes WHERE at < ? LIMIT ?)", [before, most]),
        ("shares WHERE token_hash IN (SELECT token_hash FROM shares WHERE expires_at <= ? LIMIT ?)", [now, most]),
    ):
        deleted += len(db.run(f"DELETE FROM {condition} RETURNING 1", values))
    return deleted
