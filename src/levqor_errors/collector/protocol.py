"""One HTTP connection: uvicorn's, with deadlines and bounds on all that its client may send or hold back.

uvicorn has none of them: it waits for a head or a body for ever, takes a head of any size, and parses as many requests
ahead as arrive. Here a connection notes what it is waiting for and since when; `connections.py` looks once a second
whether that is too long. What passes goes to the application (`app.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import httptools
import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from .. import limits
from .connections import Connections, Reason

# What a connection is doing. In this order, since "before the end of a message" is asked often.
_IDLE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
#: A whole request has arrived and its answer is under way.
_ANSWER: Final = 3
#: As before, and nothing more is read: the connection ends with the answers that are owed.
_LAST: Final = 4
#: Closed, or about to be: the answer is on its way out.
_CLOSING: Final = 5


class _RefusedError(Exception):
    """What httptools' callbacks raise to stop the parser."""

    def __init__(self, status: int, reason: Reason, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.reason = reason


class _Transport:
    """What uvicorn gets to see of a transport: the same functions, but `close` is the protocol's own, and the head of
    an answer goes out together with its body. uvicorn writes one after the other, and a system call costs as much as
    parsing a request."""

    __slots__ = ("_head", "_loop", "_write", "close", "get_extra_info", "is_closing", "pause_reading",
                 "resume_reading", "write")  # fmt: skip

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, close: Callable[[], None]
    ) -> None:
        self._head = b""
        self._loop = loop
        self._write = transport.write
        self.close = close
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.write: Callable[[bytes], None] = self._write_together

    def _write_together(self, data: bytes) -> None:
        if self._head:
            data = self._head + data
            self._head = b""
        elif data.startswith(b"HTTP/1.1 "):
            # A stream's first part may be long in coming; then the head goes alone.
            self._head = data
            self._loop.call_soon(self.flush)
            return
        self._write(data)

    def flush(self) -> None:
        """Write what is held back."""
        if self._head:
            self._write_together(b"")


