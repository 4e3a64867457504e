"""Senders that post without a pause, for tests that kill what they post to."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from levqor_errors.ids import uuid7
from support import Database, check_sound, event_ids, rows, wait_until

SENDERS = 6


class Request(NamedTuple):
    """One POST, kept by its sender until it is acknowledged."""

    event_ids: list[str]
    body: bytes
    headers: dict[str, str]


class Load:
    """Senders that post without a pause, each with a connection of its own, and send again what was cut.

    They stand still while there is no collector, and go on when `aim` tells them of the next one.
    """

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        #: Requests that a collector had in hand when their connection broke.
        self.cut = 0
        #: Answers that nothing here calls for.
        self.unexpected: list[str] = []
        self._changed = threading.Condition()
        self._ports: list[tuple[int, ...]] = []
        self._stopping = False
        self._threads = [threading.Thread(target=self._run, args=[n], daemon=True) for n in range(SENDERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let every sender finish what it has under way, as far as there is a collector to take it."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(30)

    def aim(self, *ports: int) -> None:
        """Send to new collectors, and wait until one has acknowledged something."""
        with self._changed:
            self._ports.append(ports)
            self._changed.notify_all()
        self.wait_for(1)

    def wait_for(self, more: int) -> None:
        """Wait until so many more are acknowledged."""
        enough = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= enough)

    def wait_for_refusals(self, more: int) -> None:
        """Wait until so many more are told something else."""
        enough = len(self.unexpected) + more
        wait_until(lambda: len(self.unexpected) >= enough)

    def _run(self, number: int) -> None:
        request = _request()
        seen = 0
        while True:
            with self._changed:
                while len(self._ports) == seen:
                    if self._stopping:
                        return
                    self._changed.wait()
                seen = len(self._ports)
            connection = http.client.HTTPConnection("127.0.0.1", self._port(number), timeout=30)
            in_hand = False
            try:
                while not self._stopping:
                    connection.request("POST", "/api/errors/log", request.body, request.headers)
                    in_hand = True
                    self._take_answer(connection, request)
                    in_hand = False
                    request = _request()
            except (OSError, http.client.HTTPException):
                with self._changed:
                    self.cut += in_hand
            finally:
                connection.close()

    def _port(self, number: int) -> int:
        ports = self._ports[-1]
        return ports[number % len(ports)]

    def _take_answer(self, connection: http.client.HTTPConnection, request: Request) -> None:
        answer = connection.getresponse()
        if answer.status in (200, 201):
            # The status alone is a promise, whether or not the rest of the answer gets through.
            with self._changed:
                self.acknowledged.extend(request.event_ids)
        body = json.loads(answer.read())
        if answer.status not in (200, 201) or body.get("rejected") or body.get("accepted", 1) != len(request.event_ids):
            self.unexpected.append(f"{answer.status} {body}")


def _request() -> Request:
    """A single event, an array or a compressed NDJSON batch, of several issues and sizes."""
    kind = random.choice(("one", "one", "array", "ndjson"))
    events = [_event() for _ in range(1 if kind == "one" else random.randint(2, 30))]
    sent = [event["event_id"] for event in events]
    if kind == "ndjson":
        lines = gzip.compress("\n".join(map(json.dumps, events)).encode(), 1)
        return Request(sent, lines, {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"})
    content: Any = events[0] if kind == "one" else events
    return Request(sent, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _event() -> dict[str, Any]:
    return {
        "event_id": uuid7(),
        "service": random.choice(("shop", "mail", "search")),
        "source": random.choice(("backend", "frontend")),
        "severity": random.choice(("info", "warning", "error", "critical")),
        "message": f"{random.choice(('reading', 'writing', 'sending'))} order {random.randrange(1000)} failed",
        # Some rows are larger than a page of the database.
        "stack": "at order\n" * random.choice((0, 1, 10, 10, 600)),
    }


def missing(acknowledged: Iterable[str], stored: Iterable[str]) -> set[str]:
    """What was promised and is not there."""
    return set(acknowledged) - set(stored)


def repeated(stored: Iterable[str]) -> list[str]:
    """What is there more than once. Does not rely on the unique index, which the fault may have damaged."""
    return [event_id for event_id, count in Counter(stored).items() if count > 1]


def check_counts(database: Database) -> None:
    """What is counted beside the events says the same as the events do."""
    hour = "substr(received_at, 1, 13) || ':00:00.000Z'"
    by_rows = f"SELECT {hour} AS hour, service, source, severity, COUNT(*) FROM error_events GROUP BY 1, 2, 3, 4"
    counted = rows(database, "SELECT hour, service, source, severity, count FROM event_counts ORDER BY 1, 2, 3, 4")
    assert counted == rows(database, f"{by_rows} ORDER BY 1, 2, 3, 4")
    by_issue = rows(database, "SELECT issue_id, COUNT(*) FROM error_events GROUP BY 1 ORDER BY 1")
    assert rows(database, "SELECT id, count FROM issues ORDER BY 1") == by_issue


def check_kept(database: Database, acknowledged: Iterable[str]) -> None:
    """What was promised is there, once, and what is counted beside it is right."""
    stored = event_ids(database)
    assert missing(acknowledged, stored) == set()
    assert repeated(stored) == []
    check_sound(database)
    check_counts(database)
