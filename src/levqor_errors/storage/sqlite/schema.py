"""The tables in SQLite, as `sqlite_utils.Migrations`. A released step is never edited; a change is a new step.

`received_at`, `first_seen`, `last_seen` and `hour` are the collector's clock, `created_at` is the sender's.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from .schema_regroup import REGROUP
from .schema_tallies import TALLIES
from .schema_triage import TRIAGE, stored_user_hash

migrations = Migrations("levqor_errors")


def steps() -> set[str]:
    """The names of all steps that this version knows: what is pending on a database with nothing in it."""
    with Database(memory=True) as empty:
        return {step.name for step in migrations.pending(empty)}


_TABLES = (
    # AUTOINCREMENT: an id is never used again, so a reader's cursor cannot meet another event under it.
    """
    CREATE TABLE error_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        created_at TEXT NOT NULL,
        source TEXT NOT NULL,
        service TEXT NOT NULL,
        path_or_screen TEXT,
        user_email TEXT,
        severity TEXT NOT NULL,
        message TEXT NOT NULL,
        stack TEXT,
        event_id TEXT NOT NULL UNIQUE,
        received_at TEXT NOT NULL,
        issue_id INTEGER NOT NULL REFERENCES issues(id),
        environment TEXT,
        release TEXT,
        context TEXT
    )
    """,
    # SQLite puts the rowid behind every index key, so each of these gives its matches newest first without a sort.
    "CREATE INDEX error_events_received_at ON error_events (received_at)",
    "CREATE INDEX error_events_issue ON error_events (issue_id)",
    "CREATE INDEX error_events_service ON error_events (service)",
    "CREATE INDEX error_events_severity ON error_events (severity)",
    # Many senders give neither of these, and then they cost nothing.
    "CREATE INDEX error_events_environment ON error_events (environment) WHERE environment IS NOT NULL",
    "CREATE INDEX error_events_release ON error_events (release) WHERE release IS NOT NULL",
    """
    CREATE TABLE issues (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE,
        grouping TEXT NOT NULL,
        title TEXT NOT NULL,
        service TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved', 'muted')),
        muted_until TEXT,
        first_seen TEXT NOT NULL,
        last_seen TEXT NOT NULL,
        count INTEGER NOT NULL,
        regressions INTEGER NOT NULL DEFAULT 0
    )
    """,
    # What every statistic is read from: as many rows an hour as there are services, not as there are events.
    """
    CREATE TABLE event_counts (
        hour TEXT NOT NULL,
        service TEXT NOT NULL,
        source TEXT NOT NULL,
        severity TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, service, source, severity)
    ) WITHOUT ROWID
    """,
    # Only hashes: somebody who reads the database or a backup of it cannot sign in with what he finds.
    """
    CREATE TABLE sessions (
        token_hash TEXT PRIMARY KEY,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    # Triggers keep the index true even when the owner deletes rows by hand in some SQLite tool (see also m003).
    """
    CREATE VIRTUAL TABLE error_events_fts USING fts5 (
        message, stack, content='error_events', content_rowid='id', tokenize='unicode61'
    )
    """,
    """
    CREATE TRIGGER error_events_ai AFTER INSERT ON error_events BEGIN
        INSERT INTO error_events_fts (rowid, message, stack) VALUES (new.id, new.message, new.stack);
    END
    """,
    """
    CREATE TRIGGER error_events_ad AFTER DELETE ON error_events BEGIN
        INSERT INTO error_events_fts (error_events_fts, rowid, message, stack)
        VALUES ('delete', old.id, old.message, old.stack);
    END
    """,
    """
    CREATE TRIGGER error_events_au AFTER UPDATE OF message, stack ON error_events BEGIN
        INSERT INTO error_events_fts (error_events_fts, rowid, message, stack)
        VALUES ('delete', old.id, old.message, old.stack);
        INSERT INTO error_events_fts (rowid, message, stack) VALUES (new.id, new.message, new.stack);
    END
    """,
)


@migrations()
def m001_tables(db: Database) -> None:
    for statement in _TABLES:
        db.execute(statement)


_OWED_AND_REFUSED = (
    # What the owner is still to be told. One open row an issue, however many events come: a flood is one row.
    """
    CREATE TABLE alert_outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        issue_id INTEGER NOT NULL REFERENCES issues(id),
        first_event_id INTEGER NOT NULL,
        count INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        sent_at TEXT
    )
    """,
    "CREATE UNIQUE INDEX alert_outbox_unsent ON alert_outbox (issue_id) WHERE sent_at IS NULL",
    # What was not taken, by the hour; see collector/refusals.py for the reasons.
    """
    CREATE TABLE refusals (
        hour TEXT NOT NULL,
        reason TEXT NOT NULL,
        requests INTEGER NOT NULL,
        events INTEGER NOT NULL,
        PRIMARY KEY (hour, reason)
    ) WITHOUT ROWID
    """,
)


@migrations()
def m002_outbox_and_refusals(db: Database) -> None:
    for statement in _OWED_AND_REFUSED:
        db.execute(statement)


