"""C9: spool directory read-only, full, missing, on another file system, deleted.

Passes when: falls back to memory with one warning. Foreign files: test_c9_foreign.py; torn lines and other damage:
test_c9_damage.py.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host_support import Exchange, FakeCollector, Host, address, finish, free_port, go_on, line_of, stored, told_losses
from spool_support import LOG_AND_FLUSH, numbered
from support import CollectorProcess, wait_until

StartCollector = Callable[..., CollectorProcess]
# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

WARNING = "events wait in memory"


# Nowhere to write ----------------------------------------------------------------------------------------------------


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
