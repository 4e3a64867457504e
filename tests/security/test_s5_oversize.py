"""S5 | oversize: with a false length, chunked without one, huge headers; gzip bombs, several members, truncated; br,
zstd | 413, 400 or 415 at the cap, memory flat
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import gzip
import json
import re
import select
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from levqor_errors import limits
from support import CollectorProcess, Database, event_ids, wait_until

EVENT = b'{"message": "small"}'
MIB = 1024 * 1024
#: Over what the collector has after its first requests: a body, what it inflates to, and the copy that joins its parts.
GROWTH_BYTES = 2 * limits.INFLATED_BYTES + 4 * limits.BODY_BYTES + 16 * MIB
#: Over the same, when as many bodies are under way as may be; buffers on their way to being joined come on top.
GROWTH_TOGETHER_BYTES = 2 * limits.BODIES_BYTES + 32 * MIB

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


def head(*fields: str, length: int | None = None) -> bytes:
    """A request's head."""
    lines = ["POST /api/errors/log HTTP/1.1", "Host: collector.example", *fields]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body: bytes, *fields: str) -> bytes:
    """A request with a true length."""
    return head(*fields, length=len(body)) + body


def chunked(*chunks: bytes) -> bytes:
    """A request without a length."""
    return head("Transfer-Encoding: chunked") + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def zipped(body: bytes) -> bytes:
    """A request that says gzip."""
    return whole(body, "Content-Encoding: gzip")


