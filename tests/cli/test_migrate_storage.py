"""`levqor-errors migrate-storage` as a real process: what it says, that it goes on after a kill, that it finds a
difference, and a real collector on what it made."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from levqor_errors.storage import open_storage
from postgres_support import PostgresDatabase
from support import COMMAND, CollectorProcess, Database, clean_environ, execute, owner, rows, run_command
from transfer_support import PASSWORD, NewDatabase, check_same, fill, many

WAYS = [("sqlite", "postgres"), ("postgres", "sqlite")]
MANY = 6_000


def address(database: Database) -> str:
    """As the command takes it; of a PostgreSQL database with a password, which this server does not ask for."""
    return str(database).replace("postgres:@", f"postgres:{PASSWORD}@")


@pytest.mark.sqlite  # The fixture below starts collectors on whatever it is given.
@pytest.mark.parametrize(("kind", "other"), WAYS)
def test_a_collector_goes_on_with_what_was_copied(
    new_database: NewDatabase, start_collector: Callable[..., CollectorProcess], kind: str, other: str
) -> None:
    source, target = new_database(kind), new_database(other)
    highest = fill(source)
    if isinstance(source, Path):
        source.with_name(f"{source.name}.secret").write_text("kept beside it")
    done = run_command("migrate-storage", address(source), address(target))
    assert (done.returncode, done.stderr) == (0, "")
    check_same(source, target)
    assert PASSWORD not in done.stdout
    assert "\x1b" not in done.stdout
    assert re.search(r"error_events to copy: (\d+) of \1 rows", done.stdout)
    assert re.search(r"^error_events +\d+ rows +[0-9a-f]{32}$", done.stdout, re.MULTILINE)
    assert ("DATABASE_PATH=" in done.stdout) is isinstance(target, Path)
    assert "INTERNAL_SECRET" in done.stdout
    assert (f"{source}.secret" in done.stdout) is isinstance(source, Path)
    # Once more: nothing is left to do.
    again = run_command("migrate-storage", address(source), address(target))
    assert again.returncode == 0, again.stderr
    assert "error_events to copy: 0 of 0 rows" in again.stdout
    ((stored,),) = rows(target, "SELECT event_id FROM error_events WHERE id = 1")
    collector = start_collector(target)
    for event_id, new in ((stored, False), (None, True)):
        answer = httpx.post(f"{collector.url}/api/errors/log", json={"message": "m", "event_id": event_id}).json()
        assert (answer["id"] > highest) is new
        assert (answer["id"] == 1) is not new
    with owner(collector.url) as api:
        assert api.get("/api/errors/recent", params={"q": "drop table issues"}).json()["count"] == 1


@pytest.mark.parametrize(("kind", "other"), WAYS)
def test_what_was_killed_goes_on_where_it_was(new_database: NewDatabase, kind: str, other: str) -> None:
    source = new_database(kind)
    many(source, MANY)
    for _ in range(5):
        target = new_database(other)
        if killed_midway(source, target):
            break
    else:
        pytest.fail("it was always done before it was killed")
    ((there,),) = rows(target, "SELECT COUNT(*) FROM error_events")
    assert 0 < there < MANY
    done = run_command("migrate-storage", str(source), str(target))
    assert done.returncode == 0, done.stderr
    assert f"error_events there already: {there:,} of {there:,} rows" in done.stdout
    assert f"error_events to copy: {MANY - there:,} of {MANY - there:,} rows" in done.stdout
    check_same(source, target)


def killed_midway(source: Database, target: Database) -> bool:
    """Whether a copy was killed in the middle of the events."""
    process = subprocess.Popen(
        [*COMMAND, "migrate-storage", str(source), str(target)],
        stdout=subprocess.PIPE, text=True, env=clean_environ(),
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("error_events to copy"):
                process.kill()
    return rows(target, "SELECT COUNT(*) FROM error_events") < [(MANY,)]


@pytest.mark.parametrize(("kind", "other"), WAYS)
def test_a_target_that_changes_what_it_is_given_is_found(new_database: NewDatabase, kind: str, other: str) -> None:
    source, target = new_database(kind), new_database(other)
    fill(source)
    with closing(open_storage(str(target))):
        pass
    if isinstance(target, PostgresDatabase):
        execute(
            target,
            "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN new.title := new.title || '!'; RETURN new; END $$;"
            "CREATE TRIGGER change BEFORE INSERT ON issues FOR EACH ROW WHEN (new.id = 5) EXECUTE FUNCTION change()",
        )
    else:
        execute(
            target,
            "CREATE TRIGGER change AFTER INSERT ON issues WHEN new.id = 5"
            " BEGIN UPDATE issues SET title = title || '!' WHERE id = 5; END",
        )
    done = run_command("migrate-storage", address(source), address(target))
    assert done.returncode == 1
    assert "TARGET is not the same as SOURCE, do not use it: issues (" in done.stderr
    assert "the first that differs: 5)" in done.stderr
    assert "Every row is there" not in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
