"""The shipper: one background thread that brings the journal to the collector, in batches, until it is empty.

It starts with the first event and ends with the process; whatever it has not delivered by then stays in the journal
for the next process, or for a sibling that lives on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from .journal import Journal, Segment
from .render import render
from .transport import Outcome, Transport, Verdict

logger = logging.getLogger("levqor_errors.client")

#: Seconds to wait for more events after the first, so that they go out together.
LINGER: Final = 0.2
#: Seconds between looks for segments of processes that have died.
SCAN_EVERY: Final = 10.0
BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 1024 * 1024
BACKOFF_FIRST: Final = 0.5
BACKOFF_MOST: Final = 60.0


class _Stop:
    """Asks the thread to try once more and end."""


_STOP: Final = _Stop()


class Shipper:
    """Delivers a journal.

    Args:
        journal: what to deliver.
        make_transport: how to reach the collector; called on the shipper's thread.
    """

    def __init__(self, journal: Journal, make_transport: Callable[[], Transport]) -> None:
        self._journal = journal
        self._make_transport = make_transport
        self._reset()

    def _reset(self) -> None:
        self._thread: threading.Thread | None = None
        self._start_lock = threading.RLock()
        # SimpleQueue.put is re-entrant, unlike Queue.put and Event.set: an event may be logged from a signal handler.
        self._wishes: queue.SimpleQueue[threading.Event | _Stop | None] = queue.SimpleQueue()
        self._idle = False
        self._stopping = False
        self._flushes: list[threading.Event] = []
        self._failures = 0
        self._backoff = 0.0
        #: Events not delivered for good, by reason.
        self.refused: Counter[str] = Counter()
        self.delivered = 0

    def after_fork(self) -> None:
        """In a forked child: there is no thread here, and the parent's wishes are the parent's."""
        self._reset()

    def notify(self) -> None:
        """An event was appended. Costs next to nothing while the thread is busy or already called."""
        if self._idle:
            self._idle = False
            self._wishes.put(None)
        elif self._thread is None:
            self._start()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was appended before is delivered or refused, or the time is over."""
        if not self._start():
            return False
        done = threading.Event()
        self._wishes.put(done)
        return done.wait(timeout)

    def stop(self, timeout: float) -> None:
        """Deliver what goes out at once, and end; what does not stays in the journal."""
        if self._thread is None:
            return
        self._stopping = True
        self._wishes.put(_STOP)
        self._thread.join(timeout)

    def _start(self) -> bool:
        with self._start_lock:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="levqor-errors-shipper", daemon=True)
                # From Python 3.12 no thread starts once the interpreter is shutting down; the journal has the event.
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
            return self._thread is not None

    def _run(self) -> None:
        transport = self._make_transport()
        try:
            while True:
                if not self._stopping and not self._flushes:
                    self._hear(LINGER)
                self._journal.rotate()
                complete = self._deliver_all(transport)
                self._hear_waiting()
                if complete:
                    self._failures = 0
                    if not self._journal.has_events():
                        self._flushed()
                if self._stopping:
                    return
                self._rest(complete)
        finally:
            transport.close()

    def _rest(self, complete: bool) -> None:
        """Sleep until there is something to do: an event, a wish, the end of a backoff, or time to look around."""
        if self._flushes:
            # Somebody waits: a new try soon, though not at once.
            self._hear(0 if complete else BACKOFF_FIRST)
        elif complete:
            self._idle = True
            # Appended between the last delivery and the line above: its notify() found us busy.
            if not self._journal.has_events():
                self._hear(SCAN_EVERY)
            self._idle = False
        else:
            self._hear(self._backoff)

    def _hear(self, seconds: float) -> None:
        """Wait for a wish. Waiting out a backoff ends early only for a flush or a stop, not for each new event."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                wish = self._wishes.get(timeout=left)
            except queue.Empty:
                return
            if self._note(wish) or self._failures == 0:
                return

    def _hear_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._note(self._wishes.get_nowait())

    def _note(self, wish: threading.Event | _Stop | None) -> bool:
        if isinstance(wish, threading.Event):
            self._flushes.append(wish)
        return wish is not None

    def _flushed(self) -> None:
        for done in self._flushes:
            done.set()
        self._flushes.clear()

    def _deliver_all(self, transport: Transport) -> bool:
        """One pass over all that can be taken; False when the collector is not to be had, so that it makes no sense to
        go on now."""
        lines = self._journal.take_memory()
        if lines and not self._deliver(transport, [_finish(line, {}) for line in lines]):
            self._journal.give_back(lines)
            return False
        for path in self._journal.closed():
            segment = self._journal.take(path)
            if segment is None:
                continue
            if not self._deliver_segment(transport, segment):
                segment.release()
                return False
            segment.remove()
        return True

    def _deliver_segment(self, transport: Transport, segment: Segment) -> bool:
        if segment.torn:
            self.refused["torn"] += 1
        return all(self._deliver(transport, batch) for batch in _batches(segment))

    def _deliver(self, transport: Transport, batch: Sequence[bytes | None]) -> bool:
        """Deliver a batch, in halves where it is refused as a whole, down to the one event at fault."""
        events = [event for event in batch if event is not None]
        self.refused["damaged"] += len(batch) - len(events)
        if not events:
            return True
        outcome = transport.send(events)
        if outcome.verdict is Verdict.DELIVERED:
            self._refuse(outcome.rejected)
            self.delivered += len(events) - len(outcome.rejected)
            return True
        if outcome.verdict is Verdict.SPLIT:
            if len(events) == 1:
                self._refuse([(0, outcome.why)])
                return True
            middle = len(events) // 2
            return self._deliver(transport, events[:middle]) and self._deliver(transport, events[middle:])
        self._failed(outcome)
        return False

    def _refuse(self, rejected: Sequence[tuple[int, str]]) -> None:
        for _, why in rejected:
            self.refused["refused"] += 1
            logger.warning("the collector does not take an event: %s", why)

    def _failed(self, outcome: Outcome) -> None:
        self._failures += 1
        if self._failures == 1:
            logger.warning("the collector does not take events now, they wait in the journal: %s", outcome.why)
        most = min(BACKOFF_FIRST * 2 ** min(self._failures, 10), BACKOFF_MOST)
        # Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): many clients do not come back at once.
        self._backoff = max(random.uniform(0.05, most), outcome.retry_after or 0.0)  # noqa: S311


def _batches(segment: Segment) -> Iterator[list[bytes | None]]:
    batch: list[bytes | None] = []
    size = 0
    for line in segment.records:
        event = _finish(line, segment.header)
        length = len(event or b"")
        if batch and (len(batch) >= BATCH_EVENTS or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch


def _finish(line: bytes, header: dict[str, Any]) -> bytes | None:
    """A journal's line as the collector takes it: with its stack made readable; `None` where it is no event."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    captured = record.pop("captured", None)
    context = record.setdefault("context", {})
    if captured:
        stack, context["exceptions"] = render(captured, record.get("created_at", 0.0))
        record.setdefault("stack", stack)
    if header:
        context["process"] = header
    return json.dumps(record, separators=(",", ":")).encode()
