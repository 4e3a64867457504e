"""A request's body: read up to a cap, inflated up to a cap, decoded from JSON or NDJSON. Nothing here trusts a length
that a sender claims. Goes on to `ingest.py`, or `source_maps.py`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from .. import limits
from ..errors import InvalidEventError, OverloadedError, RequestRefusedError

_NDJSON: Final = frozenset(
    {b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines"}
)
_GZIP_MAGIC_AND_CRC: Final = 16 + zlib.MAX_WBITS
#: Of gzip, fed at a time, and inflated at a time; after so many such steps others have their turn.
_FEED_BYTES: Final = 16 * 1024
_STEP_BYTES: Final = 64 * 1024
_TURN: Final = 4


class Decoded(NamedTuple):
    """What a body says, before the gate."""

    #: One for each event: a JSON value, or why that line is none.
    events: list[object]
    #: Whether the sender sent a list of them, and so expects a list's answer.
    many: bool
    #: Bytes after inflating.
    size: int
    #: Whether no text in it can hold what cannot be stored; see `event.normalize`.
    plain: bool = False


class Sizes(NamedTuple):
    """How large a body may be, in bytes."""

    sent: int
    inflated: int
    #: How many values of JSON it may have; `None`: whoever reads it counts them himself.
    values: int | None
    #: What its sender is told to do if it is larger.
    advice: str

    def refuse(self, most: int, what: str) -> RequestRefusedError:
        """The error for a body that has more than that."""
        return RequestRefusedError(413, f"the body must have at most {most} {what}; {self.advice}")


EVENTS: Final = Sizes(limits.BODY_BYTES, limits.INFLATED_BYTES, limits.BODY_VALUES, "send smaller batches")


class Bodies:
    """How much memory all bodies under way hold together, and its bound.

    Args:
        most: bytes, of each body those beyond its first `limits.BODY_FREE_BYTES`: small ones always get in.
    """

    def __init__(self, most: int = limits.BODIES_BYTES) -> None:
        self._most = most
        self._held = 0
        # Applications of one process may run in several event loops.
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes that count."""
        return self._held

    def hold(self) -> _Hold:
        """What one request will hold: nothing yet, and nothing again when the task that this is called from ends."""
        return _Hold(self)

    def take(self, size: int) -> None:
        """Hold more; raises OverloadedError."""
        with self._lock:
            if self._held + size > self._most:
                raise OverloadedError
            self._held += size

    def give_back(self, size: int) -> None:
        """Hold less."""
        with self._lock:
            self._held -= size


