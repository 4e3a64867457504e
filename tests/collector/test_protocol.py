"""The server's own part of HTTP: deadlines, bounds, who goes when there is no room, framing that cannot be forged."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from starlette.types import Receive, Scope, Send

from levqor_errors import limits
from levqor_errors.collector import connections as connections_module
from levqor_errors.collector.connections import Connection, Connections, Deadlines
from levqor_errors.collector.protocol import BoundedProtocol
from levqor_errors.collector.server import room
from support import served, wait_until

DEADLINES = Deadlines(head=10, body=12, idle=20, stall=15, linger=5)
LARGE = 32 * 1024 * 1024
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """An application that is told by the path what to do, and notes what it sees."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.clock_went = 0
        self.bodies: list[bytes] = []
        self.disconnects = 0
        self.under_way = 0
        self.release = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        try:
            await getattr(self, scope["path"].strip("/"))(scope, receive, send)
        finally:
            self.under_way -= 1

    async def echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the body and the names of the fields."""
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await self._answer(send, {"body": body.decode(), "fields": [name.decode() for name, _ in scope["headers"]]})

    async def wait(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers when the test says so, without asking for the body."""
        while not self.release.is_set():
            await asyncio.sleep(0.01)
        await self._answer(send, "waited")

    async def hang(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Waits for the client to go."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnects += 1

    async def large(self, scope: Scope, receive: Receive, send: Send) -> None:
        """More than fits any buffer."""
        await self._start(send, LARGE)
        for _ in range(LARGE // 65536):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As much in one go."""
        await self._answer(send, "x" * LARGE)

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Half an answer, and the rest when the test says so."""
        await self._start(send, 2)
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        while not self.release.is_set():
            await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"x"})

    async def block(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Holds up the event loop for a second, and lets it go on for a moment."""
        before = self.connections.clock
        time.sleep(1)
        for _ in range(3):
            await asyncio.sleep(0)
        self.clock_went = self.connections.clock - before
        await self._answer(send, "blocked")

    async def early(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers without reading the body."""
        await self._answer(send, "early", close=b"close" in scope["query_string"])

    async def _answer(self, send: Send, value: object, *, close: bool = False) -> None:
        body = json.dumps(value).encode()
        await self._start(send, len(body), close=close)
        await send({"type": "http.response.body", "body": body})

    async def _start(self, send: Send, length: int, *, close: bool = False) -> None:
        fields = [(b"content-length", str(length).encode()), *([(b"connection", b"close")] if close else [])]
        await send({"type": "http.response.start", "status": 200, "headers": fields})


class Clocked(Connections):
    """Its time goes on when the test says so."""

    loop: asyncio.AbstractEventLoop

    def admit(self, connection: Connection) -> bool:
        self.loop = asyncio.get_running_loop()
        return super().admit(connection)


class Server(NamedTuple):
    """A running one."""

    app: App
    connections: Clocked
    port: int

    def sweep(self, times: int) -> None:
        """Let so many seconds go by, when all that was sent before has arrived."""
        with self.connect() as client:
            client.sendall(GET)
            answer_of(client)
        done = threading.Event()

        def go_on() -> None:
            for _ in range(times):
                self.connections.sweep()
            done.set()

        self.connections.loop.call_soon_threadsafe(go_on)
        assert done.wait(20)

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection, which waits 20 seconds for whatever it waits for."""
        return socket.create_connection(("127.0.0.1", self.port), 20, (source, 0))

    def say(self, *pieces: bytes) -> bytes:
        """Send, and give all that comes back until the end."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            return everything(client)


def everything(client: socket.socket) -> bytes:
    """All that comes until the end; a reset is an end too."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return received


def answer_of(client: socket.socket) -> bytes:
    """One answer of those above, whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(65536) or pytest.fail(f"ended within an answer: {received!r}")
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536) or pytest.fail(f"ended within an answer: {received!r}")
    return head + b"\r\n\r\n" + body


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Starts servers with a bound on connections."""
    monkeypatch.setattr(connections_module, "SWEEP_SECONDS", 3600.0)
    with contextlib.ExitStack() as stack:

        def start(most: int = 100) -> Server:
            connections = Clocked(most, 10, DEADLINES)
            app = App(connections)
            http: Any = functools.partial(BoundedProtocol, connections)
            url = stack.enter_context(served(app, lifespan=False, http=http))
            stack.callback(app.release.set)
            return Server(app, connections, int(url.rpartition(":")[2]))

        yield start


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    """A server."""
    return start()


# -- HTTP as ever ---------------------------------------------------------------------------------------------------


def test_requests_follow_each_other_on_a_connection(server: Server) -> None:
    with server.connect() as client:
        for number in range(5):
            body = b"%d" % number * 1000
            client.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert answer_of(client).startswith(b"HTTP/1.1 200 OK\r\n")
        wait_until(lambda: server.connections.waiting == 1)
        assert server.connections.open == 1
    wait_until(lambda: server.connections.open == 0)
    assert server.connections.waiting == 0
    assert server.app.bodies == [b"%d" % number * 1000 for number in range(5)]
    assert set(server.connections.cut.values()) == {0}


def test_a_head_and_a_body_may_come_byte_by_byte(server: Server) -> None:
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in POST + b"Content-Length: 3\r\n\r\nabc":
            client.sendall(bytes([byte]))
        assert b'"body": "abc"' in answer_of(client)
        for byte in CHUNKED + b"3;extension\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n":
            client.sendall(bytes([byte]))
        assert b'"body": "abcde"' in answer_of(client)


def test_http_1_0_is_answered_and_closed(server: Server) -> None:
    assert b"\r\nconnection: close\r\n" in server.say(b"GET /echo HTTP/1.0\r\n\r\n")


def test_expect_100_continue(server: Server) -> None:
    with server.connect() as client:
        client.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert b'"body": "abc"' in answer_of(client)


def test_requests_sent_ahead_are_answered_in_their_order(server: Server) -> None:
    requests = [POST + b"Content-Length: 1\r\n\r\n%d" % number for number in range(10)]
    with server.connect() as client:
        client.sendall(b"".join(requests))
        received = b""
        while received.count(b'"body"') < len(requests):
            received += client.recv(65536)
    assert server.app.bodies == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("body", [b"abc", b""])
def test_a_wish_for_another_protocol_is_passed_over(server: Server, body: bytes) -> None:
    """The parser takes what follows such a head for the other protocol, and the body for another request."""
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\n"
    with server.connect() as client:
        for split in (False, True):
            head = POST + wish + b"Content-Length: %d\r\n\r\n" % len(body)
            if split:
                client.sendall(head[:60])
                time.sleep(0.1)
                client.sendall(head[60:])
                time.sleep(0.1)
                client.sendall(body)
            else:
                client.sendall(head + body)
            assert b'"body": "%b"' % body in answer_of(client)
        client.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert answer_of(client).startswith(b"HTTP/1.1 200 OK\r\n")


# -- framing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        POST + b"Content-Length: 3, 3\r\n\r\nabc",
        POST + b"Content-Length: +3\r\n\r\nabc",
        POST + b"Content-Length: -3\r\n\r\nabc",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"X: a\r\n b\r\n\r\n",
        POST + b"X: a\x00b\r\n\r\n",
        POST + b"X: a\rY: b\r\n\r\n",
        CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(server: Server, request_bytes: bytes) -> None:
    """Request smuggling: where a proxy in front reads the end of a body elsewhere than we do (RFC 9112, 6.3)."""
    received = server.say(request_bytes + GET)
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nconnection: close\r\n" in received
    assert received.count(b"HTTP/1.1 ") == 1
    assert server.app.bodies == []
    assert server.connections.cut["malformed"] == 1


def test_trailers_do_not_become_fields_of_the_head(server: Server) -> None:
    with server.connect() as client:
        client.sendall(CHUNKED + b"1\r\na\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\nX-Internal-Secret: s\r\n\r\n")
        fields = json.loads(answer_of(client).partition(b"\r\n\r\n")[2])["fields"]
    assert fields == ["host", "transfer-encoding"]


def test_garbage_after_a_good_request_does_not_take_its_answer(server: Server) -> None:
    received = server.say(GET + b"garbage\r\n\r\n" + GET)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.count(b"HTTP/1.1 ") == 1


def test_the_rest_of_a_body_that_was_not_asked_for_is_no_request(server: Server) -> None:
    hidden = GET * 3
    with server.connect() as client:
        client.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden))
        assert b"early" in answer_of(client)
        client.sendall(hidden)
        client.sendall(POST + b"Content-Length: 1\r\n\r\na")
        assert b'"body": "a"' in answer_of(client)
    received = server.say(
        b"POST /early?close HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden), hidden, GET
    )
    assert received.count(b"HTTP/1.1 ") == 1
    assert server.app.bodies == [b"a"]


# -- size -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /echo HTTP/1.1\r\nX: " + b"a" * limits.HEAD_BYTES + b"\r\n\r\n"],
        [b"GET /echo HTTP/1.1\r\nX: ", *[b"a" * 1000] * 50],
        [b"GET /" + b"a" * limits.HEAD_BYTES + b" HTTP/1.1\r\n\r\n"],
        [b"GET /", *[b"a" * 1000] * 50],
        [b"GET /echo HTTP/1.1\r\n" + b"X: y\r\n" * (limits.HEAD_FIELDS + 1) + b"\r\n"],
        [b"GET /echo HTTP/1.1\r\n", *[b"X: y\r\n" * 100] * 60],
        [*[b"\r\n" * 500] * 50],
        # What was read in one go with some of the body does not count yet.
        [CHUNKED + b"1\r\na\r\n0\r\n", *[b"X: y\r\n" * 100] * 600],
        [CHUNKED + b"1\r\na\r\n0\r\nX: ", *[b"a" * 1000] * 400],
        [CHUNKED + b"1\r\na\r\n1;", *[b"a" * 1000] * 400],
    ],
)
def test_a_large_head_or_trailer_is_refused(server: Server, pieces: list[bytes]) -> None:
    received = server.say(*pieces)
    assert received.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"\r\nconnection: close\r\n" in received
    assert server.app.bodies == []
    assert server.connections.cut["head_size"] == 1