def bomb(times: int) -> bytes:
    """A member of gzip that inflates to so many MiB, made without holding as much."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    one = deflate.compress(b" " * MIB) + deflate.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers back, so a block may be repeated. The end with its checksum is never reached.
    return gzip.compress(b"")[:10] + one * times + deflate.flush()


class Case(NamedTuple):
    """One hostile request."""

    name: str
    request: bytes
    status: int
    #: Part of what the answer says.
    says: str


_SMALL_ZIP = gzip.compress(EVENT, mtime=0)
_WRONG_CHECKSUM = _SMALL_ZIP[:-8] + b"\0\0\0\0" + _SMALL_ZIP[-4:]
_WRONG_SIZE = _SMALL_ZIP[:-4] + b"\xff\xff\xff\x7f"

CASES = [
    # A length that is too large, true or not: said before anything of the body is waited for.
    Case("length over the cap", head(length=limits.BODY_BYTES + 1), 413, "at most"),
    Case("length of 3 GB", head(length=3 * 1024**3) + EVENT, 413, "at most"),
    Case("length of 19 digits", head(length=10**18) + EVENT, 413, "at most"),
    Case("length of 40 digits", head(length=10**39) + EVENT, 400, "HTTP"),
    Case("length below zero", head("Content-Length: -1") + EVENT, 400, "HTTP"),
    Case("length of another base", head("Content-Length: 0x14") + EVENT, 400, "HTTP"),
    Case("two lengths", head("Content-Length: 5", length=len(EVENT)) + EVENT, 400, "HTTP"),
    Case("length beside chunks", head("Transfer-Encoding: chunked", length=20) + EVENT, 400, "HTTP"),
    Case("body over the cap", whole(b" " * (limits.BODY_BYTES + 1)), 413, "at most"),
    Case("body far over the cap", whole(b" " * 8 * limits.BODY_BYTES), 413, "at most"),
    Case("length too short", head(length=len(EVENT) - 1) + EVENT, 400, "JSON"),
    # No length.
    Case("chunks over the cap", chunked(*[b" " * 65_536] * 40), 413, "at most"),
    Case("chunks without an end", chunked(*[b" " * 65_536] * 300), 413, "at most"),
    Case("one chunk over the cap", chunked(b" " * 2 * limits.BODY_BYTES), 413, "at most"),
    Case("a chunk of 16 digits", head("Transfer-Encoding: chunked") + b"f" * 16 + b"\r\n" + b" " * 4 * MIB, 413, "at"),
    Case("a chunk of 17 digits", head("Transfer-Encoding: chunked") + b"f" * 17 + b"\r\n", 400, "HTTP"),
    Case("small chunks", chunked(*[b"    "] * (limits.BODY_BYTES // 4 + 1)), 413, "at most"),
    Case("trailers", chunked(EVENT) + b"0\r\n" + b"X: y\r\n" * 100_000, 431, "trailers"),
    Case("a chunk's extension", chunked(EVENT) + b"1;" + b"x" * MIB, 431, "at most"),
    # Heads.
    Case("a huge field", head("X: " + "a" * MIB, length=0), 431, "at most"),
    Case("a field just too large", head("X: " + "a" * limits.HEAD_BYTES, length=0), 431, "at most"),
    Case("many fields", head(*["X: y"] * 100_000, length=0), 431, "at most"),
    Case("a few fields too many", head(*["X: y"] * limits.HEAD_FIELDS, length=0), 431, "at most"),
    Case("a huge target", b"GET /" + b"a" * MIB + b" HTTP/1.1\r\n\r\n", 431, "at most"),
    # gzip.
    Case("just over the cap", zipped(gzip.compress(b" " * (limits.INFLATED_BYTES + 1))), 413, "inflated"),
    Case("a bomb of 1 GiB", zipped(bomb(1024)), 413, "inflated"),
    Case("members that sum up", zipped(gzip.compress(b" " * MIB) * 9), 413, "inflated"),
    Case("too many members", zipped(gzip.compress(b" ") * (limits.GZIP_MEMBERS + 1)), 400, "members"),
    Case("far too many members", zipped(gzip.compress(b"") * 100_000), 400, "members"),
    Case("gzip within gzip", zipped(gzip.compress(gzip.compress(EVENT))), 400, "JSON"),
    Case("nothing", zipped(b""), 400, "early"),
    Case("a head only", zipped(_SMALL_ZIP[:10]), 400, "early"),
    Case("half", zipped(_SMALL_ZIP[: len(_SMALL_ZIP) // 2]), 400, "early"),
    Case("without its checksum", zipped(_SMALL_ZIP[:-8]), 400, "early"),
    Case("without its last byte", zipped(_SMALL_ZIP[:-1]), 400, "early"),
    Case("a wrong checksum", zipped(_WRONG_CHECKSUM), 400, "not gzip"),
    Case("a wrong size", zipped(_WRONG_SIZE), 400, "not gzip"),
    Case("garbage after it", zipped(_SMALL_ZIP + b"garbage"), 400, "not gzip"),
    Case("zeros after it", zipped(_SMALL_ZIP + b"\0" * 100), 400, "not gzip"),
    Case("a second one that is cut", zipped(_SMALL_ZIP + _SMALL_ZIP[:-1]), 400, "early"),
    Case("not gzip", zipped(EVENT), 400, "not gzip"),
    Case("zlib", zipped(zlib.compress(EVENT)), 400, "not gzip"),
    Case("a name without an end", zipped(_SMALL_ZIP[:3] + b"\x08" + _SMALL_ZIP[4:10] + b"n" * MIB), 400, "early"),
    Case("millions of values", zipped(gzip.compress(b"[" + b"{}," * MIB + b"{}]")), 413, "values"),
    # Anything else.
    *(
        Case(encoding, whole(EVENT, f"Content-Encoding: {encoding}"), 415, "gzip or none")
        for encoding in ("br", "zstd", "deflate", "compress", "gzip, br", "br, gzip", "gzip, gzip", "gzip;q=1", "*")
    ),
    Case("br, of a huge length", head("Content-Encoding: br", length=10**12) + EVENT, 415, "gzip or none"),
]


class Answer(NamedTuple):
    """What came back."""

    status: int
    fields: dict[str, str]
    body: bytes


@contextlib.contextmanager
def connected(collector: CollectorProcess) -> Iterator[socket.socket]:
    """A connection; it waits 30 seconds for whatever it waits for."""
    with socket.create_connection(("127.0.0.1", collector.port), 30) as client:
        yield client


def read_answer(client: socket.socket) -> Answer:
    """An answer, whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(65536) or pytest.fail(f"no answer: {received!r}")
    lines, _, body = received.partition(b"\r\n\r\n")
    first, *rest = lines.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    while len(body) < int(fields["content-length"]):
        body += client.recv(65536) or pytest.fail("an answer was cut")
    return Answer(int(first.split()[1]), fields, body)


def ask(collector: CollectorProcess, request: bytes) -> Answer:
    """Send all of a request, and only then read."""
    with connected(collector) as client:
        client.sendall(request)
        return read_answer(client)


