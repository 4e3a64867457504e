"""The tick of the alerts: jobs that run every so often, by `schedule`. Used by `runner.py`.

What is due is decided from the database, so a tick too many or one that is late changes nothing; but one must come. The
library goes by the local wall clock: after that goes back, by hand or at the end of summer time, it would wait until it
is as late as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import schedule

#: A clock that goes back further than this makes all intervals begin anew.
_STEP: Final = timedelta(seconds=5)


class Ticker:
    """The jobs.

    Args:
        guard: runs a job, and lets no error of it out.
    """

    def __init__(self, guard: Callable[[Callable[[], None]], None]) -> None:
        self._guard = guard
        self._given: list[tuple[int, Callable[[], None]]] = []
        self._jobs = schedule.Scheduler()
        self._last = datetime.now()

    def every(self, seconds: int, job: Callable[[], None]) -> None:
        """Run a job every so many seconds, from the time on when they have passed."""
        self._given.append((seconds, job))
        self._add(seconds, job)

    def run_all(self) -> None:
        """Run all jobs now, in the order in which they were given."""
        self._jobs.run_all()

    def run_due(self) -> None:
        """Run those whose time has come."""
        # As the library reads it: local, and without a zone.
        now = datetime.now()
        if now < self._last - _STEP:
            self._jobs.clear()
            for seconds, job in self._given:
                self._add(seconds, job)
        self._last = now
        self._jobs.run_pending()

    def _add(self, seconds: int, job: Callable[[], None]) -> None:
        self._jobs.every(seconds).seconds.do(self._guard, job)