def test_a_head_just_small_enough_is_taken_with_its_body_beside_it(server: Server) -> None:
    size = limits.HEAD_BYTES - 100
    body = b"b" * 300_000
    with server.connect() as client:
        client.sendall(POST + b"X: %b\r\nContent-Length: %d\r\n\r\n" % (b"a" * size, len(body)) + body)
        assert answer_of(client).startswith(b"HTTP/1.1 200 OK\r\n")
        client.sendall(POST + b"X: y\r\n" * (limits.HEAD_FIELDS - 2) + b"Content-Length: 0\r\n\r\n")
        assert answer_of(client).startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.app.bodies == [body, b""]


@pytest.mark.parametrize(
    "request_bytes",
    [GET, POST + b"Content-Length: 1000\r\n\r\n" + b"a" * 1000, GET[:-2] + b"X: " + b"a" * 5000 + b"\r\n\r\n"],
)
def test_a_flood_of_requests_sent_ahead_is_bounded(server: Server, request_bytes: bytes) -> None:
    with server.connect() as client:
        client.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        wait_until(lambda: server.app.under_way == 1)
        client.sendall(request_bytes * 40)
        wait_until(lambda: server.connections.cut["ahead"] == 1)
        server.app.release.set()
        received = everything(client)
    # Those before are answered, and then the connection ends.
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert 1 < received.count(b"HTTP/1.1 200 OK\r\n") <= limits.AHEAD_REQUESTS + 1
    assert received.count(b"HTTP/1.1 ") == received.count(b"HTTP/1.1 200 OK\r\n")


