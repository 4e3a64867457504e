"""The one writer: requests queue up, as many as wait are committed at once, and each gets its answer.

This is group commit. An fsync takes its time and the answer must come after it; while one runs, the next batch gathers,
so the disk sets the number of commits a second and not the number of events. Comes after `ingest.py`, awaits
`Storage.write`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from .. import instants, limits
from ..errors import EventUnstorableError, LevqorError, OverloadedError, StorageUnavailableError
from ..severity import Severity
from ..storage import NewEvent, Storage, StoredEvent

logger = logging.getLogger("levqor_errors.collector")

WriteResult: TypeAlias = StoredEvent | EventUnstorableError

#: Different reasons that are logged while writes fail; each once.
_REASONS_TOLD: Final = 10


class Outage(NamedTuple):
    """Writes fail: none has worked since the first that did not."""

    #: When they began to fail.
    since: str
    #: The same, and the last failure, in seconds of `time.monotonic()`.
    first: float
    last: float
    #: Of the last failure, fit for anyone.
    why: str
    #: How many requests were refused for it.
    requests: int


class _Job(NamedTuple):
    events: Sequence[NewEvent]
    size: int
    future: asyncio.Future[list[WriteResult]]
    #: When it came, in seconds of `time.monotonic()`.
    at: float


class _Queue:
    """What waits on one event loop, and what is being committed for it. A collector has one loop; an application that
    it is mounted in may have several, and its tests one for each request."""

    def __init__(self) -> None:
        self.jobs: deque[_Job] = deque()
        self.events = 0
        self.size = 0
        #: Whether `Writer._send` is about to look at it.
        self.looked_at = False
        #: The commits under way, the oldest first.
        self.commits: dict[asyncio.Task[None], _Commit] = {}


class _Commit(NamedTuple):
    #: When its oldest event came.
    at: float
    events: int


class Writer:
    """Commits events, a batch after the other.

    Args:
        storage: where to.
        most_events: how many may wait.
        most_size: how large the waiting ones may be, by the sizes given to `submit`.

    Attributes:
        on_critical: called when a critical event is committed; must return at once.
    """

    def __init__(
        self, storage: Storage, *, most_events: int = limits.QUEUE_EVENTS, most_size: int = limits.QUEUE_CHARS
    ) -> None:
        self.on_critical: Callable[[], None] | None = None
        self._storage = storage
        self._most_events = most_events
        self._most_size = most_size
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()
        self._last: tuple[asyncio.AbstractEventLoop | None, _Queue] = None, _Queue()
        self._closed = False
        # What it tells of itself.
        self._stored = dict.fromkeys((severity.value for severity in Severity), 0)
        self._commits = 0
        self._commit_seconds = 0.0
        self._outage: Outage | None = None
        self._reasons: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many events are not yet committed, queued or in a commit under way."""
        return sum(
            queue.events + sum(commit.events for commit in queue.commits.values()) for queue in self._queues.values()
        )

    @property
    def lag(self) -> float:
        """How many seconds the oldest event that is not yet committed has waited, queued or in a commit under way."""
        oldest = [commit.at for queue in self._queues.values() for commit in queue.commits.values()]
        oldest += [queue.jobs[0].at for queue in self._queues.values() if queue.jobs]
        return max(0.0, time.monotonic() - min(oldest)) if oldest else 0.0

    @property
    def stored(self) -> Mapping[str, int]:
        """How many new events were stored since the start, by severity; retries of stored ones are none."""
        return self._stored

    @property
    def commits(self) -> int:
        """How many commits there were since the start."""
        return self._commits

    @property
    def commit_seconds(self) -> float:
        """How long all of those took together."""
        return self._commit_seconds

    @property
    def outage(self) -> Outage | None:
        """Since when and why writes fail; `None` while they work."""
        return self._outage

    async def submit(self, events: Sequence[NewEvent], size: int) -> list[WriteResult]:
        """Wait until the events are committed.

        Args:
            events: at least one.
            size: about how many bytes of memory they hold.

        Raises:
            OverloadedError: the queue is full; nothing was queued.
            StorageUnavailableError: the database did not take them; nothing is stored.
        """
        loop = asyncio.get_running_loop()
        queue = self._queue(loop)
        if self._closed:
            raise StorageUnavailableError("the collector is stopping")
        # A request alone is always let in, however large: the body's own limit bounds it.
        if queue.jobs and (queue.events + len(events) > self._most_events or queue.size + size > self._most_size):
            raise OverloadedError
        job = _Job(events, size, loop.create_future(), time.monotonic())
        queue.jobs.append(job)
        queue.events += len(events)
        queue.size += size
        if not queue.looked_at:
            # Not at once: the loop goes through what it is at now, and all of that goes into one commit.
            queue.looked_at = True
            loop.call_soon(self._send, queue)
        return await job.future

    def _queue(self, loop: asyncio.AbstractEventLoop) -> _Queue:
        last_loop, queue = self._last
        if last_loop is not loop:
            queue = self._queues.setdefault(loop, _Queue())
            # A weak dictionary is slow to ask, and nearly always the answer is the same.
            self._last = loop, queue
        return queue

    async def drain(self) -> None:
        """Take no more, and wait until what is waiting on this event loop is committed or refused."""
        self._closed = True
        queue = self._queues.get(asyncio.get_running_loop())
        while queue is not None and (queue.jobs or queue.commits):
            await asyncio.wait(set(queue.commits)) if queue.commits else await asyncio.sleep(0)

    def close(self) -> None:
        """Take no more. What still waits is refused; its senders send it again."""
        self._closed = True

    def _send(self, queue: _Queue) -> None:
        queue.looked_at = False
        while queue.jobs and self._may_send(queue):
            jobs = _take(queue)
            task = asyncio.get_running_loop().create_task(self._commit(queue, jobs))
            queue.commits[task] = _Commit(jobs[0].at, sum(len(job.events) for job in jobs))
            task.add_done_callback(lambda _: self._send(queue))

    def _may_send(self, queue: _Queue) -> bool:
        """Two at a time, so that the database has something to do while the answers of the first go out; but a commit
        costs as much for one event as for ten, so the second has to be worth it."""
        under_way = [commit.events for commit in queue.commits.values()]
        return not under_way or (len(under_way) == 1 and queue.events >= under_way[0])

    async def _commit(self, queue: _Queue, jobs: list[_Job]) -> None:
        events = [event for job in jobs for event in job.events]
        began = time.monotonic()
        try:
            results = await self._write(queue, events)
        except StorageUnavailableError as error:
            # Those who came meanwhile would each wait as long again for the same answer.
            jobs += _take_all(queue)
            self._note_failure(jobs, error, str(error))
            _refuse(jobs, error)
        except LevqorError as error:
            self._note_failure(jobs, error, "the database does not take events")
            _refuse(jobs, error)
        except Exception as error:  # noqa: BLE001 - this task must outlive whatever a batch does to it
            unavailable = StorageUnavailableError("the database does not answer", retry_after=10)
            unavailable.__cause__ = error
            self._note_failure(jobs, error, str(unavailable))
            _refuse(jobs, unavailable)
        else:
            self._note_commit(events, results, began)
            _answer(jobs, results)

    async def _write(self, queue: _Queue, events: Sequence[NewEvent]) -> list[WriteResult]:
        task = asyncio.current_task()
        assert task is not None
        try:
            return await self._storage.write(events)
        finally:
            # Before the answers go out, as below.
            del queue.commits[task]

    # Both run before the answers go out: who has his answer finds it in the numbers.

    def _note_commit(self, events: Sequence[NewEvent], results: Sequence[WriteResult], began: float) -> None:
        now = time.monotonic()
        self._commits += 1
        self._commit_seconds += now - began
        critical = self._stored[Severity.CRITICAL.value]
        for new, result in zip(events, results, strict=False):
            if isinstance(result, StoredEvent) and not result.duplicate:
                self._stored[new.event.severity] += 1
        if self.on_critical is not None and self._stored[Severity.CRITICAL.value] > critical:
            self.on_critical()
        if self._outage is not None:
            seconds, refused = round(now - self._outage.first, 1), self._outage.requests
            logger.warning("writes work again", extra={"after_seconds": seconds, "requests_refused": refused})
            self._outage = None
            self._reasons.clear()

    def _note_failure(self, jobs: Sequence[_Job], error: Exception, why: str) -> None:
        now = time.monotonic()
        outage = self._outage or Outage(instants.now(), now, now, why, 0)
        self._outage = outage._replace(last=now, why=why, requests=outage.requests + len(jobs))
        # Once, and not with every batch: a full disk must not be filled with lines about it.
        reason = str(error)
        if reason not in self._reasons and len(self._reasons) < _REASONS_TOLD:
            self._reasons.add(reason)
            told = {"reason": reason, "since": outage.since}
            if error.__cause__ is not None:
                told["cause"] = str(error.__cause__)
            expected = isinstance(error, StorageUnavailableError)
            logger.error(
                "writes fail; senders are told to come again", extra=told, exc_info=None if expected else error
            )


def _take(queue: _Queue) -> list[_Job]:
    """As many as fit one commit; at least one."""
    taken: list[_Job] = []
    events = 0
    while queue.jobs and (not taken or events + len(queue.jobs[0].events) <= limits.COMMIT_EVENTS):
        job = queue.jobs.popleft()
        taken.append(job)
        events += len(job.events)
        queue.size -= job.size
    queue.events -= events
    return taken


def _take_all(queue: _Queue) -> list[_Job]:
    taken = list(queue.jobs)
    queue.jobs.clear()
    queue.events = queue.size = 0
    return taken


# A sender that hung up has cancelled its future; what it sent is stored all the same.


def _answer(jobs: Iterable[_Job], results: Sequence[WriteResult]) -> None:
    start = 0
    for job in jobs:
        end = start + len(job.events)
        if not job.future.done():
            job.future.set_result(list(results[start:end]))
        start = end


def _refuse(jobs: Iterable[_Job], error: LevqorError) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(error)
