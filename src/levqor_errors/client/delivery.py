"""One pass over the journal: segments and batches to the collector, and what its answers mean for them.

Runs on the shipper's thread; `shipper.py` decides when.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .journal import Journal, Segment
from .losses import Losses
from .render import Sources
from .transport import Outcome, Transport, Verdict
from .wire import finish

logger = logging.getLogger("levqor_errors.client")

BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 1024 * 1024
#: Seconds.
BACKOFF_FIRST: Final = 0.5
BACKOFF_MOST: Final = 60.0


class Delivery:
    """Brings a journal to a collector.

    Args:
        journal: what to deliver.
        transport: the collector.
        losses: where events that cannot be delivered are counted.
        tell_losses: appends an event that tells of losses.
        redact: takes secrets out of source lines.

    Attributes:
        delivered: events that the collector has committed.
        failures: passes in a row that it took nothing of.
        backoff: seconds to wait before the next one.
    """

    def __init__(
        self,
        journal: Journal,
        transport: Transport,
        losses: Losses,
        tell_losses: Callable[[Mapping[str, int]], None],
        redact: Callable[[str], str],
    ) -> None:
        self._journal = journal
        self._transport = transport
        self._losses = losses
        self._tell_losses = tell_losses
        self._redact = redact
        self.delivered = 0
        self.failures = 0
        self.backoff = 0.0

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
        for path in self._journal.closed():
            segment = self._journal.take(path)
            if segment is None:
                continue
            if not self._deliver_segment(segment):
                segment.release()
                return False
            segment.remove()
        return True

    def _deliver_segment(self, segment: Segment) -> bool:
        if not self._deliver_lines(segment.records, segment.header):
            return False
        if segment.torn:
            self._losses.add("torn")
            self._journal.set_aside(segment.torn)
        return True

    def _deliver_memory(self) -> bool:
        lines = self._journal.take_memory()
        if self._deliver_lines(lines, {}):
            return True
        self._journal.give_back(lines)
        return False

    def _deliver_lines(self, lines: Sequence[bytes], header: dict[str, Any]) -> bool:
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
                if not self._deliver(batch):
                    return False
                batch, size = [], 0
            batch.append(event)
            size += len(event)
        return not batch or self._deliver(batch)

    def _deliver(self, batch: Sequence[bytes]) -> bool:
        """Deliver a batch, in halves where it is refused as a whole, down to the one event at fault."""
        outcome = self._transport.send(batch)
        if outcome.verdict is Verdict.DELIVERED:
            self.failures = 0
            for index, why in outcome.rejected:
                self._refuse(batch[index], why)
            self.delivered += len(batch) - len(outcome.rejected)
            return True
        if outcome.verdict is Verdict.SPLIT:
            if len(batch) == 1:
                self._refuse(batch[0], outcome.why)
                return True
            middle = len(batch) // 2
            return self._deliver(batch[:middle]) and self._deliver(batch[middle:])
        self._failed(outcome)
        return False

    def _refuse(self, event: bytes, why: str) -> None:
        self._losses.add("refused")
        self._journal.set_aside(event)
        logger.warning("the collector does not take an event, it is set aside in %s: %s", self._journal.directory, why)

    def _failed(self, outcome: Outcome) -> None:
        self.failures += 1
        if self.failures == 1:
            logger.warning("the collector does not take events now, they wait in the journal: %s", outcome.why)
        most = min(BACKOFF_FIRST * 2 ** min(self.failures, 10), BACKOFF_MOST)
        # Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"): many clients do not come back at once.
        self.backoff = max(random.uniform(0.05, most), outcome.retry_after or 0.0)  # noqa: S311
