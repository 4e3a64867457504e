"""C3: collector down for an hour of simulated load, ten processes, one spool directory.

Passes when: delivered up to the spool's cap; past it the oldest of the lowest severity go first, counted, and the
count reaches the collector.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from host_support import Exchange, FakeCollector, Host, address, finish, free_port, go_on, line_of, stored, told_losses
from support import CollectorProcess

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

StartCollector = Callable[..., CollectorProcess]

PROCESSES = 10
SEGMENT_BYTES = 32 * 1024
CAP = 3 * 1024 * 1024
#: Open segments are not given up: each process has at most one of each severity, and one line more than its size.
OPEN = PROCESSES * 4 * (SEGMENT_BYTES + 2048)

#: A small spool with small segments; losses are told whenever something is delivered.
SMALL = f"""
journal.SEGMENT_BYTES = {SEGMENT_BYTES}
losses.FAILURES_EVERY = 0.0
current_client().journal._most_bytes = {CAP}
"""
LOAD = (
    SMALL
    + """
SEVERITIES = "critical error error error warning warning warning info info info".split()
for number in range(1000):
    severity = SEVERITIES[number % 10]
    log_error("shop", f"{severity} {sys.argv[1]} {number} {'x' * 800}", severity)
print("written", flush=True)
sys.stdin.readline()
delivered = [flush(60) for _ in range(3)]
print(json.dumps(stats()))
sys.exit(0 if all(delivered) else "not delivered")
"""
)


def by_severity(messages: Counter[str]) -> Counter[str]:
    return Counter(message.split()[0] for message in messages.elements())


def test_c3_ten_processes_beyond_the_cap(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    port = free_port()
    host = Host(tmp_path, address(port))
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(host.started(LOAD, number)) for number in range(PROCESSES)]
        for process in processes:
            assert line_of(process) == "written"
        # Full, or it was no test, and not more than full.
        size = sum(path.stat().st_size for path in host.segments())
        assert CAP * 0.9 < size <= CAP + OPEN
        start_collector(port=port)
        for process in processes:
            go_on(process)
        ended = [finish(process, 100) for process in processes]
    assert [one.code for one in ended] == [0] * PROCESSES, ended
    host.ship()

    arrived = stored(database)
    recorded = sum(one.stats["recorded"] for one in ended)
    lost = told_losses(database)
    assert recorded == PROCESSES * 1000
    assert set(arrived.values()) == {1}
    assert set(lost) == {"spool_full"}
    assert arrived.total() + lost["spool_full"] == recorded
    # One that was through before the directory was full has lost nothing.
    assert lost["spool_full"] == sum(one.stats.get("lost_spool_full", 0) for one in ended)
    # All critical ones fit, so they are all there; of the others the lesser were given up first.
    arrived_by = by_severity(arrived)
    assert arrived_by["critical"] == PROCESSES * 100
    assert arrived_by["info"] < arrived_by["error"]
    assert arrived_by["warning"] < arrived_by["error"]
    assert host.segments() == []


#: One process, in one go, each severity in turn, so that it is known which segments are the oldest: six megabytes of
#: which less than half fits.
IN_TURN = (
    SMALL
    + """
current_client().journal._most_bytes = 2_500_000
for severity in sys.argv[1:] or "error critical info warning info error".split():
    for number in range(1000):
        log_error("shop", f"{severity} {number} {'x' * 800}", severity)
"""
)


def test_c3_the_oldest_of_the_lowest_severity_go_first(
    start_collector: StartCollector, database: Path, tmp_path: Path
) -> None:
    port = free_port()
    host = Host(tmp_path, address(port))
    with host.started(IN_TURN + "print('written', flush=True)\nsys.stdin.readline()\nflush(60)\nflush(60)") as process:
        assert line_of(process) == "written"
        start_collector(port=port)
        go_on(process)
        assert finish(process).code == 0
    arrived = Counter(" ".join(message.split()[:2]) for message in stored(database).elements())
    assert arrived.total() + told_losses(database)["spool_full"] == 6_000

    # What is least severe is gone but for the segment that was open, and what is most severe is all there, whenever it
    # came.
    counts = by_severity(arrived)
    per_segment = SEGMENT_BYTES // 800
    assert all(arrived[f"critical {number}"] == 1 for number in range(1000))
    assert 0 < counts["info"] <= per_segment
    assert 0 < counts["warning"] <= per_segment
    assert 1000 < counts["error"] < 2000
    # Of the errors it is the first that are gone: what is left of the first thousand is their end, and the second
    # thousand are all there.
    twice = [number for number in range(1000) if arrived[f"error {number}"] == 2]
    assert twice == list(range(1000 - len(twice), 1000))
    assert all(arrived[f"error {number}"] >= 1 for number in range(1000))


@pytest.mark.parametrize("severities", [[], ["error"] * 6, ["critical"] * 5 + ["info"]])
def test_c3_the_count_outlives_its_process(
    start_collector: StartCollector, database: Path, tmp_path: Path, severities: list[str]
) -> None:
    """A process that gave events up ends before the collector is back; the next one tells of its losses. There is room
    for that, even if all that is there is more severe."""
    port = free_port()
    host = Host(tmp_path, address(port))
    host.run(IN_TURN, *severities)
    start_collector(port=port)
    host.ship()
    lost = told_losses(database)["spool_full"]
    assert lost > 0
    assert stored(database).total() + lost == 6_000


def test_c3_the_count_outlives_a_process_that_cannot_tell(tmp_path: Path) -> None:
    """The same with a collector that hangs, and so with a shipper that is in the middle of a request at the end."""
    with FakeCollector(Exchange.hang) as collector:
        host = Host(tmp_path, collector.url)
        host.run(IN_TURN)
        collector.behaviour = Exchange.take
        host.ship()
        lost = collector.told_losses()["spool_full"]
        assert lost > 0
        assert collector.messages().total() + lost == 6_000
