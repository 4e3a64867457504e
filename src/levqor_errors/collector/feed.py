"""What has just been committed, for all who watch it live: one watcher and one reader of news for a process, however
many streams it has.

The feed reads what is new once a second at most, finds for each set of filters what matches, and leaves it with the
followers (`follower.py`), from which `stream.py` sends it. It waits for none of them.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import closing, suppress
from functools import partial
from typing import Final, NamedTuple

import orjson
from starlette.concurrency import run_in_threadpool

from .. import limits
from ..errors import StorageUnavailableError
from ..storage import Filters, News, Storage
from .follower import Follower, Found

logger = logging.getLogger("levqor_errors.collector")

#: How often it is looked whether the server has been told to end.
_LOOK_SECONDS: Final = 1.0


class _Beginning(NamedTuple):
    """What a follower begins with; see `Follower.begin`."""

    found: Found | None
    cursor: str
    seen: Set[int] = frozenset()


class _Round(NamedTuple):
    """What was read in one go."""

    cursor: str
    more: bool
    missed: bool
    #: `None`: the database did not say.
    found: Mapping[Filters, Found | None]
    #: Of those who join, in their order; of none where there is `more`.
    beginnings: Sequence[_Beginning]


class Feed:
    """All followers of a process. Used on one event loop; `close` may be called from anywhere.

    Args:
        storage: where to read.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._followers: dict[Follower, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._closed = False
        self._cursor: str | None = None

    def join(self, filters: Filters, after: str | None) -> Follower | None:
        """Begin to watch, until `leave`; `None`: there is no room for one more. See `Follower`."""
        if self._closed or len(self._followers) >= limits.STREAMS:
            return None
        follower = Follower(filters, after)
        self._followers[follower] = None
        self._woken.set()
        if self._task is None or self._task.done():
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._run())
        return follower

    def leave(self, follower: Follower) -> None:
        """Watch no more."""
        self._followers.pop(follower, None)
        self._woken.set()

    def close(self) -> None:
        """End it for all, at once; nobody can join any more."""
        self._closed = True
        loop = self._loop
        if loop is not None:
            # A loop that is closed has no followers left.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        for follower in self._followers:
            follower.end()
        self._woken.set()

    async def _run(self) -> None:
        """While there are followers."""
        wake = partial(_wake, asyncio.get_running_loop(), self._woken)
        try:
            with closing(await run_in_threadpool(self._storage.watch, wake)):
                while self._followers and not self._closed:
                    self._woken.clear()
                    if not await self._turn():
                        self._woken.set()
                    await asyncio.sleep(limits.STREAM_SECONDS)
                    await self._until_woken()
        except Exception:
            # They come again, and with the first of them a new task.
            if not self._closed:
                logger.exception("the live streams have ended")
        finally:
            self._cursor = None
            self._task = None
            self._end()

    async def _until_woken(self) -> None:
        while not (self._woken.is_set() or self._closed):
            self._closed = _server_ends()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _LOOK_SECONDS)

    async def _turn(self) -> bool:
        """Read what is new, and give it out; returns whether all of it was read."""
        begun = [follower for follower in self._followers if follower.begun]
        joining = [follower for follower in self._followers if not follower.begun]
        try:
            done = await run_in_threadpool(
                self._read,
                {follower.filters for follower in begun},
                [(follower.filters, follower.after) for follower in joining],
            )
        except StorageUnavailableError:
            return False
        self._cursor = done.cursor
        for follower in begun:
            found = None if done.missed else done.found[follower.filters]
            follower.add(found, done.cursor, last=not done.more)
        # Where not all could be read there is none for them, and they wait for the next turn.
        for follower, beginning in zip(joining, done.beginnings, strict=False):
            follower.begin(*beginning)
        return not done.more

    def _read(self, followed: Iterable[Filters], joining: Iterable[tuple[Filters, str | None]]) -> _Round:
        """What is new since the last time, for those who are there; and then what those missed who come back.

        In this order. What is read for one of these then begins before this moment and ends after it, and the next
        round goes on from this moment. Together they have everything since its cursor; what is in both, it knows by
        the ids.
        """
        news = self._news(self._cursor) if self._cursor else self._storage.news(None, most=1)
        texts: dict[int, bytes] = {}
        found = {filters: self._find(filters, news.ids, texts) for filters in followed}
        beginnings = []
        if not news.more:
            for filters, after in joining:
                if after is None:
                    beginnings.append(_Beginning(Found((), {}), news.cursor))
                    continue
                since = self._news(after)
                if since.missed or since.more:
                    beginnings.append(_Beginning(None, news.cursor))
                else:
                    theirs = self._find(filters, since.ids, texts)
                    beginnings.append(_Beginning(theirs, since.cursor, frozenset(since.ids)))
        return _Round(news.cursor, news.more, news.missed, found, beginnings)

    def _news(self, after: str) -> News:
        """What is new, not much more than `limits.STREAM_CATCH_UP`."""
        ids: list[int] = []
        while True:
            news = self._storage.news(after, most=limits.PAGE_MAX)
            ids += news.ids
            if not news.more or news.missed or len(ids) >= limits.STREAM_CATCH_UP:
                return news._replace(ids=ids)
            after = news.cursor

    def _find(self, filters: Filters, ids: Sequence[int], texts: dict[int, bytes]) -> Found | None:
        """What of these matches; texts are added to those that are there already."""
        try:
            if filters == Filters():
                found = sorted(ids)
            else:
                parts = (ids[start : start + limits.PAGE_MAX] for start in range(0, len(ids), limits.PAGE_MAX))
                found = sorted(id_ for part in parts for id_ in self._storage.matching(filters, part))
            wanted = [id_ for id_ in found[: limits.STREAM_EVENTS] if id_ not in texts]
            for event in self._storage.recent(Filters(), limit=limits.STREAM_EVENTS, among=wanted).errors:
                # A stack may be longer than all of the rest.
                del event["stack"]
                texts[event["id"]] = orjson.dumps(event)
        except StorageUnavailableError:
            # One that always takes too long must not hold up the others.
            return None
        return Found(found, texts)


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    # The loop of an application that never closed us may have ended.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(woken.set)


def _server_ends() -> bool:
    """Whether uvicorn has been told to end, also where it serves an application that we are mounted in.

    It waits for all answers under way before it tells the application, and a stream would never end by itself. Nothing
    but the server itself knows of it, and it is to be found as the one that takes the signal.
    """
    handler = signal.getsignal(signal.SIGTERM)
    return bool(getattr(getattr(handler, "__self__", None), "should_exit", False))
