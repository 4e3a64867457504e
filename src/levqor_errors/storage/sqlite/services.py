"""The services that a SQLite database knows. Asked once at start, by the limiter of new names."""

from __future__ import annotations

from sqlite_utils import Database

from ... import limits


def known(db: Database) -> list[str]:
    """Names of services that were ever counted: `event_counts` outlives the events themselves."""
    found = db.execute("SELECT DISTINCT service FROM event_counts LIMIT ?", [limits.SERVICES]).fetchall()
    return [service for (service,) in found]
