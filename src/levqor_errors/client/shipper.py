"""The shipper: one background thread that brings the journal to the collector, in batches, until it is empty.

It starts with the first event and ends with the process; whatever it has not delivered by then stays in the journal
for the next process, or for a sibling that lives on.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .journal import Journal, Segment
from .losses import Losses
from .render import Sources
from .transport import TIMEOUT, Outcome, Transport, Verdict
from .wire import finish

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


class Shipper:
    """Delivers a journal.

    Args:
        journal: what to deliver.
        make_transport: how to reach the collector, given the seconds to wait for an answer.
        losses: where events that cannot be delivered are counted.
        tell_losses: appends an event that tells of losses.
        redact: takes secrets out of source lines.
    """

    def __init__(
        self,
        journal: Journal,
        make_transport: Callable[[float], Transport],
        losses: Losses,
        tell_losses: Callable[[Mapping[str, int]], None],
        redact: Callable[[str], str],
    ) -> None:
        self._journal = journal
        self._make_transport = make_transport
        self._losses = losses
        self._tell_losses = tell_losses
        self._redact = redact
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
        """Wait until all that was appended before is delivered or set aside, or the time is over."""
        if not self._start():
            return False
        done = threading.Event()
        self._wishes.put(done)
        return done.wait(timeout)

    def stop(self, timeout: float) -> None:
        """Deliver what goes out at once, and end; what does not stays in the journal."""
        self._stopping = True
        thread = self._thread
        if thread is not None:
            self._wishes.put(_Stop())
            thread.join(timeout)
        elif self._journal.has_events():
            # From Python 3.12 no thread can be started at the interpreter's end, which may be where the first event
            # came from.
            self._run(timeout / 2)

    def _start(self) -> bool:
        with self._start_lock:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="levqor-errors-shipper", daemon=True)
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
                    self._stop_with_process()
            return self._thread is not None

    def _stop_with_process(self) -> None:
        """Children of multiprocessing end without atexit, but not without their finalizers."""
        multiprocessing = sys.modules.get("multiprocessing.util")
        process = sys.modules.get("multiprocessing.process")
        if multiprocessing is not None and process is not None and process.parent_process() is not None:
            multiprocessing.Finalize(None, self.stop, args=(1.5,), exitpriority=0)

    def _run(self, timeout: float = TIMEOUT) -> None:
        transport = self._make_transport(timeout)
        try:
            while True:
                if not self._stopping and not self._flushes:
                    self._hear(LINGER)
                complete = self._deliver_all(transport)
                self._hear_waiting()
                if complete and not self._journal.has_events():
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
        """First what is closed already, then, if the collector takes that, what this process has open. While it takes
        nothing the open segments stay open, so that a long outage leaves few files and not many."""
        if not self._deliver_closed(transport):
            return False
        losses = self._losses.due(final=self._stopping)
        if losses is not None:
            self._tell_losses(losses)
        if not self._journal.has_events():
            return True
        self._journal.rotate()
        return self._deliver_memory(transport) and self._deliver_closed(transport)

    def _deliver_closed(self, transport: Transport) -> bool:
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
        if not self._deliver_lines(transport, segment.records, segment.header):
            return False
        if segment.torn:
            self._losses.add("torn")
            self._journal.set_aside(segment.torn)
        return True

    def _deliver_memory(self, transport: Transport) -> bool:
        lines = self._journal.take_memory()
        if self._deliver_lines(transport, lines, {}):
            return True
        self._journal.give_back(lines)
        return False

    def _deliver_lines(self, transport: Transport, lines: Sequence[bytes], header: dict[str, Any]) -> bool:
        batch: list[bytes] = []
        size = 0
        sources = Sources(self._redact)
        for line in lines:
            event = finish(line, header, sources)
            if event is None:
                self._losses.add("damaged")
                self._journal.set_aside(line)
                continue
            if batch and (len(batch) >= BATCH_EVENTS or size + len(event) > BATCH_BYTES):
                if not self._deliver(transport, batch):
                    return False
                batch, size = [], 0
            batch.append(event)
            size += len(event)
        return not batch or self._deliver(transport, batch)

    def _deliver(self, transport: Transport, batch: Sequence[bytes]) -> bool:
        """Deliver a batch, in halves where it is refused as a whole, down to the one event at fault."""
        outcome = transport.send(batch)
        if outcome.verdict is Verdict.DELIVERED:
            self._failures = 0
            for index, why in outcome.rejected:
                self._refuse(batch[index], why)
            self.delivered += len(batch) - len(outcome.rejected)
            return True
        if outcome.verdict is Verdict.SPLIT:
            if len(batch) == 1:
                self._refuse(batch[0], outcome.why)
                return True
            middle = len(batch) // 2
            return self._deliver(transport, batch[:middle]) and self._deliver(transport, batch[middle:])
        self._failed(outcome)
        return False

    def _refuse(self, event: bytes, why: str) -> None:
        self._losses.add("refused")
        self._journal.set_aside(event)
        logger.warning("the collector does not take an event, it is set aside in %s: %s", self._journal.directory, why)

    def _failed(self, outcome: Outcome) -> None:
        self._failures += 1
        if self._failures == 1:
            logger.warning("the collector does not take events now, they wait in the journal: %s", outcome.why)
        most = min(BACKOFF_FIRST * 2 ** min(self._failures, 10), BACKOFF_MOST)
        # Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): many clients do not come back at once.
        self._backoff = max(random.uniform(0.05, most), outcome.retry_after or 0.0)  # noqa: S311
