"""C9: spool directory read-only, full, missing, on another file system, deleted; foreign files in it.

Passes when: falls back to memory with one warning; others untouched. Torn lines and other damage: test_c9_damage.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_support import (
    SHIP,
    Exchange,
    FakeCollector,
    Host,
    address,
    finish,
    free_port,
    go_on,
    line_of,
    stored,
    told_losses,
)  # fmt: skip
from levqor_errors.ids import uuid7
from spool_support import HEADER, line, numbered, prepared, segment
from support import CollectorProcess, clean_environ, wait_until

StartCollector = Callable[..., CollectorProcess]
# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

WARNING = "events wait in memory"


# Nowhere to write ----------------------------------------------------------------------------------------------------

LOG_AND_FLUSH = """
for number in range(200):
    assert log_error("shop", f"event {number}", ("error", "info")[number % 2]) is not None
assert flush(30)
log_error("shop", "event 200")
delivered = flush(30)
print(json.dumps(stats()))
sys.exit(0 if delivered else "not delivered")
"""


def below_a_file(directory: Path) -> Path:
    (directory / "file").touch()
    return directory / "file" / "spool"


def in_proc(_: Path) -> Path:
    return Path("/proc/nowhere/spool")


def under_a_dangling_link(directory: Path) -> Path:
    (directory / "link").symlink_to(directory / "gone" / "spool")
    return directory / "link"


@pytest.mark.parametrize("place", [below_a_file, in_proc, under_a_dangling_link])
def test_c9_unwritable(
    start_collector: StartCollector, database: Path, tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    host = Host(tmp_path, start_collector().url, place(tmp_path))
    ended = host.run(LOG_AND_FLUSH)
    assert ended.stderr.count(WARNING) == 1
    assert len(ended.stderr.splitlines()) == 1
    assert stored(database) == numbered(201)
    assert ended.stats == {"recorded": 201, "delivered": 201, "waiting_bytes": 0}


def test_c9_memory_is_bounded_and_what_it_gives_up_is_told(
    start_collector: StartCollector, database: Path, tmp_path: Path
) -> None:
    port = free_port()
    host = Host(tmp_path, address(port), below_a_file(tmp_path))
    with host.started(
        """
for number in range(2500):
    log_error("shop", f"event {number}")
print("logged", flush=True)
sys.stdin.readline()
losses.FAILURES_EVERY = 0.0
sys.exit(0 if flush(60) and flush(20) and flush(20) else "not delivered")
"""
    ) as process:
        assert line_of(process) == "logged"
        start_collector(port=port)
        go_on(process)
        ended = finish(process)
    assert ended.code == 0, ended
    assert ended.stderr.count(WARNING) == 1
    # The latest are kept; the event that tells of the loss may need the place of one more.
    lost = told_losses(database)["memory_full"]
    assert 1500 <= lost <= 1502
    assert stored(database) == numbered(2500, first=lost)


# Full ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def tiny_file_system(directory: Path) -> Iterator[Path]:
    directory.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", directory], capture_output=True)
    if mount.returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


@contextlib.contextmanager
def bounded_files(directory: Path) -> Iterator[Path]:
    yield directory


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (tiny_file_system, ""),
        # A write past it is cut off and then fails with EFBIG, as one on a full disk does with ENOSPC.
        (bounded_files, "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"),
    ],
    ids=["tmpfs", "RLIMIT_FSIZE"],
)
def test_c9_full(
    start_collector: StartCollector,
    database: Path,
    tmp_path: Path,
    make: Callable[[Path], contextlib.AbstractContextManager[Path]],
    limit: str,
) -> None:
    port = free_port()
    with make(tmp_path / "spool") as spool:
        host = Host(tmp_path, address(port), spool)
        with host.started(
            limit
            + """
for number in range(200):
    assert log_error("shop", f"event {number} {'x' * 700}", ("error", "info")[number % 2]) is not None
