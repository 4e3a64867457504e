"""C5: fork after init (multiprocessing, gunicorn prefork, `os.fork` with a busy shipper thread).

Passes when: no deadlock, child and parent both deliver, nothing twice.

A child that hangs is ended by its own alarm, which its exit code shows.
"""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from host_support import Exchange, FakeCollector, Host, address, finish, free_port, go_on, line_of, stored
from support import CollectorProcess, rows, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

StartCollector = Callable[..., CollectorProcess]

#: `fork(child)` runs a function in a child, which ends by itself or by its alarm; `codes()` waits for all children.
FORK = """
children = []

def fork(child, *arguments):
    pid = os.fork()
    if pid:
        children.append(pid)
        return
    signal.alarm(30)
    code = 99
    try:
        code = child(*arguments)
    finally:
        os._exit(code)

def codes():
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
"""


def messages(prefix: str, count: int) -> Counter[str]:
    return Counter(f"{prefix} {number}" for number in range(count))


def children(count: int, events: int) -> Counter[str]:
    return sum((messages(f"child {child}", events) for child in range(count)), Counter[str]())


BUSY = (
    FORK
    + """
def chatter():
    number = 0
    while not done.wait(0.0005):
        log_error(None, f"parent {number}", ("error", "info", "critical")[number % 3])
        number += 1
    print(number)

def child(number):
    for event in range(10):
        log_error(None, f"child {number} {event}", ("error", "critical")[event % 2])
    # Some deliver by themselves, some leave all of it to others.
    return 0 if number % 2 or flush(20) else 3

init(service="busy")
done = threading.Event()
thread = threading.Thread(target=chatter)
thread.start()
while stats()["delivered"] == 0:
    time.sleep(0.005)
for number in range(20):
    fork(child, number)
    time.sleep(0.01)
ended = codes()
done.set()
thread.join()
assert ended == [0] * 20, ended
sys.exit(0 if flush(30) else "not delivered")
"""
)


def test_c5_fork_with_a_busy_shipper(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, start_collector().url)
    ended = host.run(BUSY)
    host.ship()
    assert stored(database) == children(20, 10) + messages("parent", int(ended.stdout))
    assert host.segments() == []


def test_c5_nothing_is_sent_twice(tmp_path: Path) -> None:
    """Not even to be thrown away by the collector: a child does not deliver what its parent is delivering."""
    with FakeCollector() as collector:
        host = Host(tmp_path, collector.url)
        ended = host.run(BUSY)
        host.ship()
        assert collector.messages() == children(20, 10) + messages("parent", int(ended.stdout))


def test_c5_fork_at_any_moment_of_the_first_delivery(
    start_collector: StartCollector, database: Path, tmp_path: Path
) -> None:
    """A server logs its start and forks at once, while the shipper's thread is still importing what it needs. What a
    thread was importing at a fork is locked for ever in the child, for the host's own imports as well."""
    host = Host(tmp_path, start_collector().url)
    host.run(
        FORK
        + """
def child(number):
    log_error(None, f"child {number} 0")
    if not flush(15):
        return 3
    # The host's own, which the client must not be in the way of.
    import httpx, gzip, linecache, random, tokenize
    return 0

log_error(None, "parent 0")
for number in range(16):
    fork(child, number)
    time.sleep(0.015)
ended = codes()
assert ended == [0] * 16, ended
sys.exit(0 if flush(30) else "not delivered")
"""
    )
    assert stored(database) == children(16, 1) + messages("parent", 1)


