"""One pass over the journal: segments and batches to the collector, and what its answers mean for them.

Runs on the shipper's thread; `shipper.py` decides when.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .journal import Journal
from .losses import Losses
from .render import Sources
from .segment import Segment
from .transport import Transport, Verdict
from .wire import finish

logger = logging.getLogger("levqor_errors.client")

BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 1024 * 1024
#: Seconds.
BACKOFF_FIRST: Final = 0.5
BACKOFF_MOST: Final = 60.0
#: At most, where somebody has to set a key first; a service that is started again with it tries at once.
BACKOFF_BARRED: Final = 300.0


class Delivery:
    """Brings a journal to a collector.

    Args:
        journal: what to deliver.
        transport: the collector.
        losses: where events that cannot be delivered are counted.
        tell_losses: appends an event that tells of losses.
        redact: takes secrets out of source lines.
        only_of: the service whose events the transport's key is for; `None`: deliver everybody's.

    Attributes:
        delivered: events that the collector has committed.
        failures: passes in a row that it took nothing of.
        barred: whether it asked for another key, and has taken nothing since.
        next_at: by the monotonic clock, when to try again.
        not_before: by the same clock, until when the collector asked to be left alone.
        until: by the monotonic clock, when to leave the rest to others.
    """

    def __init__(
        self,
        journal: Journal,
        transport: Transport,
        losses: Losses,
        tell_losses: Callable[[Mapping[str, int]], None],
        redact: Callable[[str], str],
        only_of: str | None = None,
    ) -> None:
        self._journal = journal
        self._transport = transport
        self._losses = losses
        self._tell_losses = tell_losses
        self._redact = redact
        self._only_of = only_of
        self._done: dict[Path, int] = {}
        self._others: set[Path] = set()
        self.delivered = 0
        self.failures = 0
        self.barred = False
        self.next_at = 0.0
        self.not_before = 0.0
        self.until = float("inf")

    def run(self, *, final: bool) -> bool:
        """Deliver what is closed already, then, if the collector takes that, what this process has open. While it takes
        nothing the open segments stay open, so that a long outage leaves few files and not many.

        Args:
            final: the process ends; what there is to tell of losses is told now.

        Returns:
            Whether all that could be taken is delivered; if not, the collector is not to be had now.
        """
        complete = self._deliver_closed()
        losses = self._losses.due(final=final) if complete or final else None
        if losses is not None:
            self._tell_losses(losses)
        if not complete:
            return False
        if not self._journal.has_events():
            return True
        self._journal.rotate()
        return self._deliver_memory() and self._deliver_closed()

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def _deliver_closed(self) -> bool:
        paths = self._journal.closed()
        self._others.intersection_update(paths)
        for path in paths:
            if path in self._others:
                continue
            if time.monotonic() > self.until:
                return False
            segment = self._journal.take(path)
            if segment is None:
                continue
            if self._only_of is not None and segment.service not in (None, self._only_of):
                # With our key its events would be taken for ours.
                self._others.add(path)
                segment.release()
                continue
            complete = False
            try:
                complete = self._deliver_segment(segment)
            finally:
                if complete:
                    segment.remove()
                    self._done.pop(path, None)
                else:
                    segment.release()
            if not complete:
                return False
        return True

    def _deliver_segment(self, segment: Segment) -> bool:
        # Where a try before this one came to an end: what was delivered then is not sent, nor counted, again.
        done = self._done.get(segment.path, 0)
        done += self._deliver_lines(segment.records[done:], segment.header)
        if done < len(segment.records):
            self._done[segment.path] = done
            return False
        if segment.torn:
            self._set_aside("torn", [segment.torn])
        return True

    def _deliver_memory(self) -> bool:
        lines = self._journal.take_memory()
        done = 0
        try:
            done = self._deliver_lines(lines, {})
        finally:
            self._journal.give_back(lines[done:])
        return done == len(lines)

    def _deliver_lines(self, lines: Sequence[bytes], header: dict[str, Any]) -> int:
        """Deliver lines in batches; returns how many are done with, from the first one on."""
        sources = Sources(self._redact)
        done = 0
        while done < len(lines) and time.monotonic() < self.until:
            batch: list[bytes] = []
            damaged: list[bytes] = []
            size = 0
            end = done
            for line in lines[done : done + BATCH_EVENTS]:
                event = finish(line, header, sources)
                if event is None:
                    damaged.append(line)
                elif batch and size + len(event) > BATCH_BYTES:
                    break
                else:
                    batch.append(event)
                    size += len(event)
                end += 1
            refused: list[tuple[bytes, str]] = []
            if batch and not self._deliver(batch, refused):
                return done
            self.delivered += len(batch) - len(refused)
            self._set_aside("damaged", damaged)
            self._set_aside("refused", [event for event, _ in refused])
            if refused:
                logger.warning(
                    "the collector does not take %d events, they are set aside in %s; of the first it says: %s",
                    len(refused), self._journal.directory, refused[0][1],
                )  # fmt: skip
            done = end
        return done

    def _deliver(self, batch: Sequence[bytes], refused: list[tuple[bytes, str]]) -> bool:
        """Deliver a batch, in halves where it is not acceptable as a whole, down to the one event at fault."""
        outcome = self._transport.send(batch)
        if outcome.verdict is Verdict.DELIVERED:
            self.failures = 0
            self.barred = False
            refused += [(batch[index], why) for index, why in outcome.rejected]
            return True
        if outcome.verdict is Verdict.SPLIT:
            if len(batch) == 1:
                refused.append((batch[0], outcome.why))
                return True
            middle = len(batch) // 2
            return self._deliver(batch[:middle], refused) and self._deliver(batch[middle:], refused)
        self.failed(outcome.why, outcome.retry_after or 0.0, barred=outcome.verdict is Verdict.BARRED)
        return False

    def _set_aside(self, reason: str, lines: Sequence[bytes]) -> None:
        self._losses.add(reason, len(lines))
        for line in lines:
            self._journal.set_aside(line)

    def failed(self, why: str, retry_after: float = 0.0, *, barred: bool = False) -> None:
        """Note that a pass came to nothing; said once, and once that a key is to be set, until something goes out."""
        self.failures += 1
        if self.failures == 1 or (barred and not self.barred):
            logger.warning("the collector does not take events now, they wait in the journal: %s", why)
        self.barred = self.barred or barred
        most = min(BACKOFF_FIRST * 2 ** min(self.failures, 10), BACKOFF_MOST)
        # Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): many clients do not come back at once.
        pause = random.uniform(BACKOFF_BARRED / 5, BACKOFF_BARRED) if barred else random.uniform(0.05, most)  # noqa: S311
        now = time.monotonic()
        self.not_before = max(self.not_before, now + retry_after)
        self.next_at = max(now + pause, self.not_before)
