"""What others need to know of SQLite to put their statements together: of events `..read`, of all else `..alerts` and
those beside it. Used by `storage.py` and `inspect.py`.
"""

from __future__ import annotations

from sqlite_utils import Database

from ..alerts import AlertDialect
from ..read import Dialect
from .tallies import fold, tables


def dialect(db: Database) -> Dialect:
    """For reads on this connection."""
    now = tables(db.conn)
    return Dialect(
        run=db.execute,
        counts=now.event_counts,
        issues=now.issues,
        hours=now.event_hours,
        issue_counts=now.issue_counts,
        no_index="+",
        event_condition="e.event_id = ?",
        # The full-text index leads: it gives row ids in descending order, so the walk ends at the limit.
        search_tables="error_events_fts f CROSS JOIN error_events e ON e.id = f.rowid",
        search_order="f.rowid",
        search_sort="f.rowid",
        search_end=(
            "SELECT COUNT(*), MIN(id), MAX(id) FROM (SELECT f.rowid AS id FROM error_events_fts f"
            " WHERE {} AND f.rowid BETWEEN ? AND ? ORDER BY f.rowid {} LIMIT ?)"
        ),
        search_listed="+f.rowid IN (SELECT id FROM error_events WHERE {} AND id BETWEEN ? AND ?)",
        search_window="f.rowid BETWEEN ? AND ?",
        search_window_values=lambda window: window[:2],
        search_condition="f.error_events_fts MATCH ?",
        search_value=_match,
        title_condition="i.id IN (SELECT rowid FROM issues_fts WHERE issues_fts MATCH ?)",
        title_value=lambda words: " ".join(f'"{word}"*' for word in words) or '""',
    )


def alert_dialect(db: Database) -> AlertDialect:
    """For what the alerts keep, and what is counted without what waits to be added to it, on this connection."""
    # All rows at once: a statement that was not read to its end would be in the way of the commit.
    return AlertDialect(
        run=lambda query, values: db.execute(query, values).fetchall(), counts="event_counts", keys="error_events"
    )


def reading_dialect(db: Database) -> AlertDialect:
    """The same, with what waits."""
    now = tables(db.conn)
    return alert_dialect(db)._replace(
        counts=now.event_counts, issues=now.issues, issue_counts=now.issue_counts, hours=now.event_hours
    )


def counting_dialect(db: Database) -> AlertDialect:
    """The same, in a transaction that may change what is counted: that is added up first."""
    fold(db.conn)
    return alert_dialect(db)


def _match(words: list[str]) -> str:
    """As FTS5 takes them: each a quoted string, so that nothing in them is its syntax. sqlite-utils' quote_fts lets a
    lone quote through."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words) or '""'