def test_c5_prefork_server(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    """As gunicorn does: the master sets the client up and logs, the workers live long and end with `os._exit`."""
    host = Host(tmp_path, start_collector().url)
    workers = 4
    with host.started(
        FORK
        + """
def worker(number):
    for event in range(50):
        log_error(None, f"child {number} {event}")
        if event % 10 == 0:
            time.sleep(0.05)
    if not flush(20):
        return 3
    os.write(1, b"worker delivered its own" + os.linesep.encode())
    os.read(0, 1)
    # What is logged last is the master's to deliver: there is no atexit after os._exit.
    for event in range(50, 60):
        log_error(None, f"child {number} {event}")
    return 0

init(service="prefork")
shipper.SCAN_EVERY = 0.5
for event in range(50):
    log_error(None, f"parent {event}")
for number in range(4):
    fork(worker, number)
ended = codes()
for event in range(50, 60):
    log_error(None, f"parent {event}")
assert ended == [0] * 4, ended
delivered = flush(30)
print(stats()["recorded"])
sys.exit(0 if delivered else "not delivered")
"""
    ) as process:
        for _ in range(workers):
            assert line_of(process) == "worker delivered its own"
        # Not at some end, but while all of them live: what a process has open, nobody else can deliver.
        wait_until(lambda: stored(database) == children(workers, 50) + messages("parent", 50))
        for _ in range(workers):
            go_on(process)
        ended = finish(process)
    assert ended.code == 0, ended
    # A child's events are counted by the child.
    assert ended.stdout.split() == ["60"]
    assert stored(database) == children(workers, 60) + messages("parent", 60)
    # Each event says which process it is of, and that is the child and not its parent.
    processes = rows(
        database,
        "SELECT CASE WHEN message LIKE 'child%' THEN substr(message, 1, 7) ELSE 'parent' END, "
        "json_extract(context, '$.process.pid') FROM error_events GROUP BY 1, 2",
    )
    assert len({name for name, _ in processes}) == workers + 1
    assert len(processes) == workers + 1
    assert len({pid for _, pid in processes}) == workers + 1


MULTIPROCESSING = """
import multiprocessing

def work(number):
    for event in range(10):
        log_error("job", f"child {number} {event}")

def main():
    context = multiprocessing.get_context(sys.argv[1])
    for event in range(10):
        log_error("jobs", f"parent {event}")
    processes = [context.Process(target=work, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    ended = [process.exitcode for process in processes]
    assert ended == [0] * 4, ended
    with context.Pool(2) as pool:
        pool.map(work, range(4, 8))
    sys.exit(0 if flush(30) else "not delivered")

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_c5_multiprocessing(start_collector: StartCollector, database: Path, tmp_path: Path, method: str) -> None:
    host = Host(tmp_path, start_collector().url)
    host.run(MULTIPROCESSING, method)
    assert stored(database) == children(8, 10) + messages("parent", 10)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_c5_multiprocessing_children_deliver_at_their_end(
    start_collector: StartCollector, database: Path, tmp_path: Path, method: str
) -> None:
    """They skip atexit. Their parent has no client here that would do it for them."""
    host = Host(tmp_path, start_collector().url)
    with host.started(
        """
import multiprocessing

def work(number):
    # What takes long to import is here already: the end of a process waits for a moment only.
    import httpx
    log_error("job", f"child {number} 0")

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    for number in range(3):
        process = context.Process(target=work, args=(number,))
        process.start()
        process.join()
        assert process.exitcode == 0
    print("joined", flush=True)
    sys.stdin.readline()
""",
        method,
    ) as process:
        assert line_of(process) == "joined"
        # A machine may be too slow for one of them, and then the next one did it.
        assert stored(database)["child 0 0"] == 1
        go_on(process)
        assert finish(process).code == 0
    host.ship()
    assert stored(database) == children(3, 1)


def test_c5_child_of_a_child(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, start_collector().url)
    host.run(
        FORK
        + """
def grandchild():
    log_error(None, "child 1 0")
    return 0 if flush(20) else 3

def child():
    log_error(None, "child 0 0")
    children.clear()
    assert flush(20)
    fork(grandchild)
    return 0 if flush(20) and codes() == [0] else 3

log_error(None, "parent 0")
assert flush(20)
fork(child)
ended = codes()
assert ended == [0], ended
sys.exit(0 if flush(30) else "not delivered")
"""
    )
    assert stored(database) == children(2, 1) + messages("parent", 1)


def test_c5_what_waits_in_memory_stays_with_its_process(tmp_path: Path) -> None:
    """Without a journal there is nobody else who could deliver it, and the child must not do so a second time."""
    (tmp_path / "file").touch()
    with FakeCollector(lambda exchange: exchange.answer(503)) as collector:
        host = Host(tmp_path, collector.url, tmp_path / "file" / "spool")
        with host.started(
            FORK
            + """
def child(number):
    for event in range(5):
        log_error(None, f"child {number} {event}")
    return 0 if flush(20) else 3

for event in range(20):
    log_error(None, f"parent {event}")
sys.stdin.readline()
for number in range(2):
    fork(child, number)
print("forked", flush=True)
ended = codes()
assert ended == [0, 0], ended
sys.exit(0 if flush(30) else "not delivered")
"""
        ) as process:
            wait_until(lambda: collector.arrived)
            go_on(process)
            assert line_of(process) == "forked"
            collector.behaviour = Exchange.take
            ended = finish(process)
        assert ended.code == 0, ended
        assert collector.messages() == children(2, 5) + messages("parent", 20)


def test_c5_a_parent_that_dies_leaves_its_segments_to_others(tmp_path: Path) -> None:
    """A child has copies of its parent's descriptors. It must not hold on to their locks for as long as it lives."""
    port = free_port()
    host = Host(tmp_path, address(port))
    with contextlib.ExitStack() as stack:
        for parent in range(6):
            process = stack.enter_context(host.started(DYING_PARENT, parent))
            for _ in range(4):
                assert line_of(process) == "forked"
            assert process.wait(30) == -signal.SIGKILL
        waiting = host.waiting()
        collector = stack.enter_context(FakeCollector(port=port))
        # All the children are still there.
        host.ship()
        assert collector.messages() == Counter(waiting)
        assert host.segments() == []


DYING_PARENT = (
    FORK
    + """
def child():
    signal.alarm(60)
    os.write(1, b"forked" + os.linesep.encode())
    signal.pause()

def chatter():
    number = 0
    while True:
        severity = ("error", "info", "critical", "warning")[number % 4]
        log_error(None, f"parent {sys.argv[1]} {number}", severity)
        number += 1

# Segments that come and go all the time.
journal.SEGMENT_BYTES = 500
threading.Thread(target=chatter, daemon=True).start()
while not stats()["recorded"]:
    time.sleep(0.005)
for number in range(4):
    time.sleep(0.002)
    fork(child)
os.kill(os.getpid(), signal.SIGKILL)
"""
)
