"""How to read events from SQLite: what `..read` needs to know of it."""

from __future__ import annotations

from sqlite_utils import Database

from ..read import Dialect
from .tallies import tables


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
        search_condition="f.error_events_fts MATCH ?",
        search_value=_match,
        title_condition="i.id IN (SELECT rowid FROM issues_fts WHERE issues_fts MATCH ?)",
        title_value=lambda words: " ".join(f'"{word}"*' for word in words) or '""',
    )


def _match(words: list[str]) -> str:
    """As FTS5 takes them: each a quoted string, so that nothing in them is its syntax. sqlite-utils' quote_fts lets a
    lone quote through."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words) or '""'