class BoundedProtocol(HttpToolsProtocol):
    """A connection. Made by uvicorn; give `functools.partial(BoundedProtocol, connections)` to its `Config`.

    Args:
        connections: all of the process.
        config: uvicorn's; the others too.
    """

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = connections
        self._phase = _IDLE
        self._since = connections.clock
        #: Bytes received since the last that belonged to a body: of a head, of trailers, of anything between.
        self._bare = 0
        #: Bytes of requests that wait for the answer to the one before.
        self._ahead = 0
        self._served = False
        self._upgrade = False
        self._stalled: int | None = None
        self._unwritten = 0
        self._answering: RequestResponseCycle | None = None
        self._real: asyncio.Transport = cast("asyncio.Transport", None)
        self._seen: _Transport = cast("_Transport", None)

    # -- the connection ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._real = transport
        self._seen = _Transport(transport, self.loop, self._close)
        super().connection_made(cast("asyncio.Transport", self._seen))
        self._since = self._all.clock
        if not self._all.admit(self):
            self.evict(gently=self._all.refuse(self))

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = _CLOSING
        self._all.leave(self)
        # uvicorn tells the newest request only.
        for cycle in (self._answering, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        # These hold each other; without a cycle they go at once, and not when the garbage collector comes round.
        self._seen.close = self._real.close
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends: answers that are owed are given, everything else is closed."""
        if self._answering is None or self._answering.response_complete:
            self._end()
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        self._stalled = self._all.clock
        self._unwritten = self._real.get_write_buffer_size()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stalled = self._all.clock if self._phase == _CLOSING else None
        super().resume_writing()

    def _close(self) -> None:
        """Close, in a way that lets the answer arrive.

        A sender that is still writing would not see it: what it sends to a closed socket is answered with a reset, and
        that destroys what it has not read yet. So our half is closed first, and its half is read to nowhere for a
        while (RFC 9112, 9.6).
        """
        if self._phase == _CLOSING:
            return
        writing = self._phase in (_HEAD, _BODY, _LAST) and not self._real.is_closing()
        self._phase = _CLOSING
        self._since = self._all.clock
        self._all.work(self)
        self._seen.flush()
        self._unwritten = self._real.get_write_buffer_size()
        self._seen.write = _to_nowhere
        if writing and self._real.can_write_eof():
            self._real.write_eof()
            self.flow.resume_reading()
        else:
            self._real.close()

    def _end(self) -> None:
        """Close now; what is written already may still go out."""
        self._phase = _CLOSING
        self._since = self._all.clock
        self._all.work(self)
        self._seen.flush()
        self._seen.write = _to_nowhere
        self._real.close()

    # -- what arrives -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase >= _LAST:
            return
        if phase in (_IDLE, _ANSWER):
            self._phase = _HEAD
            if self._served or phase == _ANSWER:
                self._since = self._all.clock
        self._bare += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _RefusedError):
                self._refuse(cause.status, cause.reason, str(cause))
            else:
                self._refuse(400, "malformed", "not HTTP, or not as a server may take it")
        else:
            if self._bare > limits.HEAD_BYTES and self._phase <= _BODY:
                self._refuse(431, "head_size", f"head and trailers must have at most {limits.HEAD_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == _BODY:
            # A trailer. uvicorn would add it to the fields of the head, where a proxy in front has not looked at it.
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            self._upgrade = True
            return
        if self._bare > limits.HEAD_BYTES or len(self.headers) > limits.HEAD_FIELDS:
            self._check_head()
        super().on_headers_complete()
        self._phase = _BODY
        self._since = self._all.clock
        self._bare = 0
        self._all.work(self)
        if self.pipeline:
            self._count_ahead(self._head_size())
        else:
            self._answering = self.cycle

    def on_body(self, body: bytes) -> None:
        self._bare = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        cycle.message_event.set()
        if len(cycle.body) > limits.BODY_FREE_BYTES:
            if not self._all.may_hold(self):
                raise _RefusedError(503, "refused", "too many bodies at once; send again later")
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
        if self.pipeline:
            self._count_ahead(len(body))

    def on_message_complete(self) -> None:
        if self._upgrade:
            return
        self._bare = 0
        cycle = self.cycle
        if cycle.response_complete:
            self._rest()
        else:
            self._phase = _ANSWER
            cycle.more_body = False
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._served = True
        phase = self._phase
        if phase == _CLOSING:
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._answering = cycle
            if not self.pipeline:
                self._ahead = 0
            self._start_asgi_task(cycle, app)
            return
        # What nobody has asked for.
        self.cycle.body.clear()
        if phase == _LAST:
            self._close()
        elif phase == _ANSWER:
            self._rest()
        elif phase == _HEAD:
            self._all.wait(self)

    def _rest(self) -> None:
        self._phase = _IDLE
        self._since = self._all.clock
        self._all.wait(self)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _check_head(self) -> None:
        if self._head_size() > limits.HEAD_BYTES or len(self.headers) > limits.HEAD_FIELDS:
            raise _RefusedError(
                431, "head_size", f"a head must have at most {limits.HEAD_BYTES} bytes and {limits.HEAD_FIELDS} fields"
            )

    def _count_ahead(self, size: int) -> None:
        self._ahead += size
        if self._ahead > limits.AHEAD_BYTES or len(self.pipeline) > limits.AHEAD_REQUESTS:
            raise _RefusedError(503, "ahead", "too much was sent ahead of an answer")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request as if it did not ask for another protocol, as a server may (RFC 9110, 7.8).

        The parser takes what follows for the other protocol, a body too. Java's own client asks for h2c with its first
        request to a server, and its body would be read as another request.
        """
        self._upgrade = False
        self._bare = 0
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(400, "malformed", "this is no proxy")
            return
        head = [method, b" ", self.url, b" HTTP/", self.parser.get_http_version().encode(), b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*head, b"\r\n", rest]))

    # -- refusals ---------------------------------------------------------------------------------------------------

    def _refuse(self, status: int, reason: Reason, why: str) -> None:
        """Cut the connection off, with an answer where one can be given; answers that are owed come first."""
        self._all.count(reason)
        answering = self._answering
        if answering is None or answering.response_complete or (self._phase == _BODY and not self.pipeline):
            self._give_up(status, why)
            self._close()
            return
        if self._phase == _BODY:
            # The newest, which is at fault.
            self.pipeline.popleft()
        self._phase = _LAST

    def _give_up(self, status: int, why: str) -> None:
        """Tell the handler of a request that it will not be whole, and its sender why, if it has no answer yet."""
        answering = self._answering
        if answering is None or answering.response_complete:
            # A head that is not whole: its sender is told. A body that is not, of a request that has its answer: not.
            if self._phase == _HEAD:
                self._write(status, why)
            return
        answering.disconnected = True
        answering.message_event.set()
        if not answering.response_started:
            self._write(status, why)

    def _write(self, status: int, why: str) -> None:
        body = orjson.dumps({"ok": False, "error": why})
        fields = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        if status == 503:
            fields.append((b"retry-after", b"%d" % limits.RETRY_SECONDS))
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        self._seen.flush()
        self._real.write(b"%b%b\r\n%b" % (STATUS_LINE[status], lines, body))

    # -- asked by `Connections` -------------------------------------------------------------------------------------

    @property
    def unread(self) -> int:
        """Bytes of a body received that nobody has asked for yet."""
        return len(self.cycle.body) if self.cycle is not None else 0

    @property
    def slow(self) -> bool:
        """Whether its client has been taking long over a request or an answer, so that its place may be needed more."""
        since = self._since if self._phase in (_BODY, _CLOSING) else self._stalled
        return since is not None and self._all.clock - since > limits.PATIENCE_SECONDS

    def sweep(self) -> None:
        """End it if it has passed a deadline."""
        phase = self._phase
        deadlines = self._all.deadlines
        waited = self._all.clock - self._since
        if self._stalled is not None or phase == _CLOSING:
            self._sweep_answer()
        elif phase == _BODY:
            if waited > deadlines.body:
                self._refuse(408, "body", f"the body must arrive within {deadlines.body} seconds")
        elif phase == _HEAD:
            if waited > deadlines.head:
                self._refuse(408, "head", f"the head must arrive within {deadlines.head} seconds")
        elif phase == _IDLE and waited > (deadlines.idle if self._served else deadlines.head):
            if not self._served:
                self._all.count("head")
            self._end()

    def _sweep_answer(self) -> None:
        """Of an answer on its way out: whether the client takes any of it, and after it closes its half."""
        unwritten = self._real.get_write_buffer_size()
        if self._stalled is None:
            self._stalled = self._since
        if unwritten < self._unwritten:
            self._stalled = self._all.clock
        self._unwritten = unwritten
        deadlines = self._all.deadlines
        if self._all.clock - self._stalled > (deadlines.stall if unwritten else deadlines.linger):
            if unwritten:
                self._all.count("stall")
            self._real.abort()

    def evict(self, *, gently: bool) -> None:
        """End it: its place is needed. Gently: it may stay until its client has read why."""
        if self._phase == _CLOSING or self._stalled is not None:
            self._real.abort()
            return
        if self._phase == _IDLE and not self._served:
            # Its first request may be on the way. After an answer, a client expects such an end at any time.
            self._phase = _HEAD
        self._give_up(503, "too many connections; send again later")
        if gently:
            self._close()
        else:
            self._end()


def _to_nowhere(data: bytes) -> None:
    """What is written after the end."""
