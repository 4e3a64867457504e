"""The one writer: requests queue up, a thread commits as many at once as are waiting, and each gets its answer.

This is group commit. An fsync costs milliseconds and the answer must come after it; while one runs, the next batch
gathers, so the disk sets the number of commits a second and not the number of events. Comes after `ingest.py`, calls
`Storage.write`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Final, NamedTuple, TypeAlias

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
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[WriteResult]]
    #: When it came, in seconds of `time.monotonic()`.
    at: float


class Writer:
    """Commits events on a thread of its own, which starts with the first of them.

    Args:
        storage: where to; used by this thread only for writing.
        most_events: how many may wait.
        most_size: how large the waiting ones may be, by the sizes given to `submit`.
    """

    def __init__(
        self, storage: Storage, *, most_events: int = limits.QUEUE_EVENTS, most_size: int = limits.QUEUE_CHARS
    ) -> None:
        self._storage = storage
        self._most_events = most_events
        self._most_size = most_size
        self._jobs: deque[_Job] = deque()
        self._events = 0
        self._size = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        # What it tells of itself: written by its thread alone, read by any.
        self._stored = dict.fromkeys((severity.value for severity in Severity), 0)
        self._commits = 0
        self._commit_seconds = 0.0
        self._oldest: float | None = None
        self._outage: Outage | None = None
        self._reasons: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many events are queued and not yet committed."""
        return self._events

    @property
    def lag(self) -> float:
        """How many seconds the oldest event that is not yet committed has waited, queued or in a commit under way."""
        with self._changed:
            oldest = self._oldest
            if oldest is None and self._jobs:
                oldest = self._jobs[0].at
        return 0.0 if oldest is None else time.monotonic() - oldest

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
        job = _Job(events, size, loop, loop.create_future(), time.monotonic())
        with self._changed:
            if self._closed:
                raise StorageUnavailableError("the collector is stopping")
            # A request alone is always let in, however large: the body's own limit bounds it.
            if self._jobs and (self._events + len(events) > self._most_events or self._size + size > self._most_size):
                raise OverloadedError
            self._jobs.append(job)
            self._events += len(events)
            self._size += size
            self._changed.notify()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="levqor-errors-writer", daemon=True)
                thread.start()
                self._thread = thread
        return await job.future

    def close(self) -> None:
        """Commit what is waiting, then stop. Blocks until both are done."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while jobs := self._take():
            events = [event for job in jobs for event in job.events]
            began = time.monotonic()
            try:
                results = self._storage.write(events)
            except StorageUnavailableError as error:
                # Those who came meanwhile would each wait as long again for the same answer.
                jobs += self._take_all()
                self._note_failure(jobs, error, str(error))
                self._settle(jobs, error=error)
            except LevqorError as error:
                self._note_failure(jobs, error, "the database does not take events")
                self._settle(jobs, error=error)
            except Exception as error:  # noqa: BLE001 - this thread must outlive whatever a batch does to it
                unavailable = StorageUnavailableError("the database does not answer", retry_after=10)
                unavailable.__cause__ = error
                self._note_failure(jobs, error, str(unavailable))
                self._settle(jobs, error=unavailable)
            else:
                self._note_commit(events, results, began)
                self._settle(jobs, results=results)

    # Both run before the answers go out: who has his answer finds it in the numbers.

    def _note_commit(self, events: Sequence[NewEvent], results: Sequence[WriteResult], began: float) -> None:
        now = time.monotonic()
        self._oldest = None
        self._commits += 1
        self._commit_seconds += now - began
        for new, result in zip(events, results, strict=False):
            if isinstance(result, StoredEvent) and not result.duplicate:
                self._stored[new.event.severity] += 1
        if self._outage is not None:
            seconds, refused = round(now - self._outage.first, 1), self._outage.requests
            logger.warning("writes work again", extra={"after_seconds": seconds, "requests_refused": refused})
            self._outage = None
            self._reasons.clear()

    def _note_failure(self, jobs: Sequence[_Job], error: Exception, why: str) -> None:
        now = time.monotonic()
        self._oldest = None
        outage = self._outage or Outage(instants.to_text(datetime.now(timezone.utc)), now, now, why, 0)
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

    def _take(self) -> list[_Job]:
        """Wait for jobs and take as many as fit one commit; none means that the writer is to stop."""
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            if self._jobs:
                self._oldest = self._jobs[0].at
            taken: list[_Job] = []
            events = 0
            while self._jobs and (not taken or events + len(self._jobs[0].events) <= limits.COMMIT_EVENTS):
                job = self._jobs.popleft()
                taken.append(job)
                events += len(job.events)
                self._size -= job.size
            self._events -= events
            return taken

    def _take_all(self) -> list[_Job]:
        with self._changed:
            taken = list(self._jobs)
            self._jobs.clear()
            self._events = self._size = 0
            return taken

    def _settle(
        self, jobs: Sequence[_Job], *, results: Sequence[WriteResult] = (), error: LevqorError | None = None
    ) -> None:
        """Hand out the outcome: one wake-up for each event loop, not one for each request."""
        calls: dict[asyncio.AbstractEventLoop, list[Callable[[], None]]] = {}
        start = 0
        for job in jobs:
            end = start + len(job.events)
            calls.setdefault(job.loop, []).append(_outcome(job.future, list(results[start:end]), error))
            start = end
        for loop, outcomes in calls.items():
            try:
                loop.call_soon_threadsafe(_call_all, outcomes)
            except RuntimeError:
                # Its loop has ended, and with it everybody who could have waited there.
                logger.debug("an event loop ended before its events were committed")


def _outcome(
    future: asyncio.Future[list[WriteResult]], results: list[WriteResult], error: LevqorError | None
) -> Callable[[], None]:
    def settle() -> None:
        # A sender that hung up has cancelled its future; what it sent is stored all the same.
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(results)

    return settle


def _call_all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