def memory_bytes(collector: CollectorProcess, what: str) -> int:
    """The process's memory: VmRSS now, VmHWM at most."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{collector.process.pid}/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1024


@pytest.fixture
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    """A collector that has taken its first event. Who sends so much that cannot be read would be told to wait."""
    collector = start_collector(RATE_LIMIT="off")
    assert ask(collector, whole(EVENT)).status == 201
    return collector


def test_s5_every_case_is_refused_and_memory_stays_flat(collector: CollectorProcess, database: Database) -> None:
    before = memory_bytes(collector, "VmRSS")
    for case in CASES:
        answer = ask(collector, case.request)
        assert answer.status == case.status, (case.name, answer)
        error = json.loads(answer.body)
        assert error["ok"] is False
        assert case.says in error["error"], (case.name, error)
        if case.status in (413, 431):
            assert answer.fields["connection"] == "close", case.name
        if case.status == 415:
            assert answer.fields["accept-encoding"] == "gzip"
    assert memory_bytes(collector, "VmHWM") - before < GROWTH_BYTES
    assert len(event_ids(database)) == 1
    # And what is just within the bounds is taken.
    assert ask(collector, whole(EVENT + b" " * (limits.BODY_BYTES - len(EVENT)))).status == 201
    assert ask(collector, zipped(gzip.compress(EVENT + b" " * (limits.INFLATED_BYTES - len(EVENT))))).status == 201
    assert ask(collector, zipped(gzip.compress(b"") * (limits.GZIP_MEMBERS - 1) + _SMALL_ZIP)).status == 201
    assert ask(collector, whole(_SMALL_ZIP, "Content-Encoding: GZip ")).status == 201


def test_s5_what_follows_a_refused_body_is_no_request(collector: CollectorProcess, database: Database) -> None:
    """A refused body may hold a whole request, which a proxy in front believes to be a part of it."""
    inner = whole(EVENT)
    for request in (
        head(length=limits.BODY_BYTES + 1) + inner * 10,
        chunked(*[b" " * 65_536] * 40, inner * 10) + b"0\r\n\r\n" + inner,
        whole(inner * 10, "Content-Encoding: br"),
    ):
        with connected(collector) as client:
            client.sendall(request)
            assert read_answer(client).status in (413, 415)
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(65536) == b""
    assert len(event_ids(database)) == 1


def test_s5_a_body_that_ends_before_its_length_is_not_taken(collector: CollectorProcess, database: Database) -> None:
    for request in (head(length=len(EVENT) + 1) + EVENT, chunked(EVENT)):
        with connected(collector) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(65536) == b""
    assert ask(collector, whole(EVENT)).status == 201
    assert len(event_ids(database)) == 2


def test_s5_large_bodies_held_back_leave_room_for_small_ones(collector: CollectorProcess) -> None:
    before = memory_bytes(collector, "VmRSS")
    size = limits.BODY_BYTES
    most = limits.BODIES_BYTES // size
    large = whole(EVENT + b" " * (size - len(EVENT)))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(collector)) for _ in range(most + 10)]
        # All but the last byte.
        for client in clients:
            client.sendall(large[:-1])
        wait_until(lambda: sum(map(has_answer, clients)) >= 9)
        refused = [client for client in clients if has_answer(client)]
        for client in refused:
            answer = read_answer(client)
            assert answer.status == 503
            assert int(answer.fields["retry-after"]) > 0
        for _ in range(10):
            assert ask(collector, whole(EVENT)).status == 201
        # Those that hang up make room.
        held = [client for client in clients if client not in refused and not has_answer(client)]
        for client in held[: most // 2]:
            client.close()
        wait_until(lambda: ask(collector, large).status == 201)
        for client in held[most // 2 :]:
            client.sendall(large[-1:])
            assert read_answer(client).status == 201
    assert ask(collector, large).status == 201
    assert memory_bytes(collector, "VmHWM") - before < GROWTH_TOGETHER_BYTES


def has_answer(client: socket.socket) -> bool:
    """Whether something has come."""
    return bool(select.select([client], [], [], 0)[0])


def test_s5_many_bombs_at_once(collector: CollectorProcess, database: Database) -> None:
    """Each within the bounds of one, and all together far over what the process may hold."""
    before = memory_bytes(collector, "VmRSS")
    request = zipped(gzip.compress(b" " * limits.INFLATED_BYTES))
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: ask(collector, request), range(80)))
    # Some get through, and are no JSON: it is not so that each takes the room that all the others need.
    assert {answer.status for answer in answers} <= {400, 429, 503}
    assert {answer.status for answer in answers} >= {400}
    assert memory_bytes(collector, "VmHWM") - before < GROWTH_TOGETHER_BYTES
    assert ask(collector, whole(EVENT)).status == 201
    assert len(event_ids(database)) == 2
