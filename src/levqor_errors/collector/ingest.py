"""`POST /api/errors/log`: anyone may post events, and a 2xx means that they are committed.

Who is it, and has it a key -> body -> how much may it send -> gate (`event.normalize`) -> grouping -> writer -> answer.
What is not taken is counted, exactly, in `refusals.py`. A bare ASGI endpoint, since it is the hot path.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Set
from datetime import datetime, timezone
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from .. import instants, limits
from ..errors import (
    EventUnstorableError,
    InvalidEventError,
    LevqorError,
    OverloadedError,
    RateLimitedError,
    RequestRefusedError,
    StorageUnavailableError,
)
from ..event import normalize
from ..storage import NewEvent
from .answers import error_status, send_empty, send_json
from .body import Decoded, decode, read_body
from .cors import Cors
from .keys import Keys, bind
from .limiter import Limiter
from .proxies import client_of
from .refusals import Reason, Refusals
from .regrouping import RulesInForce
from .writer import Writer, WriteResult

logger = logging.getLogger("levqor_errors.collector")

_TURN: Final = 50


class Ingest:
    """The endpoint.

    Args:
        writer: where events go to be committed.
        refusals: where what is not taken is counted.
        limiter: how much may be sent; `None`: there is no limit.
        keys: who may send.
        cors: which web pages may.
        rules: by which events are grouped.
    """

    def __init__(
        self,
        writer: Writer,
        refusals: Refusals,
        limiter: Limiter | None,
        keys: Keys,
        cors: Cors,
        rules: RulesInForce,
    ) -> None:
        self._writer = writer
        self._rules = rules
        self._clock = _Clock()
        self._refusals = refusals
        self._limiter = limiter
        self._keys = keys
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if scope["method"] == "OPTIONS":
            await send_empty(send, self._cors.preflight(origin))
            return
        client = client_of(scope)
        if self._limiter is not None:
            client = self._limiter.alias(client)
        events = size = 0
        try:
            service = self._keys.service(headers, scope["query_string"])
            if self._limiter is not None and (told := self._limiter.told(client)) is not None:
                receive = _unless_large(headers, receive, told)
            body = await read_body(headers, receive)
            size = len(body)
            decoded = decode(body, headers.get(b"content-type", b""))
            events = len(decoded.events)
            status, answer = await (self._many if decoded.many else self._one)(decoded, client, service)
        except ClientDisconnect:
            return
        except LevqorError as error:
            self._refuse(error, client, events, size or _claimed_size(headers))
            status, retry_after = error_status(error)
            answer = {"ok": False, "error": str(error)}
            await send_json(send, status, answer, retry_after, self._cors.headers(origin))
        except Exception:
            # Nothing of Starlette is around this to answer in its place.
            logger.exception("a request was not dealt with")
            await send_json(
                send, 500, {"ok": False, "error": "internal error; the collector's log has the details"}, None,
                self._cors.headers(origin),
            )  # fmt: skip
        else:
            await send_json(send, status, answer, None, self._cors.headers(origin))

    async def _one(self, decoded: Decoded, client: str, service: str) -> tuple[int, dict[str, Any]]:
        (raw,) = decoded.events
        if not isinstance(raw, dict):
            raise RequestRefusedError(400, "the body must be a JSON object (an event) or an array of them")
        event = bind(normalize(raw, received_at=self._clock.now(), plain=decoded.plain), service)
        grouper = self._rules.grouper
        new = NewEvent(event, grouper.group(event), rules=grouper.version)
        (result,) = await self._store([new], decoded, client)
        if isinstance(result, EventUnstorableError):
            raise result
        return 200 if result.duplicate else 201, {"ok": True, "id": result.id, "event_id": result.event_id}

    async def _many(self, decoded: Decoded, client: str, service: str) -> tuple[int, dict[str, Any]]:
        if self._limiter is not None:
            # Before the gate, whose work on a large batch is what a flood would cost most.
            self._limiter.check(client, len(decoded.events), decoded.size)
        now = self._clock.now()
        grouper = self._rules.grouper
        # Texts and not the errors themselves: those hold this frame, and with it the batch, beyond the answer.
        refused: list[tuple[int, Reason, str]] = []
        events: list[NewEvent] = []
        indexes: list[int] = []
        for index, raw in enumerate(decoded.events):
            if index % _TURN == _TURN - 1:
                # Other requests get their turn while a large batch goes through the gate.
                await asyncio.sleep(0)
            if isinstance(raw, InvalidEventError):
                refused.append((index, Reason.INVALID, str(raw)))
                continue
            try:
                event = bind(normalize(raw, received_at=now, plain=decoded.plain), service)
            except (InvalidEventError, RequestRefusedError) as error:
                refused.append((index, _reason(error), str(error)))
            else:
                events.append(NewEvent(event, grouper.group(event), rules=grouper.version))
                indexes.append(index)
        results = await self._store(events, decoded, client)
        for index, result in zip(indexes, results, strict=True):
            if isinstance(result, EventUnstorableError):
                refused.append((index, _reason(result), str(result)))
        for reason, count in Counter(reason for _, reason, _ in refused).items():
            self._refusals.count(reason, now=instants.to_text(self._clock.now()), requests=0, events=count)
        refused.sort(key=lambda entry: entry[0])
        return 200, {
            "ok": True,
            "accepted": len(decoded.events) - len(refused),
            "rejected": [{"index": index, "error": why} for index, _, why in refused],
        }

    async def _store(self, events: list[NewEvent], decoded: Decoded, client: str) -> list[WriteResult]:
        """Commit what the limits let through, with as many new issues as they allow."""
        limiter = self._limiter
        if limiter is not None:
            limiter.admit(client, _by_service(events), len(decoded.events), decoded.size)
        if not events:
            return []
        if limiter is None or not (unseen := limiter.issues.unseen({new.group.fingerprint for new in events})):
            return await self._writer.submit(events, decoded.size)
        lent = limiter.issues.lend(client, len(unseen))
        if lent < len(unseen):
            events = _opening_at_most(events, lent, unseen)
        opened: set[str] = set()
        committed: set[str] = set()
        try:
            results = await self._writer.submit(events, decoded.size)
            for new, result in zip(events, results, strict=True):
                if new.may_open and not isinstance(result, EventUnstorableError):
                    committed.add(new.group.fingerprint)
                    if result.new_issue:
                        opened.add(new.group.fingerprint)
            return results
        finally:
            limiter.issues.settle(client, lent, len(opened), committed)

    def _refuse(self, error: LevqorError, client: str, events: int, size: int) -> None:
        """Count a request that was refused as a whole."""
        reason = _reason(error)
        self._refusals.count(reason, now=instants.to_text(self._clock.now()), events=events)
        if reason is Reason.INVALID and self._limiter is not None:
            self._limiter.charge(client, events, size)


def _reason(error: LevqorError) -> Reason:
    match error:
        case RateLimitedError():
            return Reason(error.limit)
        case OverloadedError():
            return Reason.OVERLOADED
        case StorageUnavailableError():
            return Reason.UNAVAILABLE
        case RequestRefusedError() if error.status in (401, 403):
            return Reason.KEY
    return Reason.INVALID


def _by_service(events: list[NewEvent]) -> Mapping[str, int]:
    return {events[0].event.service: 1} if len(events) == 1 else Counter(new.event.service for new in events)


def _opening_at_most(events: list[NewEvent], most: int, unseen: Set[str]) -> list[NewEvent]:
    """The events, of which those of unseen groups but the first so many may open no issue."""
    may: set[str] = set()
    limited: list[NewEvent] = []
    for new in events:
        fingerprint = new.group.fingerprint
        if fingerprint in unseen and fingerprint not in may:
            if len(may) == most:
                limited.append(new._replace(may_open=False))
                continue
            may.add(fingerprint)
        limited.append(new)
    return limited


def _unless_large(headers: Mapping[bytes, bytes], receive: Receive, error: LevqorError) -> Receive:
    """A `receive` that raises `error` once a body is large, by what is claimed or what has come.

    Raises:
        LevqorError: `error`, at once when the body is claimed to be large.
    """
    most = limits.UNREAD_GZIP_BYTES if _is_gzip(headers) else limits.UNREAD_BYTES
    if _length(headers) > most:
        raise error
    size = 0

    async def receive_small() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise error
        return message

    return receive_small


def _length(headers: Mapping[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() and len(length) < 20 else 0


def _claimed_size(headers: Mapping[bytes, bytes]) -> int:
    """About how many bytes of work it was, at most, to find out that a body cannot be read."""
    if _is_gzip(headers):
        return limits.INFLATED_BYTES
    # Of other encodings nothing is read.
    return 0 if headers.get(b"content-encoding") else min(_length(headers) or limits.BODY_BYTES, limits.BODY_BYTES)


def _is_gzip(headers: Mapping[bytes, bytes]) -> bool:
    return b"gzip" in headers.get(b"content-encoding", b"").lower()


class _Clock:
    """The time, the same for all that comes within a millisecond: it is stored with no more digits."""

    def __init__(self) -> None:
        self._milliseconds = 0
        self._now = datetime.now(timezone.utc)

    def now(self) -> datetime:
        milliseconds = time.time_ns() // 1_000_000
        if milliseconds != self._milliseconds:
            self._milliseconds = milliseconds
            self._now = datetime.now(timezone.utc)
        return self._now
