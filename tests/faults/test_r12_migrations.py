"""R12: several collectors migrate the same new database at once; upgrade from every released schema.

Passes when: one migrates, nothing lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlite_utils import Database as SqliteDatabase

from levqor_errors.errors import StorageUnusableError
from levqor_errors.storage import Filters, IssueQuery, open_storage
from levqor_errors.storage.postgres import schema as postgres_schema
from levqor_errors.storage.sqlite import schema as sqlite_schema
from postgres_support import PostgresServer
from storage_support import new_event
from support import CollectorProcess, Database, check_sound, event_ids, execute, rows

StartCollector = Callable[..., CollectorProcess]
SQLITE_STEPS = sorted(sqlite_schema.steps())
POSTGRES_STEPS = list(postgres_schema.STEPS)
#: Each kind of database, and how many steps an older version had.
OLDER = [
    (kind, number + 1)
    for kind, steps in (("sqlite", SQLITE_STEPS), ("postgres", POSTGRES_STEPS))
    for number in range(len(steps))
]


@pytest.fixture
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database in which there is nothing yet."""
    if request.param == "sqlite":
        return tmp_path / "new.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create()


@pytest.mark.sqlite
@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("new", ["sqlite", "postgres"], indirect=True)
def test_r12_collectors_that_start_at_once(start_collector: StartCollector, new: Database, number: int) -> None:
    with ThreadPoolExecutor(number) as pool:
        started = list(pool.map(lambda _: start_collector(new), range(number)))
    for number_of, collector in enumerate(started):
        answer = httpx.post(f"{collector.url}/api/errors/log", json={"message": f"to collector {number_of}"})
        assert answer.status_code == 201
        assert collector.terminate() == 0
    assert len(event_ids(new)) == number
    check_sound(new)


@pytest.mark.parametrize(("new", "steps"), OLDER, indirect=["new"])
def test_r12_upgrade_from_every_schema(new: Database, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version has left events there; this one adds to them, and finds both."""
    if isinstance(new, Path):
        with closing(SqliteDatabase(new)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            later = SQLITE_STEPS[steps:]
            sqlite_schema.migrations.apply(db, **({"stop_before": later[0]} if later else {}))
    else:
        with monkeypatch.context() as older:
            kept = {name: postgres_schema.STEPS[name] for name in POSTGRES_STEPS[:steps]}
            older.setattr(postgres_schema, "STEPS", kept)
            with psycopg.connect(str(new), autocommit=True) as connection:
                postgres_schema.migrate(connection)
                day = "FOR VALUES FROM ('2026-11-20') TO ('2026-11-21')"
                connection.execute(f"CREATE TABLE error_events_20261120 PARTITION OF error_events {day}")
        execute(new, "INSERT INTO event_keys VALUES ('01a20c9e-698a-7348-98b0-e995ed5c7416', 1)")
    at = "2026-11-20T10:00:00.000Z"
    execute(
        new,
        "INSERT INTO issues (fingerprint, grouping, title, service, first_seen, last_seen, count)"
        f" VALUES ('f', '[\"custom\", \"shop\", \"mine\"]', 'old', 'shop', '{at}', '{at}', 5)",
    )
    execute(
        new,
        "INSERT INTO error_events"
        " (id, created_at, source, service, severity, message, event_id, received_at, issue_id, release, user_email)"
        f" VALUES (1, '{at}', 'backend', 'shop', 'critical', 'old', '01a20c9e-698a-7348-98b0-e995ed5c7416', '{at}', 1,"
        " '1.0', 'anna@example.com')",
    )
    # Of five that were counted one is still there, and alone can tell its release.
    taken = (SQLITE_STEPS if isinstance(new, Path) else POSTGRES_STEPS)[:steps]
    named = (", environment, release", ", '', ''") if any("triage" in step for step in taken) else ("", "")
    execute(
        new,
        f"INSERT INTO event_counts (hour, service, source, severity, count{named[0]})"
        f" VALUES ('{at}', 'shop', 'backend', 'critical', 5{named[1]})",
    )
    if not isinstance(new, Path):
        execute(new, "SELECT setval('error_events_id', 1)")
    with closing(open_storage(str(new))) as storage:
        asyncio.run(storage.write([new_event("new", message="new")]))
        again = new_event("old", event_id="01a20c9e-698a-7348-98b0-e995ed5c7416")
        (retried,) = asyncio.run(storage.write([again]))
        assert getattr(retried, "duplicate", None) is True
        assert [event["message"] for event in storage.recent(Filters(), limit=10).errors] == ["new", "old"]
        assert storage.stats(Filters())["total"] == 6
        if not named[0]:
            assert storage.stats(Filters(release="1.0"))["total"] == 1
            shown = storage.issue(1, now="2026-11-20T11:00:00.000Z")
            assert shown is not None
            assert (shown["severity"], shown["users"], shown["count"]) == ("critical", 1, 5)
            assert sum(shown["sparkline"]["counts"]) == 1
            found = storage.issues(IssueQuery(q="ol"), now="2026-11-20T11:00:00.000Z").issues
            assert [issue["id"] for issue in found] == [1]
    if not any("regroup" in step for step in taken):
        # By which it can be told from the others if its issue is merged into another.
        assert rows(new, "SELECT grouping FROM error_events WHERE id = 1") == [('["custom", "shop", "mine"]',)]
    check_sound(new)


@pytest.mark.parametrize("new", ["sqlite", "postgres"], indirect=True)
def test_r12_a_schema_of_a_newer_version_is_refused_and_left_alone(new: Database) -> None:
    open_storage(str(new)).close()
    table = "_sqlite_migrations" if isinstance(new, Path) else "levqor_steps"
    if isinstance(new, Path):
        step = "('levqor_errors', 'm999_future', '2026-11-24')"
        execute(new, f"INSERT INTO {table} (migration_set, name, applied_at) VALUES {step}")
    else:
        execute(new, f"INSERT INTO {table} (name) VALUES ('m999_future')")
    before = rows(new, f"SELECT name FROM {table} ORDER BY 1")
    with pytest.raises(StorageUnusableError, match="newer version"):
        open_storage(str(new))
    assert rows(new, f"SELECT name FROM {table} ORDER BY 1") == before
