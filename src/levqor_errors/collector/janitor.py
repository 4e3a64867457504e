"""The janitor: a thread that keeps the database within its days and bytes, and writes down what was refused.

It works in short steps with pauses between, so that events can be committed all the while. Nothing that fails ends it:
it tells the log once, tells `/healthz` and `/metrics` by `failing`, and tries again later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Final

from .. import instants
from ..errors import StorageError, StorageUnavailableError
from ..storage import Storage
from .refusals import Refusals

logger = logging.getLogger("levqor_errors.collector")

#: Between two looks at the database's size.
TICK_SECONDS: Final = 2.0
#: Between two searches for events that are too old.
PRUNE_SECONDS: Final = 60.0
#: After failures the next look comes later and later, up to this.
_BACKOFF_SECONDS: Final = 60.0
#: Between two steps: as long as the step took, within these.
_LEAST_PAUSE_SECONDS: Final = 0.01
_MOST_PAUSE_SECONDS: Final = 0.05
#: The most that one step deletes. Each step also ends after some milliseconds by itself.
_STEP_EVENTS: Final = 500
#: Thinning begins when the database is this full, and ends when it is this full again.
_THIN_ABOVE: Final = 0.90
_THIN_TO: Final = 0.85
_CLOSE_SECONDS: Final = 5.0


class Janitor:
    """Starts at once.

    Args:
        storage: what is kept in order.
        refusals: written down at every look.
        retention_days: how long an event is kept; `None`: for good.
        max_bytes: how large the database may become; `None`: no matter how large.
    """

    def __init__(
        self, storage: Storage, refusals: Refusals, *, retention_days: int | None = None, max_bytes: int | None = None
    ) -> None:
        self._storage = storage
        self._refusals = refusals
        self._retention_days = retention_days
        self._max_bytes = max_bytes
        self._next_prune = 0.0
        self._failures = 0
        self._stopping = threading.Event()
        #: What goes wrong, fit for an answer to anyone; `None` while all is well.
        self.failing: str | None = None
        #: When all was last seen to be well.
        self.last_run: str | None = None
        self._thread = threading.Thread(target=self._run, name="levqor-errors-janitor", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the step under way, and write down what was refused until now. Blocks until both are done."""
        self._stopping.set()
        # A count of all events can take longer; closing the storage breaks it off.
        self._thread.join(_CLOSE_SECONDS)
        try:
            self._keep_refusals()
        except StorageError as error:
            logger.warning("what was refused in the last moments is not written down: %s", error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._tick()
            self._stopping.wait(min(TICK_SECONDS * 2**self._failures, _BACKOFF_SECONDS))

    def _tick(self) -> None:
        # Each on its own: on a full disk nothing can be written down, but something can be deleted.
        failures = [
            failure
            for job in (self._keep_refusals, self._prune, self._thin, self._give_back, self._tidy_issues)
            if not self._stopping.is_set() and (failure := self._try(job)) is not None
        ]
        if self._stopping.is_set():
            return
        if not failures:
            self._failures = 0
            self.failing = None
            self.last_run = instants.to_text(_now())
            return
        # The exponent needs a bound of its own: the numbers would grow for as long as the disk stays full.
        self._failures = min(self._failures + 1, 10)
        if failures[0] != self.failing:
            logger.warning("the upkeep of the database fails and is tried again: %s", failures[0])
        self.failing = failures[0]

    def _try(self, job: Callable[[], None]) -> str | None:
        """Do a job; returns what went wrong."""
        try:
            job()
        except StorageError as error:
            return str(error)
        except Exception as error:
            text = f"unexpected {type(error).__name__}"
            if text != self.failing:
                logger.exception("the upkeep of the database")
            return text
        return None

    def _keep_refusals(self) -> None:
        refused = self._refusals.drain()
        if not refused:
            return
        try:
            self._storage.add_refusals(refused)
        except BaseException:
            self._refusals.restore(refused)
            raise

    def _prune(self) -> None:
        if self._retention_days is None or time.monotonic() < self._next_prune:
            return
        try:
            before = instants.to_text(_now() - timedelta(days=self._retention_days))
        except OverflowError:
            # More days than the calendar has.
            return
        deleted = 0
        try:
            for _ in self._turns():
                step = self._storage.prune(before, most=_STEP_EVENTS)
                deleted += step
                if not step:
                    break
        finally:
            if deleted:
                logger.info("deleted %s events older than %s days", f"{deleted:,}", self._retention_days)
        with self._storage.alerts() as store:
            store.outbox.forget(before)
        self._forget_source_maps(before)
        self._next_prune = time.monotonic() + PRUNE_SECONDS

    def _forget_source_maps(self, before: str) -> None:
        forgotten = 0
        for _ in self._turns():
            with self._storage.source_maps() as maps:
                step = maps.forget(before)
            forgotten += step
            if not step:
                break
        if forgotten:
            logger.info("deleted %s source maps of releases without events", f"{forgotten:,}")

    def _thin(self) -> None:
        if self._max_bytes is None:
            return
        size = self._storage.size()
        if size.live <= self._max_bytes * _THIN_ABOVE and not size.wanted:
            return
        target = min(self._max_bytes * _THIN_TO, self._max_bytes * _THIN_ABOVE - size.wanted)
        events = issues = 0
        try:
            for _ in self._turns():
                if self._storage.size().live <= target:
                    break
                thinned = self._storage.thin(most=_STEP_EVENTS)
                if not any(thinned):
                    raise StorageUnavailableError("the database is full, and nothing in it may be deleted")
                events += thinned.events
                issues += thinned.issues
                # Only when the full-text index has let go of them, too, can be seen how much room they left.
                self._give_back()
        finally:
            if events or issues:
                logger.info(
                    "deleted the oldest events of the noisiest issues, %s, and %s issues without events: "
                    "the database was nearly as large as it may become",
                    f"{events:,}",
                    f"{issues:,}",
                )

    def _give_back(self) -> None:
        for _ in self._turns():
            if not self._storage.give_back():
                break

    def _tidy_issues(self) -> None:
        for _ in self._turns():
            if not self._storage.tidy_issues(instants.to_text(_now()), most=_STEP_EVENTS):
                break

    def _turns(self) -> Iterator[None]:
        return turns(self._stopping)


def turns(stopping: threading.Event) -> Iterator[None]:
    """Until the end, with a pause after each step that leaves about half of the time to the events."""
    while not stopping.is_set():
        started = time.monotonic()
        yield
        took = time.monotonic() - started
        stopping.wait(min(max(took, _LEAST_PAUSE_SECONDS), _MOST_PAUSE_SECONDS))


def _now() -> datetime:
    return datetime.now(timezone.utc)
