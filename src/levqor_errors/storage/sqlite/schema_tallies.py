"""The step of the schema in SQLite that has commits append to what is counted, instead of changing it. Part of
`schema.py`; `tallies.py` says why.
"""

from __future__ import annotations

from typing import Final

from ..rows import RANK

TALLIES: Final = (
    # What is still to be added to the tables of counts, of users and of issues. `users` is a JSON list.
    # Ids begin at 1 again whenever all is added.
    """
    CREATE TABLE tallies (
        id INTEGER PRIMARY KEY,
        issue_id INTEGER NOT NULL,
        hour TEXT NOT NULL,
        service TEXT NOT NULL,
        source TEXT NOT NULL,
        severity TEXT NOT NULL,
        count INTEGER NOT NULL,
        last_seen TEXT NOT NULL,
        environment TEXT NOT NULL,
        release TEXT NOT NULL,
        users TEXT,
        first_id INTEGER NOT NULL,
        last_id INTEGER NOT NULL
    )
    """,
    # What there is with what is still to be added.
    """
    CREATE VIEW event_counts_now AS
        SELECT hour, service, source, severity, environment, release, count FROM event_counts
        UNION ALL SELECT hour, service, source, severity, environment, release, count FROM tallies
    """,
    """
    CREATE VIEW issue_counts_now AS
        SELECT issue_id, hour, source, severity, count FROM issue_counts
        UNION ALL SELECT issue_id, hour, source, severity, count FROM tallies
    """,
    """
    CREATE VIEW event_hours_now AS
        SELECT hour, first_id, last_id FROM event_hours
        UNION ALL SELECT hour, first_id, last_id FROM tallies
    """,
    f"""
    CREATE VIEW issues_now AS
        SELECT id, fingerprint, grouping, title, service, state, muted_until, first_seen,
            MAX(issues.last_seen, coalesce(added.last_seen, '')) AS last_seen,
            issues.count + coalesce(added.count, 0) AS count, regressions,
            CASE MAX({RANK.format("issues.severity")}, coalesce(added.worst, 0))
                WHEN 3 THEN 'critical' WHEN 2 THEN 'error' WHEN 1 THEN 'warning' ELSE 'info' END AS severity,
            issues.users + coalesce(met.users, 0) AS users,
            note, mute_count, resolved_at, old_releases, merged_into, merged_by, merged_count, before_merge
        FROM issues
        LEFT JOIN (
            SELECT issue_id, SUM(count) AS count, MAX(last_seen) AS last_seen, MAX({RANK.format("severity")}) AS worst
            FROM tallies GROUP BY issue_id
        ) added ON added.issue_id = issues.id
        LEFT JOIN (
            SELECT issue_id, COUNT(DISTINCT value) AS users FROM tallies, json_each(tallies.users)
            WHERE NOT EXISTS (
                SELECT 1 FROM issue_users known WHERE known.issue_id = tallies.issue_id AND known.user_hash = value
            ) GROUP BY issue_id
        ) met ON met.issue_id = issues.id
    """,
)
