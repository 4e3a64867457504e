"""What was not sent, counted by reason: for `stats()`, and for an event that tells the collector of it.

Reasons: `sampled`, `flood` and `before_send` leave events out on purpose; the others are failures: `spool_full` and
`memory_full` (no room), `torn` and `damaged` (a journal's line that is no event), `refused` (by the collector),
`before_send_failed`, `internal` (a fault of the client's own).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

ON_PURPOSE: Final = frozenset({"sampled", "flood", "before_send"})
#: Seconds between two reports: of failures, and of what is left out on purpose.
FAILURES_EVERY: Final = 60.0
ON_PURPOSE_EVERY: Final = 3600.0


class Losses:
    """Counts by reason.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reset()

    def _reset(self) -> None:
        # Re-entrant, as everything that a signal handler may come through.
        self._lock = threading.RLock()
        self._total: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._told_at = self._clock() - FAILURES_EVERY
        self._on_purpose_since: float | None = None

    def add(self, reason: str, count: int = 1) -> None:
        """Count events that are not sent."""
        if count:
            with self._lock:
                self._total[reason] += count
                self._untold[reason] += count
                if self._on_purpose_since is None:
                    self._on_purpose_since = self._clock()

    def total(self) -> dict[str, int]:
        """All since the process began."""
        with self._lock:
            return dict(self._total)

    def due(self, *, final: bool = False) -> dict[str, int] | None:
        """What is to be told now; it counts as told from here on. `None`: nothing, or not yet.

        Args:
            final: the process ends; there is no later.
        """
        with self._lock:
            if not self._untold:
                return None
            now = self._clock()
            failures = any(reason not in ON_PURPOSE for reason in self._untold)
            waited = self._on_purpose_since is not None and now - self._on_purpose_since >= ON_PURPOSE_EVERY
            if not (final or waited or (failures and now - self._told_at >= FAILURES_EVERY)):
                return None
            told = dict(self._untold)
            self._untold.clear()
            self._told_at, self._on_purpose_since = now, None
            return told

    def after_fork(self) -> None:
        """In a forked child: the parent tells of its own."""
        self._reset()