class _Hold:
    """One request's part of `Bodies`."""

    __slots__ = ("_all", "_counted", "_size")

    def __init__(self, bodies: Bodies) -> None:
        self._all = bodies
        self._size = 0
        self._counted = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            OverloadedError: all bodies together would hold too much.
        """
        self._size += size
        more = self._size - limits.BODY_FREE_BYTES - self._counted
        if more <= 0:
            return
        if not self._counted:
            # A server runs each request in a task of its own. What was decoded lives as long as it, whatever ends it.
            task = asyncio.current_task()
            assert task is not None
            task.add_done_callback(self._release)
        try:
            self._all.take(more)
        except OverloadedError:
            # At once, so that of many that grow together not all have to go.
            self._release()
            raise
        self._counted += more

    def _release(self, _task: object = None) -> None:
        self._all.give_back(self._counted)
        self._counted = 0


#: Memory is the process's, so there is one for all applications in it.
BODIES: Final = Bodies()


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, bodies: Bodies = BODIES, sizes: Sizes = EVENTS
) -> bytes:
    """The body, inflated where it is gzip.

    Args:
        headers: the request's.
        receive: the request's.
        bodies: what all requests of this kind share.
        sizes: how large it may be.

    Raises:
        RequestRefusedError: 413 over a cap, 415 for another encoding, 400 for broken gzip.
        OverloadedError: all bodies together hold too much.
        ClientDisconnect: the sender hung up, or was cut off.
    """
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b"gzip", b"x-gzip", b""):
        raise RequestRefusedError(415, "Content-Encoding must be gzip or none")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 20 or int(length) > sizes.sent):
        raise sizes.refuse(sizes.sent, "bytes")
    message = await receive()
    if not encoding.endswith(b"gzip") and not message.get("more_body") and "body" in message:
        body: bytes = message["body"]
        if len(body) <= limits.BODY_FREE_BYTES:
            # Nearly all are so, and count for nothing.
            return body
    hold = bodies.hold()
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > sizes.sent:
            raise sizes.refuse(sizes.sent, "bytes")
        hold.grow(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
        message = await receive()
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if encoding in (b"gzip", b"x-gzip"):
        body = await _inflate(body, hold, sizes)
    if sizes.values is not None and len(body) > limits.BODY_FREE_BYTES:
        values = body.count(b",") + body.count(b"{") + body.count(b"[") + body.count(b"\n")
        if values > sizes.values:
            raise sizes.refuse(sizes.values, "values")
        hold.grow(values * limits.VALUE_BYTES)
    return body


async def _inflate(body: bytes, hold: _Hold, sizes: Sizes) -> bytes:
    """gzip, of one member or several, never holding more than the cap; other requests get their turn in between."""
    inflated: list[bytes] = []
    size = 0
    start = 0
    for _ in range(limits.GZIP_MEMBERS):
        member = zlib.decompressobj(_GZIP_MAGIC_AND_CRC)
        # In slices, since zlib hands back what it has not read yet as a copy.
        feed = b""
        more = False
        while not member.eof:
            if not feed and not more:
                feed = body[start : start + _FEED_BYTES]
                start += len(feed)
                if not feed:
                    raise RequestRefusedError(400, "the gzip body ends too early")
            try:
                part = member.decompress(feed, _STEP_BYTES)
            except zlib.error as error:
                raise RequestRefusedError(400, "the body is not gzip, though Content-Encoding says so") from error
            feed = member.unconsumed_tail
            # A full step may have left something inside, also when all of the slice was read.
            more = len(part) == _STEP_BYTES
            size += len(part)
            if size > sizes.inflated:
                raise sizes.refuse(sizes.inflated, "bytes when inflated")
            hold.grow(len(part))
            inflated.append(part)
            if more and len(inflated) % _TURN == 0:
                await asyncio.sleep(0)
        start -= len(member.unused_data)
        if start == len(body):
            return b"".join(inflated)
    raise RequestRefusedError(400, f"the gzip body must have at most {limits.GZIP_MEMBERS} members")


def decode(body: bytes, content_type: bytes) -> Decoded:
    """The events in a body. NDJSON goes by the content type; all else is JSON, whatever it is called, since curl's
    `-d` and a browser's beacon call it something else.

    Raises:
        RequestRefusedError: 400 when it is not JSON, 413 for too many events.
    """
    # NUL and lone surrogates come through JSON only as escapes.
    plain = b"\\u" not in body
    if content_type.partition(b";")[0].strip().lower() in _NDJSON:
        lines = [line for line in body.split(b"\n") if line.strip()]
        _check_count(len(lines))
        return Decoded([_line(line) for line in lines], many=True, size=len(body), plain=plain)
    if not body.strip():
        raise RequestRefusedError(400, "the body is empty; send an event as a JSON object")
    try:
        value = decode_json(body)
    except ValueError as error:
        raise RequestRefusedError(400, f"the body is not JSON: {error}{_advice(body)}") from error
    if isinstance(value, list):
        _check_count(len(value))
        return Decoded(value, many=True, size=len(body), plain=plain)
    return Decoded([value], many=False, size=len(body), plain=plain)


def _advice(body: bytes) -> str:
    """What to do about a body that is not JSON, if it looks like an event a line."""
    first, _, rest = body.partition(b"\n")
    if rest.strip() and first.strip().endswith(b"}"):
        with suppress(ValueError):
            decode_json(first)
            return "; an event a line (NDJSON) needs Content-Type: application/x-ndjson"
    return ""


def _check_count(count: int) -> None:
    if count > limits.BATCH_EVENTS:
        raise RequestRefusedError(413, f"a request must have at most {limits.BATCH_EVENTS} events")


def _line(line: bytes) -> object:
    try:
        return decode_json(line)
    except ValueError as error:
        return InvalidEventError("the line", f"is not JSON: {error}")


def decode_json(text: bytes) -> Any:
    """A JSON value, from what senders really send.

    orjson is strict. What it refuses and common senders produce all the same gets a second reading by the standard
    library, and is made harmless by the gate: lone surrogates (`JSON.stringify` of a text cut in an emoji), NaN and
    Infinity (Python's `json.dumps`), and numbers out of a double's range.

    Raises:
        ValueError: with a short reason.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        reason = str(error)
        if not (b"\\u" in text or b"NaN" in text or b"Infinity" in text or "infinity" in reason):
            raise ValueError(reason) from error
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(str(error)) from error
    except ValueError as error:
        # Python's limit on the digits of an integer; its own text speaks of Python functions.
        raise ValueError("a number has too many digits") from error
