"""C1: `log_error()` 10,000 times in a tight loop, collector up.

Passes when: 10,000 distinct events stored, once each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from host_support import Host, finish, go_on, line_of, stored
from support import CollectorProcess, event_ids, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

EVENTS = 10_000
BURST = f"""
taken = [log_error("shop", f"event {{number}}") for number in range({EVENTS})]
"""
ALL = Counter(f"event {number}" for number in range(EVENTS))


def test_c1_burst_and_flush(start_collector: Callable[..., CollectorProcess], database: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, start_collector().url)
    ended = host.run(
        BURST
        + """
delivered = flush(60)
print(*taken)
print(json.dumps(stats()))
sys.exit(0 if delivered else "not delivered")
"""
    )
    taken = ended.stdout.splitlines()[0].split()
    assert len(set(taken)) == EVENTS
    # By the ids that the host was given, and not only by their number.
    assert sorted(event_ids(database)) == sorted(taken)
    assert stored(database) == ALL
    counts = ended.stats
    assert counts == {"recorded": EVENTS, "delivered": EVENTS, "waiting_bytes": 0}
    assert host.segments() == []


def test_c1_burst_and_exit(start_collector: Callable[..., CollectorProcess], database: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, start_collector().url)
    host.run(BURST + "assert None not in taken")
    # The end of a process waits for a moment only. What it did not deliver in that time is the next one's.
    host.ship()
    assert stored(database) == ALL
    assert host.segments() == []


def test_c1_burst_of_many_threads_and_severities(
    start_collector: Callable[..., CollectorProcess], database: Path, tmp_path: Path
) -> None:
    host = Host(tmp_path, start_collector().url)
    ended = host.run(
        """
def burst(thread):
    for number in range(625):
        log_error("shop", f"event {thread} {number}", ("info", "warning", "error", "critical")[number % 4])

threads = [threading.Thread(target=burst, args=(thread,)) for thread in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
        + "delivered = flush(60)\nprint(json.dumps(stats()))\nsys.exit(0 if delivered else 'not delivered')"
    )
    assert stored(database) == Counter(f"event {thread} {number}" for thread in range(16) for number in range(625))
    assert ended.stats == {"recorded": 10_000, "delivered": 10_000, "waiting_bytes": 0}


def test_c1_flush_ends_while_others_go_on_logging(
    start_collector: Callable[..., CollectorProcess], database: Path, tmp_path: Path
) -> None:
    """It waits for what was logged before it, not for a moment in which nobody logs."""
    host = Host(tmp_path, start_collector().url)
    host.run(
        """
def chatter():
    while not done.wait(0.0005):
        log_error("chatter", "another")

done = threading.Event()
threads = [threading.Thread(target=chatter) for _ in range(4)]
for thread in threads:
    thread.start()
log_error("shop", "mine")
delivered = flush(20)
done.set()
for thread in threads:
    thread.join()
sys.exit(0 if delivered else "flush() did not see that it was delivered")
"""
    )
    assert stored(database)["mine"] == 1


def test_c1_first_events_of_many_threads(
    start_collector: Callable[..., CollectorProcess], database: Path, tmp_path: Path
) -> None:
    """All of them find that there is no client yet; the events of all of them are delivered while the process lives."""
    host = Host(tmp_path, start_collector().url)
    with host.started(
        """
from levqor_errors.client import api

def first(start, thread):
    barrier.wait()
    log_error("shop", f"event {start} {thread}")

sys.setswitchinterval(1e-6)
for start in range(40):
    # As at the start of a process.
    api._clients.clear()
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=first, args=(start, thread)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flush(20)
print("flushed", flush=True)
sys.stdin.readline()
"""
    ) as process:
        assert line_of(process) == "flushed"
        assert stored(database) == Counter(f"event {start} {thread}" for start in range(40) for thread in range(4))
        assert host.segments() == []
        go_on(process)
        assert finish(process).code == 0


def test_c1_init_while_others_log(
    start_collector: Callable[..., CollectorProcess], database: Path, tmp_path: Path
) -> None:
    """An event that is on its way into the client before is delivered too, and not only after the process's end."""
    host = Host(tmp_path, start_collector().url)
    with host.started(
        """
def chatter(thread):
    number = 0
    while not done.is_set():
        log_error("shop", f"event {thread} {number}")
        number += 1
        time.sleep(0.0002)
    counts.append(number)

sys.setswitchinterval(1e-6)
init(service="shop")
counts, done = [], threading.Event()
threads = [threading.Thread(target=chatter, args=(thread,)) for thread in range(4)]
for thread in threads:
    thread.start()
for _ in range(60):
    time.sleep(0.003)
    init(service="shop")
done.set()
for thread in threads:
    thread.join()
print(sum(counts), flush=True)
assert flush(20)
sys.stdin.readline()
"""
    ) as process:
        count = int(line_of(process))
        wait_until(lambda: stored(database).total() >= count)
        arrived = stored(database)
        assert set(arrived.values()) == {1}
        assert arrived.total() == count
        wait_until(lambda: host.segments() == [])
        go_on(process)
        assert finish(process).code == 0
