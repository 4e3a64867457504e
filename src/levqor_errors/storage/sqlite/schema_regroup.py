"""The step of the schema in SQLite that lets the owner's rules regroup what is stored. Part of `schema.py`."""

from __future__ import annotations

from typing import Final

REGROUP: Final = (
    # JSON, as in `issues`, of events whose group cannot be found again from what else is stored of them: a sender's own
    # fingerprint, or a service's overflow.
    "ALTER TABLE error_events ADD COLUMN grouping TEXT",
    """
    UPDATE error_events SET grouping = (SELECT grouping FROM issues WHERE id = issue_id) WHERE issue_id IN (
        SELECT id FROM issues WHERE grouping LIKE '["custom"%' OR grouping LIKE '["overflow"%'
    )
    """,
    # Of a name (`merged_into`): who made it one, `owner` or `rule`, or `past` if no event can be of its group by the
    # rules any more; what it brought that is in no event of the other's by now; and its state before, as JSON.
    "ALTER TABLE issues ADD COLUMN merged_by TEXT",
    "ALTER TABLE issues ADD COLUMN merged_count INTEGER",
    "ALTER TABLE issues ADD COLUMN before_merge TEXT",
    "UPDATE issues SET merged_by = 'owner', merged_count = 0 WHERE merged_into IS NOT NULL",
    """
    CREATE TABLE merged_counts (
        issue_id INTEGER NOT NULL REFERENCES issues(id),
        hour TEXT NOT NULL,
        source TEXT NOT NULL,
        severity TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (issue_id, hour, source, severity)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX merged_counts_hour ON merged_counts (hour)",
    """
    CREATE TABLE merged_users (
        issue_id INTEGER NOT NULL REFERENCES issues(id),
        user_hash INTEGER NOT NULL,
        PRIMARY KEY (issue_id, user_hash)
    ) WITHOUT ROWID
    """,
    # One row, from the first rule on: how often they have changed. Who writes an event says by which he grouped it.
    "CREATE TABLE grouping_version (version INTEGER PRIMARY KEY)",
    # What is still to be done after a change: services of which each issue's place is to be found anew, from an issue
    # on; and issues whose events are to be grouped anew, from an event on.
    "CREATE TABLE regroup_services (service TEXT PRIMARY KEY, after_id INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE regroup (
        issue_id INTEGER PRIMARY KEY,
        from_id INTEGER NOT NULL,
        asked INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        opened INTEGER NOT NULL,
        target INTEGER,
        behind INTEGER
    )
    """,
)