print("logged", flush=True)
sys.stdin.readline()
delivered = flush(30)
log_error("shop", "there is room again")
print(*os.listdir(current_client().journal.directory), flush=True)
delivered = flush(30) and delivered
sys.exit(0 if delivered else "not delivered")
"""
        ) as process:
            assert line_of(process) == "logged"
            # Some are in the journal, as far as it goes, and each of them whole.
            assert 10 < len(host.waiting()) < 190
            start_collector(port=port)
            go_on(process)
            # Delivered segments are gone, so that the journal is in use again.
            assert line_of(process).startswith("1-")
            ended = finish(process)
        assert ended.code == 0, ended
        assert ended.stderr.count(WARNING) == 1
        assert Counter(message.split(" x")[0] for message in stored(database).elements()) == (
            numbered(200) + Counter(["there is room again"])
        )
        assert told_losses(database) == Counter()
        assert host.segments() == []


# Deleted -------------------------------------------------------------------------------------------------------------


def test_c9_deleted_between_events(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, start_collector().url)
    ended = host.run(
        """
import shutil
for number in range(3):
    log_error("shop", f"event {number}")
    assert flush(30)
    shutil.rmtree(current_client().settings.spool_dir)
"""
    )
    assert ended.stderr == ""
    assert stored(database) == numbered(3)


@pytest.mark.parametrize("end", ["flush", "exit"])
def test_c9_deleted_under_open_segments(
    start_collector: StartCollector, database: Path, tmp_path: Path, end: str
) -> None:
    """What was in the files is gone with them, if that is what somebody wants; what is logged after it must not be,
    whether this process delivers it or the next one."""
    port = free_port()
    host = Host(tmp_path, address(port))
    with host.started(
        """
import shutil
for number in range(50):
    log_error("shop", f"before {number}")
shutil.rmtree(current_client().settings.spool_dir)
for number in range(50):
    log_error("shop", f"event {number}")
print("deleted", flush=True)
sys.stdin.readline()
sys.exit(0 if sys.argv[1] == "exit" or flush(30) else "not delivered")
""",
        end,
    ) as process:
        assert line_of(process) == "deleted"
        if end == "flush":
            start_collector(port=port)
        go_on(process)
        ended = finish(process)
    assert ended.code == 0, ended
    if end == "exit":
        start_collector(port=port)
        host.ship()
    arrived = stored(database)
    assert not numbered(50) - arrived
    assert set(arrived.values()) == {1}


def test_c9_deleted_and_killed(tmp_path: Path) -> None:
    """No exit handler runs: it is the shipper that finds out, though it may be long until it tries again."""
    with FakeCollector(lambda exchange: exchange.answer(429, Retry_After="300")) as collector:
        host = Host(tmp_path, collector.url)
        with host.started(
            """
import shutil
shipper.SCAN_EVERY = 0.05
log_error("shop", "first")
sys.stdin.readline()
log_error("shop", "before")
shutil.rmtree(current_client().settings.spool_dir)
for number in range(50):
    log_error("shop", f"event {number}")
sys.stdin.readline()
"""
        ) as process:
            wait_until(lambda: collector.answered)
            go_on(process)
            wait_until(lambda: not numbered(50) - Counter(host.waiting()))
            process.kill()
        assert len(collector.arrived) == 1
        collector.behaviour = Exchange.take
        host.ship()
        arrived = collector.messages()
    assert not numbered(50) - arrived
    assert set(arrived.values()) == {1}


# Foreign files -------------------------------------------------------------------------------------------------------


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


# Others' segments ----------------------------------------------------------------------------------------------------


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


# Modes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o022, 0o000, 0o077], ids=["022", "000", "077"])
def test_c9_modes(tmp_path: Path, mask: int) -> None:
    """Messages are nobody else's business, whatever the process's umask. Daemons often have none."""
    with FakeCollector(lambda exchange: exchange.answer(400, {"ok": False})) as collector:
        host = Host(tmp_path, collector.url, tmp_path / "state" / "spool")
        host.run(
            f"os.umask({mask})\nlog_error('shop', 'refused')\nassert flush(30)\n"
            "journal.Journal.rotate = lambda self: None\nlog_error('shop', 'kept')\nos._exit(0)"
        )
        files = sorted(host.journal.iterdir())
        assert len(host.segments()) == 1
        assert len(host.set_aside()) >= 1
    assert {f"{path.stat().st_mode & 0o777:o}" for path in files} == {"600"}
    assert f"{host.journal.stat().st_mode & 0o777:o}" == "700"
    # Nobody else may put another directory in its place.
    assert f"{host.spool.stat().st_mode & 0o022:o}" == "0"
