"""`GET /metrics`: the collector's numbers for Prometheus. Public as `/healthz` is: no names, no messages.

Nothing is counted for it: the numbers are read from those who keep them anyway when somebody asks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from starlette.requests import Request
from starlette.responses import Response

from ..version import VERSION
from .facts import KEEP_SECONDS, Facts, FactsReader
from .refusals import Refusals
from .writer import Writer

_PREFIX: Final = "levqor_errors"
#: What `Storage.health()` gives: its key, the metric, what it is.
_GAUGES: Final = (
    ("database_bytes", "database_bytes", "Size of the database on the disk, with all that it keeps beside its file."),
    ("wal_bytes", "wal_bytes", "Size of the write-ahead log."),
    ("free_bytes", "disk_free_bytes", "Free space where the database is."),
    ("alerts_unsent", "alerts_unsent", "Alerts that are owed and not sent yet."),
)


class Connections(Protocol):
    """What the server counts of its connections."""

    @property
    def open(self) -> int:
        """Connections that are open."""

    @property
    def waiting(self) -> int:
        """Of these, those without a request under way."""

    @property
    def cut(self) -> Mapping[Any, int]:
        """Connections that were cut off since the start, by the reason, which is a text."""


class Metrics:
    """The endpoint.

    Args:
        facts: what the database tells of itself.
        writer: its queue, its commits.
        refusals: what was not taken.
        connections: of the server, where it counts them.
    """

    def __init__(
        self, facts: FactsReader, writer: Writer, refusals: Refusals, connections: Connections | None = None
    ) -> None:
        self._facts = facts
        self._writer = writer
        self._refusals = refusals
        self._connections = connections
        self._text = b""
        self._at: float | None = None

    async def get(self, request: Request) -> Response:
        """GET /metrics. Written anew at most once a second: a flood of scrapes costs nothing."""
        facts = await self._facts.read()
        now = time.monotonic()
        if self._at is None or now - self._at >= KEEP_SECONDS:
            # The library's own registry is for a whole process, which may be somebody else's that we are mounted in.
            registry = CollectorRegistry()
            ProcessCollector(registry=registry)
            registry.register(_Numbers(facts, self._writer, self._refusals, self._connections))
            self._text, self._at = generate_latest(registry), now
        return Response(
            self._text,
            headers={
                "Content-Type": CONTENT_TYPE_PLAIN_0_0_4,
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


class _Numbers:
    """All of them at one moment, as the library asks for them."""

    def __init__(self, facts: Facts, writer: Writer, refusals: Refusals, connections: Connections | None) -> None:
        self._known = facts.known or {}
        self._writer = writer
        self._refusals = refusals
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            f"{_PREFIX}_build",
            "The version that runs, and its database.",
            {"version": VERSION, "database": str(self._known.get("database", ""))},
        )
        yield from self._of_the_writer()
        yield from self._refused()
        yield GaugeMetricFamily(f"{_PREFIX}_database_up", "Whether the database answers.", float(bool(self._known)))
        for key, name, what in _GAUGES:
            # Unknown is not 0: a number that is not there breaks no sum and sets off no false alarm.
            if self._known.get(key) is not None:
                yield GaugeMetricFamily(f"{_PREFIX}_{name}", what, self._known[key])
        if self._connections is not None:
            yield from _of_connections(self._connections)

    def _of_the_writer(self) -> Iterator[Metric]:
        writer = self._writer
        events = CounterMetricFamily(
            f"{_PREFIX}_events",
            "New events stored since the start; a retry of a stored one is none.",
            labels=["severity"],
        )
        for severity, count in writer.stored.items():
            events.add_metric([severity], count)
        yield events
        yield SummaryMetricFamily(
            f"{_PREFIX}_commit_duration_seconds",
            "Commits, and how long they took.",
            writer.commits,
            writer.commit_seconds,
        )
        yield GaugeMetricFamily(f"{_PREFIX}_queue_events", "Events that wait for the next commit.", writer.waiting)
        yield GaugeMetricFamily(
            f"{_PREFIX}_queue_lag_seconds", "How long the oldest event without a commit has waited.", writer.lag
        )
        yield GaugeMetricFamily(
            f"{_PREFIX}_writes_failing",
            "1 from a write that failed until one that works.",
            float(writer.outage is not None),
        )

    def _refused(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            f"{_PREFIX}_refused_requests", "Requests that were not taken, since the start.", labels=["reason"]
        )
        events = CounterMetricFamily(
            f"{_PREFIX}_refused_events", "Events that were not taken, as far as they were read.", labels=["reason"]
        )
        for reason, refused in self._refusals.totals().items():
            requests.add_metric([reason.value], refused.requests)
            events.add_metric([reason.value], refused.events)
        yield requests
        yield events


def _of_connections(connections: Connections) -> Iterator[Metric]:
    yield GaugeMetricFamily(f"{_PREFIX}_connections_open", "Connections that are open.", connections.open)
    yield GaugeMetricFamily(
        f"{_PREFIX}_connections_waiting", "Open connections without a request under way.", connections.waiting
    )
    cut = CounterMetricFamily(f"{_PREFIX}_connections_cut", "Connections that were cut off.", labels=["reason"])
    for reason, count in connections.cut.items():
        cut.add_metric([reason], count)
    yield cut
