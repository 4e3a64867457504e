"""R1: kill -9 at 50 random moments under load.

Passes when: every acknowledged event_id is there exactly once; `integrity_check` is ok.

A killed process leaves its writes with the operating system, so this proves the order of commit and answer, the
atomicity of a commit and the recovery at the next start; that a commit also survives a power cut is `synchronous=FULL`.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import support
from levqor_errors.ids import uuid7
from support import CollectorProcess, Database, event_ids, rows, wait_until

KILLS = 50
SENDERS = 6
StartCollector = Callable[..., CollectorProcess]


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
        self._ports: list[int] = []
        self._stopping = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(SENDERS)]

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

    def aim(self, port: int) -> None:
        """Send to a new collector, and wait until it has acknowledged something."""
        with self._changed:
            self._ports.append(port)
            self._changed.notify_all()
        self.wait_for(1)

    def wait_for(self, more: int) -> None:
        """Wait until so many more are acknowledged."""
        enough = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= enough)

    def _run(self) -> None:
        request = _request()
        seen = 0
        while True:
            with self._changed:
                while len(self._ports) == seen:
                    if self._stopping:
                        return
                    self._changed.wait()
                seen = len(self._ports)
            connection = http.client.HTTPConnection("127.0.0.1", self._ports[-1], timeout=30)
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


@pytest.mark.timeout(300)
def test_r1_kill_collector_mid_load(start_collector: StartCollector, database: Database) -> None:
    with Load() as load:
        for kill in range(KILLS):
            collector = start_collector(RATE_LIMIT="off")
            load.aim(collector.port)
            time.sleep(random.uniform(0.05, 0.4))
            if kill % 2:
                collector.kill()
            else:
                # Its process that writes is left behind, in the middle of a batch.
                collector.process.kill()
                collector.process.wait(30)
            collector.close()
        collector = start_collector()
        load.aim(collector.port)
    assert collector.terminate() == 0
    assert load.unexpected == []
    # It was under load: there was much to lose, and the kills met requests that were not answered yet.
    assert len(load.acknowledged) > 100 * KILLS
    assert load.cut > KILLS

    stored = event_ids(database)
    assert missing(load.acknowledged, stored) == set()
    assert repeated(stored) == []
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(database, "PRAGMA foreign_key_check") == []
    check_counts(database)


def test_r1_kill_the_process_that_writes(start_collector: StartCollector, database: Database) -> None:
    """Who is not answered with a 2xx is told to come again, and the next batch starts another process."""
    collector = start_collector(RATE_LIMIT="off")
    with Load() as load:
        load.aim(collector.port)
        for _ in range(10):
            os.kill(collector.writing_pid(), signal.SIGKILL)
            load.wait_for(100)
    assert collector.terminate() == 0
    assert load.unexpected
    assert {answer.partition(" ")[0] for answer in load.unexpected} == {"503"}
    stored = event_ids(database)
    assert missing(load.acknowledged, stored) == set()
    assert repeated(stored) == []
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    check_counts(database)


def check_counts(database: Database) -> None:
    """What is counted beside the events says the same as the events do."""
    hour = "substr(received_at, 1, 13) || ':00:00.000Z'"
    by_rows = f"SELECT {hour} AS hour, service, source, severity, COUNT(*) FROM error_events GROUP BY 1, 2, 3, 4"
    counted = rows(database, "SELECT hour, service, source, severity, count FROM event_counts ORDER BY 1, 2, 3, 4")
    assert counted == rows(database, f"{by_rows} ORDER BY 1, 2, 3, 4")
    by_issue = rows(database, "SELECT issue_id, COUNT(*) FROM error_events GROUP BY 1 ORDER BY 1")
    assert rows(database, "SELECT id, count FROM issues ORDER BY 1") == by_issue


def test_r1_sees_a_collector_that_acknowledges_before_the_commit(
    start_collector: StartCollector, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "COMMAND", [sys.executable, str(Path(__file__).with_name("early_ack.py"))])
    with Load() as load:
        collector = start_collector()
        load.aim(collector.port)
        # Something is committed, so what is missing is not all of it.
        wait_until(lambda: event_ids(database))
        collector.kill()
    assert missing(load.acknowledged, event_ids(database))
