"""C6: exit at once after logging; exit with the collector hanging.

Passes when: exit within 2 s, the rest goes out at next start.

How long an exit takes is compared with a bound that only a hang reaches: a busy machine must not fail these tests.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host_support import Behaviour, Exchange, FakeCollector, Host, address, finish, free_port, line_of, stored
from support import CollectorProcess

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

StartCollector = Callable[..., CollectorProcess]

#: Seconds. The promise is 2; the time for an answer that a hanging collector would be given is 10.
HANGS = 8.0

ENDS = {
    "end of the script": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "os._exit": ("os._exit(4)", 4),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "in a thread": ("threading.Thread(target=log_error, args=('shop', 'event of a thread')).start()", 0),
}


def test_c6_exit_at_once(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    host = Host(tmp_path, start_collector().url)
    for end, (source, code) in ENDS.items():
        host.run(f"log_error('shop', {end!r})\n{source}", code=code)
        # Delivered or waiting, or both where the end came between the answer and the removal.
        assert end in {*stored(database), *host.waiting()}
    host.ship()
    assert stored(database) == Counter([*ENDS, "event of a thread"])
    assert host.segments() == []


@contextlib.contextmanager
def never_accepting() -> Iterator[str]:
    """Connections are made, by the kernel, and nobody is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield address(listener.getsockname()[1])


@contextlib.contextmanager
def behaving(behaviour: Behaviour) -> Iterator[str]:
    with FakeCollector(behaviour) as collector:
        yield collector.url


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    yield address(free_port())


def trickling(exchange: Exchange) -> None:
    exchange.dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000, 0.2)


def throttling(exchange: Exchange) -> None:
    exchange.answer(429, Retry_After="60")


COLLECTORS: dict[str, Callable[[], contextlib.AbstractContextManager[str]]] = {
    "accepts and never answers": lambda: behaving(Exchange.hang),
    "never accepts": never_accepting,
    "answers without end": lambda: behaving(trickling),
    "throttles": lambda: behaving(throttling),
    "is down": refusing,
}
#: Tells when it begins to end. What comes before that line is the host's own time.
EXIT = """
for number in range(100):
    log_error("shop", f"event {number}", ("error", "critical")[number % 2])
time.sleep(float(sys.argv[1]))
print("ending", flush=True)
"""


#: Seconds between the last event and the end: none, or enough for the shipper to be in the middle of a request.
@pytest.mark.parametrize(
    ("collector", "busy"),
    [*((name, 0.6) for name in COLLECTORS), ("accepts and never answers", 0), ("is down", 0)],
)
def test_c6_exit_without_an_answer(tmp_path: Path, collector: str, busy: float) -> None:
    with COLLECTORS[collector]() as url:
        host = Host(tmp_path, url)
        with host.started(EXIT, busy) as process:
            assert line_of(process) == "ending"
            begun = time.monotonic()
            ended = finish(process)
            assert time.monotonic() - begun < HANGS
        assert ended.code == 0
    # The end took nothing away: all of it is there for the next start.
    assert Counter(host.waiting()) == Counter(f"event {number}" for number in range(100))


def test_c6_the_rest_goes_out_at_next_start(start_collector: StartCollector, database: Path, tmp_path: Path) -> None:
    with FakeCollector(Exchange.hang) as hanging:
        host = Host(tmp_path, hanging.url)
        assert host.run(EXIT, 0.6).code == 0
        port = int(hanging.url.rpartition(":")[2])
    start_collector(port=port)
    host.run("log_error('shop', 'started again')\nassert flush(60)")
    assert stored(database) == Counter([*(f"event {number}" for number in range(100)), "started again"])
    assert host.segments() == []


def test_c6_a_flush_at_the_end_does_not_hang(tmp_path: Path) -> None:
    """A host may wait for its last events, as long as it chooses; its end still comes."""
    with FakeCollector(Exchange.hang) as collector:
        host = Host(tmp_path, collector.url)
        begun = time.monotonic()
        host.run("import atexit\natexit.register(flush, 0.5)\nlog_error('shop', 'last words')\nassert not flush(0.5)")
        assert time.monotonic() - begun < HANGS
        assert host.waiting() == ["last words"]


LATE = """
import atexit
# Registered before the client's own, and so run after it.
atexit.register(lambda: [log_error("shop", f"late {number}") for number in range(5)])
"""


@pytest.mark.parametrize("early", [0, 5])
def test_c6_events_from_atexit(start_collector: StartCollector, database: Path, tmp_path: Path, early: int) -> None:
    """Whether or not they are the first: the client has ended already, or never begun."""
    host = Host(tmp_path, start_collector().url, before=LATE)
    host.run(f"for number in range({early}):\n    log_error('shop', f'early {{number}}')\n")
    expected = Counter([*(f"early {number}" for number in range(early)), *(f"late {number}" for number in range(5))])
    assert set(stored(database)) | set(host.waiting()) == set(expected)
    # One that has nothing to say at its own end.
    Host(tmp_path, host.url).ship()
    assert stored(database) == expected


def test_c6_exit_where_no_thread_can_be_started(tmp_path: Path) -> None:
    """As at the interpreter's end from Python 3.12 on: the exiting thread delivers, but it does not stay for all that
    others left when the collector is slow."""

    def slow(exchange: Exchange) -> None:
        collector.closing.wait(0.4)
        exchange.take()

    port = free_port()
    host = Host(tmp_path, address(port))
    host.run(
        """
journal.SEGMENT_BYTES = 500
for number in range(40):
    log_error("shop", f"event {number} {'x' * 500}")
"""
    )
    assert len(host.segments()) == 40
    with FakeCollector(slow, port=port) as collector, host.started(NO_THREAD) as process:
        assert line_of(process) == "ending"
        begun = time.monotonic()
        ended = finish(process)
        assert time.monotonic() - begun < HANGS
        assert ended.code == 0
        left = [message.split()[1] for message in host.waiting()]
        arrived = [message.split()[1] for message in collector.messages().elements()]
        assert {*left, *arrived} == {str(number) for number in range(41)}


#: No address space for a thread's stack.
NO_THREAD = """
import resource
threading.stack_size(1 << 33)
resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
try:
    threading.Thread(target=print).start()
except RuntimeError:
    log_error("shop", "event 40 of a host without threads")
    assert not flush(1)
    print("ending", flush=True)
"""
