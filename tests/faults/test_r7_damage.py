"""R7: truncated `-wal`, flipped bytes, a file that is no database, a schema from the future.

Passes when: a clear refusal; never silently recreated.

A log that was cut off is the one that SQLite repairs by itself: what lies before the cut is there, and no more is said.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from levqor_errors.ids import uuid7
from support import CollectorProcess, event_ids, owner, rows, run_command, wait_until

pytestmark = pytest.mark.sqlite

LOG = "/api/errors/log"
PAGE = 4096
StartCollector = Callable[..., CollectorProcess]


def post(collector: CollectorProcess, number: int, **fields: Any) -> list[str]:
    """Post events one by one; returns their ids in the order of their commits."""
    sent = [uuid7() for _ in range(number)]
    with httpx.Client(base_url=collector.url, timeout=30) as client:
        for event_id in sent:
            answer = client.post(LOG, json={"event_id": event_id, "message": "kept", **fields})
            assert answer.status_code == 201
    return sent


def files(database: Path) -> dict[str, bytes]:
    """The database as it lies there. `-shm` and an empty `-wal` hold no data, and come and go with every reader."""
    found = {path.name: path.read_bytes() for path in database.parent.glob(f"{database.name}*") if path.is_file()}
    return {name: content for name, content in found.items() if content and not name.endswith("-shm")}


def refusal(database: Path) -> str:
    """Start a collector that must refuse; returns its one line. The files stay as they were, to the byte."""
    before = files(database)
    done: subprocess.CompletedProcess[str] = run_command(
        "collector", "--port", "0", "--database", str(database), INTERNAL_SECRET="a-secret-for-tests"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("levqor-errors: ")
    assert database.name in line
    assert files(database) == before
    return line


def flip(database: Path, offset: int, number: int = 1) -> None:
    content = bytearray(database.read_bytes())
    for position in range(offset, offset + number):
        content[position] ^= 0xFF
    database.write_bytes(content)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of some hundred pages, closed in good order."""
    path = tmp_path_factory.mktemp("filled") / "levqor.db"
    collector = CollectorProcess(path)
    try:
        events = [{"message": f"number {number}", "stack": "at line\n" * 300} for number in range(300)]
        assert httpx.post(f"{collector.url}{LOG}", json=events, timeout=30).json()["accepted"] == 300
        assert collector.terminate() == 0
    finally:
        collector.close()
    return path


@pytest.fixture
def damaged(filled: Path, database: Path) -> Path:
    """A copy to be damaged."""
    shutil.copy(filled, database)
    return database


def root_page(database: Path, name: str) -> int:
    ((page,),) = rows(database, "SELECT rootpage FROM sqlite_master WHERE name = ?", [name])
    return int(page)


@pytest.mark.parametrize(
    "content", [b"not a database at all\n" * 300, b"\0" * 8192, b"SQLite format 3\0" + b"\x07" * 900]
)
def test_r7_a_file_that_is_no_database(database: Path, content: bytes) -> None:
    database.write_bytes(content)
    assert "is not an SQLite database" in refusal(database)


@pytest.mark.parametrize("offset", [0, 15, 16, 18, 47])
def test_r7_flipped_bytes_in_the_header(damaged: Path, offset: int) -> None:
    flip(damaged, offset)
    line = refusal(damaged)
    assert re.search("is damaged|is not an SQLite database|cannot be (used|opened for writing)", line), line


@pytest.mark.parametrize("name", ["error_events", "error_events_received_at", "issues", "event_counts"])
def test_r7_flipped_bytes_in_the_root_of_a_table(damaged: Path, name: str) -> None:
    flip(damaged, (root_page(damaged, name) - 1) * PAGE, 8)
    assert "is damaged; restore a backup" in refusal(damaged)


