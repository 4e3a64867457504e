"""How to read events from PostgreSQL: what `..read` needs to know of it."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from ..read import Dialect

#: As `levqor_words` in `schema.py` has it.
_SEPARATORS = str.maketrans(dict.fromkeys("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", " "))


def dialect(connection: Connection[Any]) -> Dialect:
    """For reads on this connection."""
    return Dialect(
        run=lambda query, values: connection.execute(query.replace("%", "%%").replace("?", "%s"), values),
        counts="event_counts_now",
        issues="issues_now",
        hours="event_hours_now",
        issue_counts="issue_counts_now",
        no_index="",
        # A unique index on a table in parts needs the day, so the ids have a table of their own.
        event_condition="e.id = (SELECT id FROM event_keys WHERE event_id = ?)",
        search_tables="error_events e",
        search_order="e.id",
        search_sort="e.id + 0",
        search_end=None,
        search_listed="",
        # Its days leave out all other tables.
        search_window="e.id BETWEEN ? AND ? AND e.received_at >= ? AND e.received_at < ?",
        search_window_values=lambda window: window,
        search_condition="levqor_words(e.message, e.stack) @@ plainto_tsquery('pg_catalog.simple', ?)",
        search_value=lambda words: " ".join(words).translate(_SEPARATORS),
        title_condition="levqor_words(i.title, '') @@ to_tsquery('pg_catalog.simple', ?)",
        title_value=lambda words: " & ".join(f"'{word}':*" for word in words),
    )
