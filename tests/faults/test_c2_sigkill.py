"""C2: the same, then SIGKILL of the host at once, collector down; later another process starts.

Passes when: all 10,000 arrive, once each.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from host_support import Host, address, free_port, stored, told_losses
from support import CollectorProcess

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

StartCollector = Callable[..., CollectorProcess]

DIE = """
for number in range(int(sys.argv[1])):
    log_error("shop", f"event {number}", ("error", "info", "critical", "warning")[number % int(sys.argv[2])])
os.kill(os.getpid(), signal.SIGKILL)
"""


def numbered(count: int) -> Counter[str]:
    return Counter(f"event {number}" for number in range(count))


def test_c2_sigkill_at_once(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    port = free_port()
    host = Host(tmp_path, address(port))
    host.run(DIE, 10_000, 1, code=-signal.SIGKILL)
    # Before anybody ships them: they are on the disk.
    assert Counter(host.waiting()) == numbered(10_000)

    start_collector(port=port)
    assert host.ship()["delivered"] == 10_000
    assert stored(database) == numbered(10_000)
    assert host.segments() == []


def test_c2_the_next_process_ships_beside_its_own(
    start_collector: StartCollector, database: Path, tmp_path: Path
) -> None:
    """It takes no call for that: a service that starts again and logs something is enough."""
    port = free_port()
    host = Host(tmp_path, address(port))
    for _ in range(3):
        host.run(DIE, 400, 4, code=-signal.SIGKILL)
    start_collector(port=port)
    host.run(
        """
log_error("shop", "started again")
while stats()["waiting_bytes"] or stats()["delivered"] < 1201:
    time.sleep(0.01)
"""
    )
    assert stored(database) == Counter(dict.fromkeys(numbered(400), 3) | {"started again": 1})
    assert told_losses(database) == Counter()


def test_c2_torn_last_line_is_set_aside_and_counted(
    start_collector: StartCollector, database: Path, tmp_path: Path
) -> None:
    port = free_port()
    host = Host(tmp_path, address(port))
    host.run(DIE, 400, 4, code=-signal.SIGKILL)
    # One of its four files, as if the power had gone while a line was on its way to the disk.
    segment = host.segments()[1]
    line = segment.read_bytes().splitlines()[-1].replace(b'"event ', b'"half event ')
    half = line[: len(line) // 2]
    with segment.open("ab") as file:
        file.write(half)

    start_collector(port=port)
    counts = host.ship()
    assert stored(database) == numbered(400)
    assert counts["lost_torn"] == 1
    assert told_losses(database) == Counter(torn=1)
    assert host.set_aside() == [half]
    assert host.segments() == []


def test_c2_killed_while_it_delivers(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    """Again and again, at any moment of a delivery: what was sent twice is stored once."""
    collector = start_collector()
    host = Host(tmp_path, collector.url)
    for life in range(6):
        with host.started(
            """
for number in range(1000):
    log_error("shop", f"event {sys.argv[1]} {number}")
# Somewhere between the first answer and the last.
while stats()["delivered"] < 500 * (int(sys.argv[1]) % 3):
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGKILL)
""",
            life,
        ) as process:
            assert process.wait(60) == -signal.SIGKILL
    host.ship()
    assert stored(database) == Counter(f"event {life} {number}" for life in range(6) for number in range(1000))
    assert host.segments() == []


def test_c2_sees_an_event_that_is_not_on_the_disk(
    start_collector: StartCollector, database: Path, tmp_path: Path
) -> None:
    """The protection switched off, events kept in memory: these tests can fail."""
    port = free_port()
    host = Host(tmp_path, address(port))
    host.run(
        "journal.Journal.append = lambda self, rank, line: self._memory.append(line)" + DIE,
        400,
        1,
        code=-signal.SIGKILL,
    )
    start_collector(port=port)
    host.ship()
    assert stored(database) == Counter()
