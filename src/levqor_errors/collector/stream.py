"""`GET /api/errors/stream`: events as they are committed, as Server-Sent Events
(https://html.spec.whatwg.org/multipage/server-sent-events.html). What there is comes from `feed.py`.

An `id` is a cursor of the news. It comes with the last of the events that are sent together, which are one write:
whoever is cut off within them goes on before them, and meets some twice rather than one never. They are not named
`error`: a browser has an event of that name of its own, for a stream that is broken off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import instants, limits
from ..errors import StorageUnavailableError
from ..storage import Filters, Storage
from .answers import JsonResponse
from .auth import Auth
from .feed import Feed
from .follower import Batch, Follower
from .queries import read_filters

#: How long a browser waits before it connects again, in milliseconds.
_RETRY: Final = b"retry: 1000\n\n"
_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # nginx would keep back an answer until it has some kilobytes of it.
    "X-Accel-Buffering": "no",
}


class Stream:
    """The endpoint.

    Args:
        feed: what is new.
        auth: whether who is signed in still is.

    Attributes:
        heartbeat_seconds: between two comments, and two looks whether a session is still in force.
    """

    def __init__(self, feed: Feed, auth: Auth) -> None:
        self.heartbeat_seconds = limits.HEARTBEAT_SECONDS
        self._feed = feed
        self._auth = auth

    async def get(self, request: Request) -> ASGIApp:
        """GET /api/errors/stream."""
        filters = read_filters(request.query_params)
        if request.method == "HEAD":
            return Response(headers=_HEADERS)
        # The header is that of a browser that comes back, and knows better than the address that it began with.
        after = request.headers.get("last-event-id") or request.query_params.get("after") or None

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            follower = self._feed.join(filters, after)
            if follower is None:
                error = {"ok": False, "error": f"there are {limits.STREAMS} streams already, or the collector ends"}
                refusal = JsonResponse(error, 503, {"Retry-After": str(limits.RETRY_SECONDS)})
                await refusal(scope, receive, send)
                return
            try:
                await self._serve(request, follower, receive, send)
            finally:
                self._feed.leave(follower)

        return answer

    async def _serve(self, request: Request, follower: Follower, receive: Receive, send: Send) -> None:
        """Until the client is gone, or there is nothing to be told any more."""
        talk = asyncio.create_task(self._talk(request, follower, send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((talk, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            talk.cancel()
            gone.cancel()
            await asyncio.gather(talk, gone, return_exceptions=True)
        if not talk.cancelled():
            # Other servers raise this where uvicorn says nothing.
            with suppress(OSError):
                talk.result()

    async def _talk(self, request: Request, follower: Follower, send: Send) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        clock = asyncio.get_running_loop().time
        beat = clock() + self.heartbeat_seconds
        told: str | None = None
        while True:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(follower.ready.wait(), max(beat - clock(), 0))
            due = clock() >= beat
            if follower.over or (due and not await self._is_signed_in(request)):
                break
            batch = follower.take()
            text = _written(batch, told)
            if due:
                beat = clock() + self.heartbeat_seconds
                text = text or b":\n\n"
            if text:
                told = batch.cursor
                await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _is_signed_in(self, request: Request) -> bool:
        if "x-internal-secret" in request.headers:
            return True
        try:
            return await self._auth.has_session(request)
        except StorageUnavailableError:
            # Without the database nothing is told either.
            return True


def query_of_page(storage: Storage, given: Mapping[str, str], filters: Filters) -> str | None:
    """The query of a stream that tells what a page of the newest events does not show yet.

    Ask before the page's events are read, so that none falls between them and the stream; what is in both is known by
    its id.

    Args:
        storage: where the page is read from.
        given: the page's filters, as in its address.
        filters: the same, read.

    Returns:
        `None`: nothing can come, since the page's range is over.

    Raises:
        StorageUnavailableError: as reading the page would.
    """
    if filters.until is not None and filters.until <= instants.now():
        return None
    now = storage.news(None, most=1)
    return urlencode({**given, "after": now.cursor})


def _written(batch: Batch, told: str | None) -> bytes:
    """As lines; with a cursor if there is another one than was told."""
    parts = [b"event: missed\ndata: {}\n"] if batch.missed else []
    parts += [b"event: new\ndata: %b\n" % event for event in batch.events]
    if batch.more:
        parts.append(b'event: more\ndata: {"count": %d}\n' % batch.more)
    if batch.cursor is not None and batch.cursor != told:
        cursor = b"id: %b\n" % batch.cursor.encode()
        if parts:
            parts[-1] = cursor + parts[-1]
        else:
            # By itself it is no event, and is remembered all the same.
            parts.append(cursor)
    return b"".join(part + b"\n" for part in parts)


async def _gone(receive: Receive) -> None:
    """Until the client is."""
    while (await receive())["type"] != "http.disconnect":
        pass
