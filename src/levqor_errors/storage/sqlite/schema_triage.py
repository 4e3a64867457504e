"""The step of the schema in SQLite that lets the owner work with issues: their states, who was affected, hourly counts,
and counts of events by environment and release. Part of `schema.py`.
"""

from __future__ import annotations

import json
from typing import Final

from ..rows import user_hash

TRIAGE: Final = (
    # `severity` is the worst ever seen. A muted issue is open again at `muted_until`, or when `count` is `mute_count`.
    # Events of `old_releases` (JSON, a list) do not open a resolved issue again. Whose `merged_into` is set is only a
    # name for the other by now: what is of its fingerprint belongs there.
    "ALTER TABLE issues ADD COLUMN severity TEXT NOT NULL DEFAULT 'info'",
    "ALTER TABLE issues ADD COLUMN users INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE issues ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE issues ADD COLUMN mute_count INTEGER",
    "ALTER TABLE issues ADD COLUMN resolved_at TEXT",
    "ALTER TABLE issues ADD COLUMN old_releases TEXT",
    "ALTER TABLE issues ADD COLUMN merged_into INTEGER",
    """
    UPDATE issues SET severity = CASE (
        SELECT MAX(CASE severity WHEN 'critical' THEN 3 WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END)
        FROM error_events WHERE issue_id = issues.id
    ) WHEN 3 THEN 'critical' WHEN 1 THEN 'warning' WHEN 0 THEN 'info' ELSE 'error' END
    """,
    # The last column is written with every event; in one index only.
    "CREATE INDEX issues_listed ON issues (state, last_seen) WHERE merged_into IS NULL",
    "CREATE INDEX issues_first_seen ON issues (first_seen) WHERE merged_into IS NULL",
    "CREATE INDEX issues_service ON issues (service) WHERE merged_into IS NULL",
    "CREATE INDEX issues_severity ON issues (severity) WHERE merged_into IS NULL",
    "CREATE INDEX issues_merged ON issues (merged_into) WHERE merged_into IS NOT NULL",
    # Words of titles. Issues are opened seldom, so triggers cost nothing.
    """
    CREATE VIRTUAL TABLE issues_fts USING fts5 (title, content='issues', content_rowid='id', tokenize='unicode61')
    """,
    "INSERT INTO issues_fts (issues_fts) VALUES ('rebuild')",
    """
    CREATE TRIGGER issues_ai AFTER INSERT ON issues BEGIN
        INSERT INTO issues_fts (rowid, title) VALUES (new.id, new.title);
    END
    """,
    """
    CREATE TRIGGER issues_ad AFTER DELETE ON issues BEGIN
        INSERT INTO issues_fts (issues_fts, rowid, title) VALUES ('delete', old.id, old.title);
    END
    """,
    """
    CREATE TRIGGER issues_au AFTER UPDATE OF title ON issues BEGIN
        INSERT INTO issues_fts (issues_fts, rowid, title) VALUES ('delete', old.id, old.title);
        INSERT INTO issues_fts (rowid, title) VALUES (new.id, new.title);
    END
    """,
    # Environment and release, empty for none, are a part of the key now. Of what there is, rows tell them; what no row
    # tells any more stays without, so that no total changes.
    """
    CREATE TABLE event_counts_named (
        hour TEXT NOT NULL,
        service TEXT NOT NULL,
        source TEXT NOT NULL,
        severity TEXT NOT NULL,
        environment TEXT NOT NULL,
        release TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, service, source, severity, environment, release)
    ) WITHOUT ROWID
    """,
    # More rows than were ever counted, somebody's own, are not believed.
    """
    WITH told AS (
        SELECT substr(received_at, 1, 13) || ':00:00.000Z' AS hour, service, source, severity,
            coalesce(environment, '') AS environment, coalesce(release, '') AS release, COUNT(*) AS count
        FROM error_events GROUP BY 1, 2, 3, 4, 5, 6
    ), summed AS (
        SELECT hour, service, source, severity, SUM(count) AS count FROM told GROUP BY 1, 2, 3, 4
    ), believed AS (
        SELECT hour, service, source, severity, summed.count AS count
        FROM summed JOIN event_counts c USING (hour, service, source, severity) WHERE summed.count <= c.count
    )
    INSERT INTO event_counts_named
        SELECT hour, service, source, severity, environment, release, SUM(count) FROM (
            SELECT hour, service, source, severity, environment, release, told.count AS count
            FROM told JOIN believed USING (hour, service, source, severity)
            UNION ALL
            SELECT hour, service, source, severity, '', '', c.count - coalesce(believed.count, 0)
            FROM event_counts c LEFT JOIN believed USING (hour, service, source, severity)
            WHERE c.count <> coalesce(believed.count, 0)
        ) GROUP BY 1, 2, 3, 4, 5, 6
    """,
    "DROP TABLE event_counts",
    "ALTER TABLE event_counts_named RENAME TO event_counts",
    "CREATE INDEX event_counts_release ON event_counts (service, release)",
    "CREATE INDEX event_counts_environment ON event_counts (environment)",
    # Between which ids the events of an hour are: the clock of `received_at` and the order of ids need not agree.
    """
    CREATE TABLE event_hours (
        hour TEXT PRIMARY KEY,
        first_id INTEGER NOT NULL,
        last_id INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO event_hours
        SELECT substr(received_at, 1, 13) || ':00:00.000Z', MIN(id), MAX(id) FROM error_events GROUP BY 1
    """,
    # As event_counts, by issue, for as long as anybody looks back at one.
    """
    CREATE TABLE issue_counts (
        issue_id INTEGER NOT NULL REFERENCES issues(id),
        hour TEXT NOT NULL,
        source TEXT NOT NULL,
        severity TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (issue_id, hour, source, severity)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO issue_counts
        SELECT issue_id, substr(received_at, 1, 13) || ':00:00.000Z', source, severity, COUNT(*)
        FROM error_events GROUP BY 1, 2, 3, 4
    """,
    "CREATE INDEX issue_counts_hour ON issue_counts (hour)",
    # Who was affected, by a hash: an address is in no table but the events' own.
    """
    CREATE TABLE issue_users (
        issue_id INTEGER NOT NULL REFERENCES issues(id),
        user_hash INTEGER NOT NULL,
        PRIMARY KEY (issue_id, user_hash)
    ) WITHOUT ROWID
    """,
    """
    INSERT OR IGNORE INTO issue_users
        SELECT issue_id, user_hash FROM (SELECT issue_id, user_hash(user_email, context) AS user_hash FROM error_events)
        WHERE user_hash IS NOT NULL
    """,
    "UPDATE issues SET users = (SELECT COUNT(*) FROM issue_users WHERE issue_id = issues.id)",
    # What the owner did. `before` and `after` are JSON: columns of `issues` that it changed.
    """
    CREATE TABLE issue_changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        issue_id INTEGER NOT NULL,
        action TEXT NOT NULL,
        detail TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        undone_at TEXT
    )
    """,
    "CREATE INDEX issue_changes_issue ON issue_changes (issue_id, id)",
    "CREATE INDEX issue_changes_at ON issue_changes (at)",
    # Links for people who cannot sign in; as with sessions, only hashes.
    """
    CREATE TABLE shares (
        token_hash TEXT PRIMARY KEY,
        issue_id INTEGER NOT NULL REFERENCES issues(id),
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX shares_issue ON shares (issue_id)",
    # What the owner has said of parts of a group, a JSON list: that one of them is the same, or differs, each time.
    """
    CREATE TABLE grouping_rules (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        service TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('message', 'exception')),
        parts TEXT NOT NULL,
        position INTEGER NOT NULL,
        treat TEXT NOT NULL CHECK (treat IN ('constant', 'variable')),
        issue_id INTEGER,
        created_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX grouping_rules_service ON grouping_rules (service)",
)


def stored_user_hash(user_email: str | None, context: str | None) -> int | None:
    """`rows.user_hash` of an event that is stored; statements of the step call it."""
    try:
        return user_hash(user_email, json.loads(context) if context else {})
    except ValueError:
        # Not as it was stored; whoever looks at that event is told.
        return user_hash(user_email, {})