_INDEXED_BY_BATCH = (
    # A trigger for each row took five times what one statement for a batch takes; write.py has that now. So rows
    # that somebody inserts by hand are not found by a search, and to delete one must not reach for the index either:
    # taking out what is not in it would damage it.
    "DROP TRIGGER error_events_ai",
    "DROP TRIGGER error_events_ad",
    "DROP TRIGGER error_events_au",
    """
    CREATE TRIGGER error_events_ad AFTER DELETE ON error_events
    WHEN EXISTS (SELECT 1 FROM error_events_fts_docsize WHERE id = old.id) BEGIN
        INSERT INTO error_events_fts (error_events_fts, rowid, message, stack)
        VALUES ('delete', old.id, old.message, old.stack);
    END
    """,
    """
    CREATE TRIGGER error_events_au AFTER UPDATE OF message, stack ON error_events
    WHEN EXISTS (SELECT 1 FROM error_events_fts_docsize WHERE id = old.id) BEGIN
        INSERT INTO error_events_fts (error_events_fts, rowid, message, stack)
        VALUES ('delete', old.id, old.message, old.stack);
        INSERT INTO error_events_fts (rowid, message, stack) VALUES (new.id, new.message, new.stack);
    END
    """,
)


@migrations()
def m003_full_text_by_batch(db: Database) -> None:
    for statement in _INDEXED_BY_BATCH:
        db.execute(statement)


_ALERTS = (
    # What of the outbox was decided, and why. A row is open until then, and gathers what comes of its issue meanwhile.
    "DROP INDEX alert_outbox_unsent",
    "ALTER TABLE alert_outbox RENAME COLUMN sent_at TO decided_at",
    "ALTER TABLE alert_outbox ADD COLUMN severity TEXT NOT NULL DEFAULT 'critical'",
    "ALTER TABLE alert_outbox ADD COLUMN regressed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alert_outbox ADD COLUMN decision TEXT",
    "ALTER TABLE alert_outbox ADD COLUMN why TEXT",
    "ALTER TABLE alert_outbox ADD COLUMN alert_id INTEGER",
    "CREATE UNIQUE INDEX alert_outbox_open ON alert_outbox (issue_id) WHERE decided_at IS NULL",
    "CREATE INDEX alert_outbox_issue ON alert_outbox (issue_id, first_event_id)",
    # Messages. The key is what makes each once: `outbox 55`, `summary 2026-11-25`.
    """
    CREATE TABLE alerts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        severity TEXT NOT NULL,
        service TEXT,
        issue_id INTEGER,
        content TEXT NOT NULL,
        created_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX alerts_created_at ON alerts (created_at)",
    "CREATE INDEX alerts_issue ON alerts (issue_id) WHERE issue_id IS NOT NULL",
    # A message on its way by one channel: waiting, sent, refused, or replaced by another channel.
    """
    CREATE TABLE alert_deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        alert_id INTEGER NOT NULL REFERENCES alerts(id),
        channel TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused', 'replaced')),
        attempts INTEGER NOT NULL DEFAULT 0,
        next_at TEXT NOT NULL,
        claimed_by TEXT,
        claimed_until TEXT,
        ended_at TEXT,
        reference TEXT,
        UNIQUE (alert_id, channel)
    )
    """,
    "CREATE INDEX alert_deliveries_waiting ON alert_deliveries (channel, next_at) WHERE state = 'waiting'",
    # What happened to messages and issues, for the question why somebody was told or not.
    """
    CREATE TABLE alert_ledger (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        alert_id INTEGER,
        issue_id INTEGER,
        channel TEXT,
        what TEXT NOT NULL,
        detail TEXT NOT NULL
    )
    """,
    "CREATE INDEX alert_ledger_alert ON alert_ledger (alert_id) WHERE alert_id IS NOT NULL",
    "CREATE INDEX alert_ledger_issue ON alert_ledger (issue_id) WHERE issue_id IS NOT NULL",
    "CREATE INDEX alert_ledger_at ON alert_ledger (at)",
    # What alerts want to find again: how channels are, a chat that has moved, the last run of a job.
    "CREATE TABLE alert_memory (key TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID",
)


@migrations()
def m004_alerts(db: Database) -> None:
    for statement in _ALERTS:
        db.execute(statement)


@migrations()
def m005_triage(db: Database) -> None:
    db.conn.create_function("user_hash", 2, stored_user_hash)
    for statement in TRIAGE:
        db.execute(statement)


_SOURCE_MAPS = (
    # The map last: who asks for the rest of a row does not read the pages it is on.
    """
    CREATE TABLE source_maps (
        release TEXT NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        stored_bytes INTEGER NOT NULL,
        uploaded_at TEXT NOT NULL,
        map BLOB NOT NULL,
        PRIMARY KEY (release, name)
    )
    """,
    # All that is asked of many of them at once.
    "CREATE INDEX source_maps_uploaded_at ON source_maps (uploaded_at, release, stored_bytes)",
)


@migrations()
def m006_source_maps(db: Database) -> None:
    for statement in _SOURCE_MAPS:
        db.execute(statement)


@migrations()
def m007_regroup(db: Database) -> None:
    for statement in REGROUP:
        db.execute(statement)


@migrations()
def m008_tallies(db: Database) -> None:
    for statement in TALLIES:
        db.execute(statement)