def test_large_bodies_that_nobody_asked_for_yet_are_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNREAD_BODIES", 3)
    size = 60_000
    request = b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(5)]
        for client in clients[:3]:
            client.sendall(request)
        wait_until(lambda: server.app.under_way == 3)
        for client in clients[3:]:
            client.sendall(request)
            assert everything(client).startswith(b"HTTP/1.1 503 ")
        server.app.release.set()
        for client in clients[:3]:
            assert b"waited" in answer_of(client)
        # And room again, since they are answered.
        with server.connect() as client:
            client.sendall(request)
            assert b"waited" in answer_of(client)


def test_a_sender_that_writes_on_sees_the_refusal(server: Server) -> None:
    """It reads only when it has written all, which is more than any buffer takes."""
    size = 16 * 1024 * 1024
    received = server.say(b"POST /early?close HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size, b"a" * size)
    assert b"early" in received
    assert server.say(b"garbage\r\n\r\n", b"a" * size).startswith(b"HTTP/1.1 400 ")


# -- time -----------------------------------------------------------------------------------------------------------


def is_open(client: socket.socket) -> bool:
    """Whether nothing has come, no end either."""
    return not select.select([client], [], [], 0)[0]


def test_what_comes_too_slowly_is_cut_off(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        silent, head, second, empty, body = (stack.enter_context(server.connect()) for _ in range(5))
        head.sendall(GET[:10])
        empty.sendall(b"\r\n")
        body.sendall(POST + b"Content-Length: 10\r\n\r\nabc")
        second.sendall(GET)
        assert answer_of(second).startswith(b"HTTP/1.1 200 OK\r\n")
        second.sendall(GET[:10])
        server.sweep(DEADLINES.head)
        assert all(map(is_open, (silent, head, second, empty, body)))
        server.sweep(1)
        assert everything(silent) == b""
        assert is_open(body)
        server.sweep(DEADLINES.body - DEADLINES.head)
        for client in (head, second, empty, body):
            received = everything(client)
            assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            assert b"\r\nconnection: close\r\n" in received
    wait_until(lambda: server.connections.open == 0)
    assert server.connections.cut["head"] == 4
    assert server.connections.cut["body"] == 1
    assert server.app.disconnects == 1
    assert server.app.under_way == 0


def test_bytes_now_and_then_do_not_help(server: Server) -> None:
    with server.connect() as head, server.connect() as body:
        body.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        for position in range(max(DEADLINES.head, DEADLINES.body) + 1):
            if position <= DEADLINES.head:
                head.sendall(GET[position : position + 1])
            body.sendall(b"a")
            server.sweep(1)
        assert everything(head).startswith(b"HTTP/1.1 408 ")
        assert everything(body).startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_ends_without_a_word(server: Server) -> None:
    with server.connect() as client:
        client.sendall(GET)
        answer_of(client)
        server.sweep(DEADLINES.idle)
        assert is_open(client)
        server.sweep(1)
        assert everything(client) == b""
    assert set(server.connections.cut.values()) == {0}


def test_a_body_that_trickles_after_its_answer_is_cut_off(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert b"early" in answer_of(client)
        server.sweep(DEADLINES.body + 1)
        assert everything(client) == b""
    assert server.connections.cut["body"] == 1


def test_a_refused_sender_that_never_ends_is_reset(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"garbage\r\n\r\n")
        assert everything(client).startswith(b"HTTP/1.1 400 ")
        client.sendall(b"a")
        server.sweep(DEADLINES.linger)
        client.sendall(b"a")
        server.sweep(1)

        def write_on() -> None:
            for _ in range(1000):
                client.sendall(b"a")
                time.sleep(0.01)

        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            write_on()


def test_an_answer_that_is_not_read_is_given_up(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        clients[0].sendall(b"GET /large HTTP/1.1\r\n\r\n")
        # Its handler has ended, and the answer waits in the server.
        clients[1].sendall(b"GET /whole HTTP/1.0\r\n\r\n")
        clients[2].sendall(b"GET /large HTTP/1.1\r\n\r\n")
        received = 0
        for seconds in range(1, DEADLINES.stall + 3):
            # This one reads, though slowly.
            while received < seconds * 1024 * 1024:
                received += len(clients[2].recv(65536))
            server.sweep(1)
        wait_until(lambda: server.connections.cut["stall"] == 2)
        while received < LARGE:
            received += len(clients[2].recv(65536))
    wait_until(lambda: server.app.under_way == 0)
    assert server.connections.cut["stall"] == 2


def test_a_long_answer_is_no_stalled_one(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"GET /stream HTTP/1.1\r\n\r\n")
        wait_until(lambda: server.app.under_way == 1)
        server.sweep(2 * max(DEADLINES))
        server.app.release.set()
        assert answer_of(client).endswith(b"xx")
    assert set(server.connections.cut.values()) == {0}


def test_a_handler_hears_of_the_end_also_when_more_was_sent_ahead(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"GET /hang HTTP/1.1\r\n\r\n" + GET)
        wait_until(lambda: server.app.under_way == 1)
    wait_until(lambda: server.app.under_way == 0)
    assert server.app.disconnects == 1


# -- room -----------------------------------------------------------------------------------------------------------


def test_an_idle_connection_makes_room_for_a_new_one(start: Callable[..., Server]) -> None:
    server = start(10)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(server.connect()) for _ in range(10)]
        wait_until(lambda: server.connections.open == 10)
        for position, client in enumerate(idle):
            # Each pushes out the one that has waited longest.
            fresh = stack.enter_context(server.connect())
            fresh.sendall(GET)
            assert answer_of(fresh).startswith(b"HTTP/1.1 200 OK\r\n")
            told = everything(client)
            assert told.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: " in told
            assert server.connections.cut["evicted"] == position + 1
        assert server.connections.open == 10
        wait_until(lambda: server.connections.waiting == 10)


def test_who_takes_many_places_pushes_out_his_own(start: Callable[..., Server]) -> None:
    server = start(10)
    with contextlib.ExitStack() as stack:
        # The others have waited longest.
        others = [stack.enter_context(server.connect("127.0.0.2")) for _ in range(2)]
        wait_until(lambda: server.connections.open == 2)
        crowd = [stack.enter_context(server.connect()) for _ in range(30)]
        wait_until(lambda: server.connections.cut["evicted"] == 22)
        for client in others:
            client.sendall(GET)
            assert answer_of(client).startswith(b"HTTP/1.1 200 OK\r\n")
        for client in crowd[:22]:
            assert everything(client).startswith(b"HTTP/1.1 503 ")


def test_no_room_at_all_is_said(start: Callable[..., Server]) -> None:
    server = start(5)
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(server.connect()) for _ in range(5)]
        for client in busy:
            client.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        wait_until(lambda: server.app.under_way == 5)
        received = server.say(POST + b"Content-Length: 1000000\r\n\r\n" + b"a" * 1_000_000)
        assert received.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nretry-after: " in received
        assert server.connections.cut["refused"] == 1
        server.app.release.set()
        for client in busy:
            assert b"waited" in answer_of(client)
        with server.connect() as client:
            client.sendall(GET)
            assert answer_of(client).startswith(b"HTTP/1.1 200 OK\r\n")


def test_senders_that_hold_back_their_bodies_make_room(start: Callable[..., Server]) -> None:
    server = start(5)
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(5)]
        for client in held:
            client.sendall(POST + b"Content-Length: 10\r\n\r\nabc")
        wait_until(lambda: server.app.under_way == 5)
        assert server.say(GET).startswith(b"HTTP/1.1 503 ")
        server.sweep(limits.PATIENCE_SECONDS + 1)
        with server.connect() as client:
            client.sendall(GET)
            assert answer_of(client).startswith(b"HTTP/1.1 200 OK\r\n")
        ended = [everything(client) for client in held[:1]]
        assert ended[0].startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: " in ended[0]
    wait_until(lambda: server.app.under_way == 0)


def test_a_pause_of_the_whole_process_is_not_held_against_its_clients(
    start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "SWEEP_SECONDS", 0.01)
    server = start()
    with server.connect() as client:
        client.sendall(b"GET /block HTTP/1.1\r\n\r\n")
        answer_of(client)
    # By the clock on the wall it would be a hundred.
    assert server.app.clock_went < 10


def test_room_is_bounded_by_the_files_that_may_be_open() -> None:
    assert room(65_536) == (limits.CONNECTIONS, limits.REFUSALS)
    most, refusals = room(1_024)
    assert most + refusals == 1_024 - limits.SPARE_FILES
    assert most > refusals > 0
    assert min(room(64)) > 0
