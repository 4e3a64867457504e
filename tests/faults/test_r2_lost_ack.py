"""R2: lost acknowledgement, retried.

Passes when: one row, 2xx.

The acknowledgement is lost by a real proxy between sender and collector: it forwards the request, waits until the
collector answers (so the event is committed), and hangs up on the sender without a byte of the answer.
"""

from __future__ import annotations

import gzip
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import httpx
import pytest

from levqor_errors.ids import uuid7
from support import CollectorProcess, Database, rows

Events: TypeAlias = list[dict[str, Any]]
Form: TypeAlias = Callable[[str, Events], httpx.Response]


def single(url: str, events: Events) -> httpx.Response:
    (event,) = events
    return httpx.post(f"{url}/api/errors/log", json=event)


def array(url: str, events: Events) -> httpx.Response:
    return httpx.post(f"{url}/api/errors/log", json=events)


def ndjson_gzip(url: str, events: Events) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    lines = "\n".join(json.dumps(event) for event in events)
    return httpx.post(f"{url}/api/errors/log", content=gzip.compress(lines.encode()), headers=headers)


class AnswerEater:
    """A TCP proxy on a port of its own that lets every request through and no answer back."""

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        #: The beginning of each answer that the collector gave and the sender never saw.
        self.eaten: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sender, _ = self._listener.accept()
            except OSError:
                return
            with sender, socket.create_connection(self._upstream, timeout=30) as collector:
                sender.settimeout(30)
                while collector not in select.select([sender, collector], [], [])[0] and (part := sender.recv(65536)):
                    collector.sendall(part)
                self.eaten.append(collector.recv(65536))

    def close(self) -> None:
        # shutdown() wakes the accept() in the other thread; close() alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._listener.close()


@pytest.fixture
def collector(start_collector: Callable[..., CollectorProcess]) -> CollectorProcess:
    return start_collector()


@pytest.fixture
def eater(collector: CollectorProcess) -> Iterator[AnswerEater]:
    proxy = AnswerEater(collector.port)
    yield proxy
    proxy.close()


def make(count: int) -> Events:
    # Two groups and two severities, so that a wrong count cannot hide in a sum.
    return [
        {"event_id": uuid7(), "message": f"{'odd' if n % 2 else 'even'} one", "severity": ("error", "info")[n % 2]}
        for n in range(count)
    ]


def state(database: Database) -> tuple[list[tuple[Any, ...]], ...]:
    """All that an event changes in the database."""
    return (
        rows(database, "SELECT id, event_id, received_at, issue_id FROM error_events ORDER BY id"),
        rows(database, "SELECT id, title, first_seen, last_seen, count, regressions, state FROM issues ORDER BY id"),
        rows(database, "SELECT hour, severity, count FROM event_counts ORDER BY 1, 2"),
    )


@pytest.mark.parametrize(
    ("lost", "retry", "count"),
    [
        (single, single, 1),
        (array, array, 7),
        (ndjson_gzip, ndjson_gzip, 7),
        # A client's journal may batch otherwise the second time.
        (single, ndjson_gzip, 1),
        (array, ndjson_gzip, 7),
    ],
)
def test_r2_lost_acknowledgement_retried(
    collector: CollectorProcess, eater: AnswerEater, database: Database, lost: Form, retry: Form, count: int
) -> None:
    events = make(count)
    with pytest.raises(httpx.TransportError):
        lost(eater.url, events)
    (unseen,) = eater.eaten
    assert unseen.startswith(b"HTTP/1.1 20")
    before = state(database)
    assert [row[1] for row in before[0]] == [event["event_id"] for event in events]

    answer = retry(collector.url, events)
    assert answer.status_code == 200
    if retry is single:
        assert answer.json() == {"ok": True, "id": before[0][0][0], "event_id": events[0]["event_id"]}
    else:
        assert answer.json() == {"ok": True, "accepted": count, "rejected": []}
    assert state(database) == before
    assert rows(database, "SELECT SUM(count) FROM issues") == [(count,)]
    assert rows(database, "SELECT SUM(count) FROM event_counts") == [(count,)]


def test_r2_a_retry_in_the_middle_of_new_events_is_a_retry(
    collector: CollectorProcess, eater: AnswerEater, database: Database
) -> None:
    old, new = make(3), make(4)
    with pytest.raises(httpx.TransportError):
        array(eater.url, old)
    mixed = [*new[:2], *old, *new[2:]]
    assert ndjson_gzip(collector.url, mixed).json() == {"ok": True, "accepted": 7, "rejected": []}
    stored = [row[1] for row in state(database)[0]]
    assert stored == [event["event_id"] for event in (*old, *new)]
    assert rows(database, "SELECT SUM(count) FROM issues") == [(7,)]
    assert rows(database, "SELECT SUM(count) FROM event_counts") == [(7,)]


def test_r2_a_retry_while_the_first_is_still_under_way(collector: CollectorProcess, database: Database) -> None:
    """A sender that gave up waiting comes again while its first request is in the same queue, or the same commit."""
    (event,) = make(1)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: single(collector.url, [event]), range(64)))
    assert sorted(answer.status_code for answer in answers) == [200] * 63 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [row[1] for row in state(database)[0]] == [event["event_id"]]
    assert rows(database, "SELECT count FROM issues") == [(1,)]
    assert rows(database, "SELECT count FROM event_counts") == [(1,)]


def test_r2_without_its_own_event_id_a_retry_is_another_event(
    collector: CollectorProcess, eater: AnswerEater, database: Database
) -> None:
    """The protection switched off: it is the sender's id that the tests above go by, and they can fail."""
    event = {"message": "sent by curl"}
    with pytest.raises(httpx.TransportError):
        single(eater.url, [event])
    assert single(collector.url, [event]).status_code == 201
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(2,)]
