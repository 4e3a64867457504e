"""`POST /api/errors/log`: anyone may post events, and a 2xx means that they are committed.

Body -> gate (`event.normalize`) -> grouping -> writer -> answer. A bare ASGI endpoint, since it is the hot path.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ..errors import EventUnstorableError, InvalidEventError, LevqorError, RequestRefusedError
from ..event import normalize
from ..grouping import group
from ..storage import NewEvent
from .answers import error_status, send_json
from .body import Decoded, decode, read_body
from .writer import Writer

_TURN: Final = 50


class Ingest:
    """The endpoint.

    Args:
        writer: where events go to be committed.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._clock = _Clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = dict(scope["headers"])
            decoded = decode(await read_body(headers, receive), headers.get(b"content-type", b""))
            status, answer = await (self._many(decoded) if decoded.many else self._one(decoded))
        except ClientDisconnect:
            return
        except LevqorError as error:
            status, retry_after = error_status(error)
            await send_json(send, status, {"ok": False, "error": str(error)}, retry_after)
        else:
            await send_json(send, status, answer)

    async def _one(self, decoded: Decoded) -> tuple[int, dict[str, Any]]:
        (raw,) = decoded.events
        if not isinstance(raw, dict):
            raise RequestRefusedError(400, "the body must be a JSON object (an event) or an array of them")
        event = normalize(raw, received_at=self._clock.now(), plain=decoded.plain)
        (result,) = await self._writer.submit([NewEvent(event, group(event))], decoded.size)
        if isinstance(result, EventUnstorableError):
            raise result
        return 200 if result.duplicate else 201, {"ok": True, "id": result.id, "event_id": result.event_id}

    async def _many(self, decoded: Decoded) -> tuple[int, dict[str, Any]]:
        now = self._clock.now()
        rejected: list[dict[str, Any]] = []
        events: list[NewEvent] = []
        indexes: list[int] = []
        for index, raw in enumerate(decoded.events):
            if index % _TURN == _TURN - 1:
                # Other requests get their turn while a large batch goes through the gate.
                await asyncio.sleep(0)
            try:
                if isinstance(raw, InvalidEventError):
                    raise raw
                event = normalize(raw, received_at=now, plain=decoded.plain)
            except InvalidEventError as error:
                rejected.append({"index": index, "error": str(error)})
            else:
                events.append(NewEvent(event, group(event)))
                indexes.append(index)
        results = await self._writer.submit(events, decoded.size) if events else []
        accepted = 0
        for index, result in zip(indexes, results, strict=True):
            if isinstance(result, EventUnstorableError):
                rejected.append({"index": index, "error": str(result)})
            else:
                accepted += 1
        rejected.sort(key=lambda entry: int(entry["index"]))
        return 200, {"ok": True, "accepted": accepted, "rejected": rejected}


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
