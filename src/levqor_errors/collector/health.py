"""`GET /healthz`: whether the collector can do its work. For load balancers and for people; tells no secret."""

from __future__ import annotations

import time
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from .alerting import Alerting
from .answers import JsonResponse
from .facts import FactsReader
from .janitor import Janitor
from .writer import Writer

#: A failed write counts for this long. A balancer that sends nothing to a collector which is not well would otherwise
#: never let it find out that it is again.
FAILURE_SECONDS: Final = 60.0
#: A commit takes milliseconds; one that waits for another program's lock gives up after a few seconds.
STUCK_SECONDS: Final = 30.0
#: What `Storage.health()` gives and anyone may know.
_DATABASE: Final = ("database", "wal_fix", "wal_bytes", "database_bytes", "free_bytes")


class Health:
    """The endpoint, and what the owner's pages tell of it.

    Args:
        facts: what the database tells of itself.
        writer: asked whether it writes, and how much waits.
        alerting: what it says of its channels.
        janitor: asked whether it can do its work.
        max_bytes: how large the database may become; `None`: no matter how large.
    """

    def __init__(
        self, facts: FactsReader, writer: Writer, alerting: Alerting, janitor: Janitor, max_bytes: int | None
    ) -> None:
        self._facts = facts
        self._writer = writer
        self._alerting = alerting
        self._janitor = janitor
        self._max_bytes = max_bytes

    async def get(self, request: Request) -> Response:
        """GET /healthz: 200 when an event can be taken and read, else 503 with a plain `why`."""
        report = await self.report()
        return JsonResponse(report, 200) if report["ok"] else JsonResponse(report, 503, {"Retry-After": "5"})

    async def report(self, *, owner: bool = False) -> dict[str, Any]:
        """How the collector does; docs/operating.md has a row for each entry.

        Args:
            owner: with what is only for him: what channels said, and under `owner` what `strip.py` shows besides.
        """
        facts = await self._facts.read()
        known = facts.known or {}
        channels = known.get("channels")
        outage = self._writer.outage
        lag = self._writer.lag
        warnings = [*known.get("warnings", ()), *self._alerting.warnings(known, why=owner)]
        why = "the database is damaged; restore a backup" if known.get("damaged") else facts.why
        if outage is not None:
            if time.monotonic() - outage.last < FAILURE_SECONDS:
                why = f"writes fail: {outage.why}"
            else:
                warnings.append(f"the last write failed, and none was tried since: {outage.why}")
        elif lag > STUCK_SECONDS:
            why = "the database takes too long to write"
        more = {}
        if owner:
            more["owner"] = {
                "refused": known.get("refused"),
                "upkeep": self._janitor.failing,
                "max_bytes": self._max_bytes,
                "channels": [channel.name for channel in self._alerting.channels],
                "summary": known.get("summary_day"),
                "canary": known.get("canary"),
            }
        return {
            "ok": why is None,
            "why": why,
            "waiting": self._writer.waiting,
            "lag_seconds": round(lag, 3),
            "failing_since": None if outage is None else outage.since,
            **{name: known.get(name) for name in _DATABASE},
            "alerts": {
                "last_tick": known.get("alerts_tick"),
                "unsent": known.get("alerts_unsent"),
                "channels": None if channels is None else {name: one.state for name, one in channels.items()},
            },
            "warnings": warnings,
            **more,
        }
