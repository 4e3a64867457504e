"""C9: foreign files in the spool directory, and other processes in it.

Passes when: others untouched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_support import SHIP, Host, address, finish, free_port, line_of, stored
from levqor_errors.ids import uuid7
from spool_support import HEADER, LOG_AND_FLUSH, line, numbered, prepared, segment
from support import CollectorProcess, clean_environ, wait_until

StartCollector = Callable[..., CollectorProcess]
# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


def tree(directory: Path) -> dict[str, Any]:
    """Every file with its content, and everything else by its kind."""
    return {
        path.relative_to(directory).as_posix(): (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "directory"
        )
        for path in sorted(directory.rglob("*"))
    }


def check_untouched(host: Host, database: Path) -> None:
    before = tree(host.journal)
    ended = host.run(LOG_AND_FLUSH)
    host.ship()
    assert tree(host.journal) == before
    assert stored(database) == numbered(201)
    assert ended.stderr == ""
    assert not any(name.startswith("lost") for name in ended.stats)


def test_c9_foreign_files(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, start_collector().url)
    directory = prepared(host)
    foreign = ["notes.txt", ".hidden.jsonl", "set-aside.jsonl", "events.jsonl", "1-notes.txt", "4-four.jsonl", "0-"]
    for name in foreign:
        (directory / name).write_bytes(HEADER + line("not ours") + b"half a li")
    (directory / "folder").mkdir()
    (directory / "folder" / f"1-{uuid7()}.jsonl").write_bytes(HEADER + line("not ours"))
    (directory / "link").symlink_to("/etc/hostname")
    check_untouched(host, database)


def test_c9_foreign_files_with_names_like_ours(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    """A segment is named by its rank and a UUID, and by nothing else."""
    host = Host(tmp_path, start_collector().url)
    directory = prepared(host)
    for name in ("1-notes.jsonl", "0-2024-01-01.jsonl", "3-.jsonl", f"1-{uuid7()}.old.jsonl", f"2-x{uuid7()}.jsonl"):
        (directory / name).write_bytes(b'{"message": "a line of somebody\'s"}\n' * 2)
    check_untouched(host, database)


def test_c9_what_is_no_file(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    """Even under a segment's name: a folder, a pipe, a link to somebody's file, a link to nothing."""
    host = Host(tmp_path, start_collector().url)
    directory = prepared(host)
    secret = tmp_path / "somebody's"
    secret.write_bytes(HEADER + line("not ours"))
    (directory / f"0-{uuid7()}.jsonl").mkdir()
    os.mkfifo(directory / f"1-{uuid7()}.jsonl")
    (directory / f"1-{uuid7()}.jsonl").symlink_to(secret)
    (directory / f"2-{uuid7()}.jsonl").symlink_to(tmp_path / "nothing")
    before = sorted(directory.iterdir())
    ended = host.run(LOG_AND_FLUSH)
    assert sorted(directory.iterdir()) == before
    assert secret.read_bytes().endswith(b"}\n")
    assert stored(database) == numbered(201)
    assert ended.stderr == ""


def test_c9_open_segment_of_another_process(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    """Untouched while its owner lives, adopted after its death by whoever is there, without a call."""
    host = Host(tmp_path, start_collector().url)
    directory = prepared(host)
    path = segment(directory, HEADER + line("of another"), rank=0)
    content = path.read_bytes()
    owner = subprocess.Popen(
        ["flock", "--exclusive", "--no-fork", path, "sleep", "300"], env=clean_environ(), start_new_session=True
    )
    try:
        wait_until(lambda: is_locked(path))
        with host.started(
            """
shipper.SCAN_EVERY = 0.2
log_error("shop", "own")
assert flush(30)
# Several looks around later.
time.sleep(1)
print("looked", flush=True)
while stats()["delivered"] < 2:
    time.sleep(0.01)
"""
        ) as process:
            assert line_of(process) == "looked"
            assert stored(database) == Counter(["own"])
            assert path.read_bytes() == content
            owner.kill()
            owner.wait(30)
            assert finish(process).code == 0
    finally:
        owner.kill()
        owner.wait(30)
    assert stored(database) == Counter(["own", "of another"])
    assert host.segments() == []


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
    return False


def test_c9_many_shippers_of_one_directory(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    """They share the work, and do not do it twice."""
    port = free_port()
    host = Host(tmp_path, address(port))
    host.run("journal.SEGMENT_BYTES = 2000\nfor number in range(600):\n    log_error('shop', f'event {number}')")
    assert len(host.segments()) > 30
    start_collector(port=port)
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(host.started(SHIP)) for _ in range(4)]
        ended = [finish(process, 100) for process in processes]
    assert [one.code for one in ended] == [0] * 4, ended
    assert sum(one.stats["delivered"] for one in ended) == 600
    assert stored(database) == numbered(600)
    assert host.segments() == []
