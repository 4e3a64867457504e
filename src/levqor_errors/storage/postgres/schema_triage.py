"""The step of the schema in PostgreSQL that lets the owner work with issues; SQLite's says more. Part of `schema`."""

from __future__ import annotations

from typing import Final

_WORST: Final = "CASE {} WHEN 'critical' THEN 3 WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"

# As in SQLite's m005; what is still to be added up is added first, by what it was.
TRIAGE: Final = (
    """
    WITH taken AS (
        DELETE FROM tallies RETURNING *
    ), counted AS (
        INSERT INTO event_counts (hour, service, source, severity, count)
        SELECT hour, service, source, severity, sum(count) FROM taken GROUP BY 1, 2, 3, 4
        ON CONFLICT (hour, service, source, severity) DO UPDATE SET count = event_counts.count + excluded.count
    )
    UPDATE issues SET count = issues.count + added.count, last_seen = greatest(issues.last_seen, added.last_seen)
    FROM (SELECT issue_id, sum(count) AS count, max(last_seen) AS last_seen FROM taken GROUP BY 1) added
    WHERE id = issue_id
    """,
    "DROP VIEW issues_now",
    "DROP VIEW event_counts_now",
    """
    ALTER TABLE issues
        ADD COLUMN severity text NOT NULL DEFAULT 'info',
        ADD COLUMN users bigint NOT NULL DEFAULT 0,
        ADD COLUMN note text NOT NULL DEFAULT '',
        ADD COLUMN mute_count bigint,
        ADD COLUMN resolved_at text COLLATE "C",
        ADD COLUMN old_releases text,
        ADD COLUMN merged_into bigint
    """,
    f"""
    UPDATE issues SET severity = CASE (
        SELECT max({_WORST.format("severity")}) FROM error_events WHERE issue_id = issues.id
    ) WHEN 3 THEN 'critical' WHEN 1 THEN 'warning' WHEN 0 THEN 'info' ELSE 'error' END
    """,
    "CREATE INDEX issues_listed ON issues (state, last_seen, id) WHERE merged_into IS NULL",
    "CREATE INDEX issues_first_seen ON issues (first_seen, id) WHERE merged_into IS NULL",
    "CREATE INDEX issues_service ON issues (service) WHERE merged_into IS NULL",
    "CREATE INDEX issues_severity ON issues (severity) WHERE merged_into IS NULL",
    "CREATE INDEX issues_merged ON issues (merged_into) WHERE merged_into IS NOT NULL",
    "CREATE INDEX issues_words ON issues USING gin (levqor_words(title, ''))",
    "ALTER TABLE event_counts RENAME TO event_counts_unnamed",
    "ALTER INDEX event_counts_pkey RENAME TO event_counts_unnamed_pkey",
    """
    CREATE TABLE event_counts (
        hour text COLLATE "C" NOT NULL,
        service text NOT NULL,
        source text NOT NULL,
        severity text NOT NULL,
        environment text NOT NULL,
        release text NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (hour, service, source, severity, environment, release)
    ) WITH (fillfactor = 70)
    """,
    """
    WITH told AS MATERIALIZED (
        SELECT substr(received_at, 1, 13) || ':00:00.000Z' AS hour, service, source, severity,
            coalesce(environment, '') AS environment, coalesce(release, '') AS release, count(*) AS count
        FROM error_events GROUP BY 1, 2, 3, 4, 5, 6
    ), summed AS (
        SELECT hour, service, source, severity, sum(count) AS count FROM told GROUP BY 1, 2, 3, 4
    ), believed AS (
        SELECT hour, service, source, severity, summed.count
        FROM summed JOIN event_counts_unnamed c USING (hour, service, source, severity) WHERE summed.count <= c.count
    )
    INSERT INTO event_counts
        SELECT hour, service, source, severity, environment, release, sum(parts.count) FROM (
            SELECT hour, service, source, severity, environment, release, told.count
            FROM told JOIN believed USING (hour, service, source, severity)
            UNION ALL
            SELECT hour, service, source, severity, '', '', c.count - coalesce(believed.count, 0)
            FROM event_counts_unnamed c LEFT JOIN believed USING (hour, service, source, severity)
            WHERE c.count <> coalesce(believed.count, 0)
        ) parts GROUP BY 1, 2, 3, 4, 5, 6
    """,
    "DROP TABLE event_counts_unnamed",
    "CREATE INDEX event_counts_release ON event_counts (service, release)",
    "CREATE INDEX event_counts_environment ON event_counts (environment)",
    """
    CREATE TABLE event_hours (
        hour text COLLATE "C" PRIMARY KEY,
        first_id bigint NOT NULL,
        last_id bigint NOT NULL
    ) WITH (fillfactor = 70)
    """,
    """
    INSERT INTO event_hours
        SELECT substr(received_at, 1, 13) || ':00:00.000Z', min(id), max(id) FROM error_events GROUP BY 1
    """,
    """
    CREATE TABLE issue_counts (
        issue_id bigint NOT NULL REFERENCES issues (id),
        hour text COLLATE "C" NOT NULL,
        source text NOT NULL,
        severity text NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (issue_id, hour, source, severity)
    ) WITH (fillfactor = 70)
    """,
    """
    INSERT INTO issue_counts
        SELECT issue_id, substr(received_at, 1, 13) || ':00:00.000Z', source, severity, count(*)
        FROM error_events GROUP BY 1, 2, 3, 4
    """,
    "CREATE INDEX issue_counts_hour ON issue_counts (hour)",
    """
    CREATE TABLE issue_users (
        issue_id bigint NOT NULL REFERENCES issues (id),
        user_hash bigint NOT NULL,
        PRIMARY KEY (issue_id, user_hash)
    )
    """,
    # As `rows.user_hash` has it.
    """
    INSERT INTO issue_users
        SELECT DISTINCT issue_id,
            ('x' || encode(substring(sha256(convert_to(named, 'UTF8')) FOR 8), 'hex'))::bit(64)::bigint
        FROM (
            SELECT issue_id, coalesce(
                user_email,
                CASE WHEN json_typeof(told -> 'id') IN ('string', 'number') THEN nullif(told ->> 'id', '') END,
                CASE WHEN json_typeof(told -> 'username') IN ('string', 'number')
                    THEN nullif(told ->> 'username', '') END
            ) AS named
            FROM (SELECT issue_id, user_email, context::json -> 'user' AS told FROM error_events) who
        ) known WHERE named IS NOT NULL
    """,
    "UPDATE issues SET users = (SELECT count(*) FROM issue_users WHERE issue_id = issues.id)",
    # What is appended to tells all of that, too.
    """
    ALTER TABLE tallies
        ADD COLUMN environment text NOT NULL,
        ADD COLUMN release text NOT NULL,
        ADD COLUMN users bigint[] NOT NULL,
        ADD COLUMN first_id bigint NOT NULL,
        ADD COLUMN last_id bigint NOT NULL
    """,
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
            greatest(issues.last_seen, added.last_seen) AS last_seen,
            issues.count + coalesce(added.count, 0)::bigint AS count, regressions,
            (ARRAY['info', 'warning', 'error', 'critical'])[
                greatest({_WORST.format("issues.severity")}, coalesce(added.worst, 0)) + 1
            ] AS severity,
            issues.users + (
                SELECT count(DISTINCT one) FROM tallies, unnest(tallies.users) AS one
                WHERE issue_id = issues.id AND NOT EXISTS (
                    SELECT FROM issue_users known WHERE known.issue_id = issues.id AND known.user_hash = one
                )
            ) AS users,
            note, mute_count, resolved_at, old_releases, merged_into
        FROM issues, LATERAL (
            SELECT sum(tallies.count) AS count, max(tallies.last_seen) AS last_seen,
                max({_WORST.format("tallies.severity")}) AS worst
            FROM tallies WHERE issue_id = issues.id
        ) added
    """,
    """
    CREATE TABLE issue_changes (
        id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
        at text COLLATE "C" NOT NULL,
        issue_id bigint NOT NULL,
        action text NOT NULL,
        detail text NOT NULL,
        before text NOT NULL,
        after text NOT NULL,
        undone_at text COLLATE "C"
    )
    """,
    "CREATE INDEX issue_changes_issue ON issue_changes (issue_id, id)",
    "CREATE INDEX issue_changes_at ON issue_changes (at)",
    """
    CREATE TABLE shares (
        token_hash text PRIMARY KEY,
        issue_id bigint NOT NULL REFERENCES issues (id),
        created_at text COLLATE "C" NOT NULL,
        expires_at text COLLATE "C" NOT NULL
    )
    """,
    "CREATE INDEX shares_issue ON shares (issue_id)",
    """
    CREATE TABLE grouping_rules (
        id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
        service text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('message', 'exception')),
        parts text NOT NULL,
        position bigint NOT NULL,
        treat text NOT NULL CHECK (treat IN ('constant', 'variable')),
        issue_id bigint,
        created_at text COLLATE "C" NOT NULL
    )
    """,
    "CREATE INDEX grouping_rules_service ON grouping_rules (service)",
)
