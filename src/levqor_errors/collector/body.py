"""A request's body: read up to a cap, inflated up to a cap, decoded from JSON or NDJSON. Nothing here trusts a length
that a sender claims. Goes on to `ingest.py`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from .. import limits
from ..errors import InvalidEventError, RequestRefusedError

_NDJSON: Final = frozenset(
    {b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines"}
)
_GZIP_MAGIC_AND_CRC: Final = 16 + zlib.MAX_WBITS
#: What follows a member is copied for the next one, so their number must not be the sender's choice.
_GZIP_MEMBERS: Final = 100


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


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The body, inflated where it is gzip.

    Raises:
        RequestRefusedError: 413 over a cap, 415 for another encoding, 400 for broken gzip.
        ClientDisconnect: the sender hung up.
    """
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b"gzip", b"x-gzip", b""):
        raise RequestRefusedError(415, "Content-Encoding must be gzip or none")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and len(length) < 20 and int(length) > limits.BODY_BYTES:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limits.BODY_BYTES:
            raise _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return _inflate(body) if encoding in (b"gzip", b"x-gzip") else body


def _too_large() -> RequestRefusedError:
    return RequestRefusedError(413, f"the body must have at most {limits.BODY_BYTES} bytes; send smaller batches")


def _inflate(body: bytes) -> bytes:
    """gzip, of one member or several, never holding more than the cap."""
    inflated: list[bytes] = []
    room = limits.INFLATED_BYTES
    for _ in range(_GZIP_MEMBERS):
        if not body:
            break
        member = zlib.decompressobj(_GZIP_MAGIC_AND_CRC)
        try:
            # One byte more than there is room for tells "full" from "too much".
            part = member.decompress(body, room + 1)
        except zlib.error as error:
            raise RequestRefusedError(400, "the body is not gzip, though Content-Encoding says so") from error
        if len(part) > room:
            raise RequestRefusedError(
                413,
                f"the body must have at most {limits.INFLATED_BYTES} bytes when inflated; send smaller batches",
            )
        if not member.eof:
            raise RequestRefusedError(400, "the gzip body ends too early")
        inflated.append(part)
        room -= len(part)
        body = member.unused_data
    if body:
        raise RequestRefusedError(400, f"the gzip body must have at most {_GZIP_MEMBERS} members")
    return b"".join(inflated)


def decode(body: bytes, content_type: bytes) -> Decoded:
    """The events in a body. NDJSON goes by the content type; all else is JSON, whatever it is called, since curl's
    `-d` and a browser's beacon call it something else.

    Raises:
        RequestRefusedError: 400 when it is not JSON, 413 for too many events.
    """
    # Each of them takes a byte at least.
    if len(body) > limits.BODY_VALUES and sum(map(body.count, (b",", b"{", b"[", b"\n"))) > limits.BODY_VALUES:
        raise RequestRefusedError(413, f"the body must have at most {limits.BODY_VALUES} values; send smaller batches")
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
        raise RequestRefusedError(400, f"the body is not JSON: {error}") from error
    if isinstance(value, list):
        _check_count(len(value))
        return Decoded(value, many=True, size=len(body), plain=plain)
    return Decoded([value], many=False, size=len(body), plain=plain)


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
