"""The step of the schema in PostgreSQL that lets the owner's rules regroup what is stored; SQLite's says more. Part of
`schema`."""

from __future__ import annotations

from typing import Final

REGROUP: Final = (
    "ALTER TABLE error_events ADD COLUMN grouping text",
    """
    UPDATE error_events SET grouping = issues.grouping FROM issues
    WHERE issues.id = issue_id AND (issues.grouping LIKE '["custom"%' OR issues.grouping LIKE '["overflow"%')
    """,
    "ALTER TABLE issues ADD COLUMN merged_by text, ADD COLUMN merged_count bigint, ADD COLUMN before_merge text",
    "UPDATE issues SET merged_by = 'owner', merged_count = 0 WHERE merged_into IS NOT NULL",
    """
    CREATE TABLE merged_counts (
        issue_id bigint NOT NULL REFERENCES issues (id),
        hour text COLLATE "C" NOT NULL,
        source text NOT NULL,
        severity text NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (issue_id, hour, source, severity)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX merged_counts_hour ON merged_counts (hour)",
    """
    CREATE TABLE merged_users (
        issue_id bigint NOT NULL REFERENCES issues (id),
        user_hash bigint NOT NULL,
        PRIMARY KEY (issue_id, user_hash)
    )
    """,
    "CREATE TABLE grouping_version (version bigint PRIMARY KEY)",
    "CREATE TABLE regroup_services (service text PRIMARY KEY, after_id bigint NOT NULL)",
    """
    CREATE TABLE regroup (
        issue_id bigint PRIMARY KEY,
        from_id bigint NOT NULL,
        asked bigint NOT NULL,
        changed bigint NOT NULL,
        opened bigint NOT NULL,
        target bigint,
        behind bigint
    )
    """,
)