def test_r7_flipped_bytes_somewhere_in_the_middle(damaged: Path) -> None:
    pages = damaged.stat().st_size // PAGE
    for page in range(pages // 2, pages // 2 + 20):
        flip(damaged, page * PAGE, 12)
    assert "is damaged; restore a backup" in refusal(damaged)


def test_r7_a_file_cut_off(damaged: Path) -> None:
    with damaged.open("r+b") as file:
        file.truncate(damaged.stat().st_size // 2)
    assert "is damaged; restore a backup" in refusal(damaged)


def test_r7_damage_with_a_log_beside_it(damaged: Path, start_collector: StartCollector) -> None:
    """A connection that could write would copy the log into the damaged file when it closes, and delete the log."""
    collector = start_collector(damaged)
    post(collector, 5)
    collector.kill()
    flip(damaged, (root_page(damaged, "error_events_received_at") - 1) * PAGE, 8)
    # What the log has anew of a page hides what was done to it in the file; these pages are older.
    for page in range(50, 70):
        flip(damaged, page * PAGE, 12)
    assert Path(f"{damaged}-wal").stat().st_size > 0
    assert "is damaged; restore a backup" in refusal(damaged)


def test_r7_a_schema_from_the_future(damaged: Path) -> None:
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('levqor_errors', 'm999_more', '')"
        )
    line = refusal(damaged)
    assert "newer version of levqor-errors (it has m999_more)" in line


@pytest.mark.parametrize("table", ["error_events", "bookmarks"])
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_r7_another_programs_database(database: Path, table: str, mode: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, mine TEXT)")
        connection.execute(f"INSERT INTO {table} (mine) VALUES ('dear to somebody')")
    assert f"another program's database (it has a table {table})" in refusal(database)
    assert rows(database, f"SELECT mine FROM {table}") == [("dear to somebody",)]
    assert rows(database, "PRAGMA journal_mode") == [(mode,)]


def test_r7_a_directory_and_a_place_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "levqor.db").mkdir()
    assert "is a directory" in refusal(tmp_path / "levqor.db")
    assert "its directory does not exist" in refusal(tmp_path / "nowhere" / "levqor.db")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[str]]:
    """A database whose collector was killed: the first events are in the file, the later ones in the log alone."""
    path = tmp_path_factory.mktemp("killed") / "levqor.db"
    collector = CollectorProcess(path)
    try:
        in_file = post(collector, 20)
        assert collector.terminate() == 0
    finally:
        collector.close()
    collector = CollectorProcess(path)
    try:
        in_log = post(collector, 20)
        collector.kill()
    finally:
        collector.close()
    assert Path(f"{path}-wal").stat().st_size > 20 * PAGE
    return path, in_file, in_log


@pytest.mark.parametrize("damage", ["cut at 0", "cut at 20", "cut at half", "cut before the end", "flipped", "removed"])
def test_r7_a_truncated_log_loses_its_tail_only(
    killed: tuple[Path, list[str], list[str]], database: Path, start_collector: StartCollector, damage: str
) -> None:
    source, in_file, in_log = killed
    log = Path(f"{source}-wal").read_bytes()
    shutil.copy(source, database)
    left = Path(f"{database}-wal")
    if damage == "flipped":
        left.write_bytes(log)
        flip(left, len(log) // 2, 4)
    elif damage != "removed":
        ends = {"cut at 0": 0, "cut at 20": 20, "cut at half": len(log) // 2, "cut before the end": len(log) - 100}
        left.write_bytes(log[: ends[damage]])

    collector = start_collector()
    stored = event_ids(database)
    assert stored[:20] == in_file
    # Whole commits, in their order, without a gap.
    assert stored[20:] == in_log[: len(stored) - 20]
    if damage in ("cut at half", "flipped", "cut before the end"):
        assert 0 < len(stored) - 20 < 20
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(database, "SELECT SUM(count) FROM event_counts") == [(len(stored),)]
    assert rows(database, "SELECT SUM(count) FROM issues") == [(len(stored),)]
    # And on it goes; what is sent again is taken.
    with httpx.Client(base_url=collector.url, timeout=30) as client:
        for event_id in in_log:
            assert client.post(LOG, json={"event_id": event_id, "message": "kept"}).status_code in (200, 201)
    assert collector.terminate() == 0
    assert event_ids(database) == in_file + in_log


def test_r7_damage_while_it_runs_is_said_once_and_to_everybody_who_asks(
    damaged: Path, start_collector: StartCollector
) -> None:
    collector = start_collector(damaged)
    (root,) = {root_page(damaged, "error_events")}
    table = range(root + 60, damaged.stat().st_size // PAGE - 1)
    for page in table:
        flip(damaged, page * PAGE, 16)
    with owner(collector.url) as client:
        for _ in range(10):
            answer = client.get("/api/errors/recent", params={"limit": 500})
            assert answer.status_code == 503
            assert answer.json() == {"ok": False, "error": "the database is damaged; restore a backup"}
            assert int(answer.headers["Retry-After"]) > 0
        # What it tells there may be a second old.
        wait_until(lambda: "The database is damaged; restore a backup." in client.get("/healthz").json()["warnings"])
    wait_until(lambda: "the database is damaged, restore a backup" in collector.output)
    assert collector.output.count("the database is damaged, restore a backup") == 1
    assert "Traceback" not in collector.output
    collector.kill()


def test_r7_a_broken_text_in_an_event_is_damage_too(damaged: Path, start_collector: StartCollector) -> None:
    """SQLite has no checksums: it sees damage in its own structure, and gives out a broken text as it is."""
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute("UPDATE error_events SET context = '{\"half\": ' WHERE id = 1")
        connection.execute("UPDATE error_events SET service = CAST(X'C3' AS TEXT) WHERE id = 2")
    collector = start_collector(damaged)
    with owner(collector.url) as client:
        for id_ in (1, 2):
            answer = client.get(f"/api/errors/{id_}")
            assert (answer.status_code, "damaged" in answer.text) == (503, True)
        assert client.get("/api/errors/3").status_code == 200
    collector.terminate()
    assert "Traceback" not in collector.output
