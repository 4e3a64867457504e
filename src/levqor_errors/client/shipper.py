"""The shipper: one background thread that delivers the journal whenever there is something in it.

It starts with the first event and ends with the process; whatever it has not delivered by then stays in the journal
for the next process, or for a sibling that lives on. What a pass does is in `delivery.py`.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .journal import Journal

if TYPE_CHECKING:
    from .delivery import Delivery

logger = logging.getLogger("levqor_errors.client")

#: Seconds to wait for more events after the first, so that they go out together.
LINGER: Final = 0.2
#: Seconds between looks for segments of processes that have died, and for own ones that were removed.
SCAN_EVERY: Final = 10.0
#: Seconds between tries while somebody waits in `flush`.
FLUSH_RETRY: Final = 0.5
#: Seconds for an answer. The collector answers within its own lock wait, five seconds, plus a commit.
ANSWER_TIMEOUT: Final = 10.0


class _Stop:
    """Asks the thread to try once more and end."""


class _Flush:
    """Asks the thread to hurry, until it is done or nobody waits any more."""

    def __init__(self, timeout: float) -> None:
        self.done = threading.Event()
        self.until = time.monotonic() + timeout


class Shipper:
    """Decides when the journal is delivered.

    Args:
        journal: what to deliver.
        make_delivery: how, given the seconds to wait for an answer; called on the shipper's thread.
    """

    def __init__(self, journal: Journal, make_delivery: Callable[[float], Delivery]) -> None:
        self._journal = journal
        self._make_delivery = make_delivery
        self._reset()

    def _reset(self) -> None:
        self._thread: threading.Thread | None = None
        self._start_lock = threading.RLock()
        # SimpleQueue.put is re-entrant, unlike Queue.put and Event.set: an event may be logged from a signal handler.
        self._wishes: queue.SimpleQueue[_Flush | _Stop | None] = queue.SimpleQueue()
        self._idle = False
        self._stopping = False
        self._flushes: list[_Flush] = []
        self._delivery: Delivery | None = None

    @property
    def delivered(self) -> int:
        """How many events the collector has committed."""
        return self._delivery.delivered if self._delivery is not None else 0

    @property
    def barred(self) -> bool:
        """Whether the collector asks for another key."""
        return self._delivery is not None and self._delivery.barred

    def after_fork(self) -> None:
        """In a forked child: there is no thread here, and the parent's wishes are the parent's."""
        self._reset()

    def notify(self) -> None:
        """An event was appended. Costs next to nothing while the thread is busy or already called."""
        if self._idle:
            self._idle = False
            self._wishes.put(None)
        elif self._thread is None:
            self.start()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was appended before is delivered or set aside, or the time is over."""
        if not self.start():
            return False
        wish = _Flush(timeout)
        self._wishes.put(wish)
        return wish.done.wait(timeout)

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
            self._run(timeout / 2, until=time.monotonic() + timeout)

    def start(self) -> bool:
        """Start the thread, if it does not run; False where that cannot be any more."""
        with self._start_lock:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="levqor-errors-shipper", daemon=True)
                # Before it is started: a signal handler that logs meanwhile must not start a second one.
                self._thread = thread
                try:
                    thread.start()
                    self._stop_with_process()
                except RuntimeError:
                    self._thread = None
            return self._thread is not None

    def _stop_with_process(self) -> None:
        """Children of multiprocessing end without atexit, but not without their finalizers."""
        util = sys.modules.get("multiprocessing.util")
        process = sys.modules.get("multiprocessing.process")
        if util is not None and process is not None and process.parent_process() is not None:
            util.Finalize(None, self.stop, args=(1.5,), exitpriority=0)

    def _run(self, timeout: float = ANSWER_TIMEOUT, until: float = float("inf")) -> None:
        try:
            delivery = self._delivery = self._make_delivery(timeout)
            delivery.until = until
        except Exception as error:  # noqa: BLE001 - httpx cannot be set up: a proxy's setting, a certificate file
            logger.warning("events cannot be sent, they wait in the journal: %s: %s", type(error).__name__, error)
            return
        try:
            while True:
                if not self._stopping and not self._flushes:
                    self._hear(LINGER)
                self._hear_waiting()
                stopping, asked = self._stopping, tuple(self._flushes)
                # A pass takes along all that was appended before it.
                complete = self._may_send(delivery, stopping) and self._pass(delivery, final=stopping)
                for wish in asked if complete else ():
                    wish.done.set()
                    self._flushes.remove(wish)
                if stopping:
                    return
                if not self._stopping:
                    self._rest(delivery, complete)
        finally:
            delivery.close()

    def _may_send(self, delivery: Delivery, stopping: bool) -> bool:
        """Whether the collector has not asked to be left alone for now: that is kept whoever waits, and however often
        somebody asks. At the end what only this process has is tried all the same; the rest is the next one's.
        """
        return time.monotonic() >= delivery.not_before or (stopping and self._journal.has_memory())

    def _pass(self, delivery: Delivery, *, final: bool) -> bool:
        try:
            return delivery.run(final=final)
        except Exception as error:  # noqa: BLE001 - this thread must outlive whatever is in the journal
            delivery.failed(f"{type(error).__name__}: {error}")
            return False

    def _rest(self, delivery: Delivery, complete: bool) -> None:
        """Sleep until there is something to do: an event, a wish, the end of a backoff, or time to look around."""
        self._flushes = [wish for wish in self._flushes if time.monotonic() < wish.until]
        if self._flushes:
            if not complete:
                self._hear_out(max(time.monotonic() + FLUSH_RETRY, delivery.not_before))
        elif complete:
            self._idle = True
            # Appended between the last delivery and the line above: its notify() found us busy.
            if not self._journal.has_events():
                self._hear(SCAN_EVERY)
            self._idle = False
        else:
            self._hear_out(delivery.next_at)

    def _hear(self, seconds: float) -> None:
        """Wait for an event or a wish."""
        with contextlib.suppress(queue.Empty):
            self._note(self._wishes.get(timeout=seconds))

    def _hear_out(self, end: float) -> None:
        """Wait out a backoff; it ends early for a flush or a stop, not for each new event."""
        while (left := end - time.monotonic()) > 0:
            # Only now do segments stay open for long.
            self._journal.rescue()
            with contextlib.suppress(queue.Empty):
                if self._note(self._wishes.get(timeout=min(left, SCAN_EVERY))):
                    return

    def _hear_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._note(self._wishes.get_nowait())

    def _note(self, wish: _Flush | _Stop | None) -> bool:
        if isinstance(wish, _Flush):
            self._flushes.append(wish)
        return wish is not None
