"""R9: SIGTERM under load.

Passes when: drains; everything acknowledged is kept; exit 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import support
from levqor_errors.ids import uuid7
from support import CollectorProcess, Database, event_ids, rows, wait_until, write_lock

ROUNDS = 6
SENDERS = 12
LOG = "/api/errors/log"
StartCollector = Callable[..., CollectorProcess]


class Load:
    """Senders on one event loop, each posting without a pause until its collector is gone."""

    def __init__(self, url: str) -> None:
        self.acknowledged: list[str] = []
        #: Answers other than 2xx and 503.
        self.unexpected: list[str] = []
        #: How each sender ended: connection cut, or refused.
        self.ends: list[str] = []
        self._url = url

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Send from here on; the end of the block waits until every sender has met the collector's end."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        thread.start()
        try:
            wait_until(lambda: len(self.acknowledged) >= SENDERS)
            yield
        finally:
            thread.join(60)

    async def _run(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as client:
            await asyncio.gather(*(self._send(client) for _ in range(SENDERS)))

    async def _send(self, client: httpx.AsyncClient) -> None:
        while True:
            events = [{"event_id": uuid7(), "message": "under load"} for _ in range(random.choice((1, 1, 10)))]
            try:
                answer = await client.post(LOG, json=events if len(events) > 1 else events[0])
            except httpx.TransportError as error:
                self.ends.append(type(error).__name__)
                return
            if answer.status_code in (200, 201):
                self.acknowledged.extend(event["event_id"] for event in events)
            elif answer.status_code != 503:
                self.unexpected.append(f"{answer.status_code} {answer.text}")


def stored_alone(database: Database) -> list[str]:
    """What the database holds; an SQLite file by itself: its -wal is gone, and nothing was lost with it."""
    alone = database
    if isinstance(database, Path):
        assert not Path(f"{database}-wal").exists()
        alone = Path(shutil.copy(database, database.with_name(f"alone-{uuid7()}.db")))
        assert rows(alone, "PRAGMA integrity_check") == [("ok",)]
    stored = event_ids(alone)
    assert len(set(stored)) == len(stored)
    assert rows(alone, "SELECT SUM(count) FROM event_counts") == [(len(stored),)]
    assert rows(alone, "SELECT SUM(count) FROM issues") == [(len(stored),)]
    return stored


def refuses(port: int) -> bool:
    """Whether nothing listens there: the first thing that a collector does when it is told to end."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_r9_sigterm_under_load(start_collector: StartCollector, database: Database) -> None:
    acknowledged: set[str] = set()
    for _ in range(ROUNDS):
        collector = start_collector()
        load = Load(collector.url)
        with load.running():
            time.sleep(random.uniform(0, 0.4))
            code = collector.terminate()
        assert code == 0, collector.output
        # They were sending before and after the signal: each met its end, none with an answer out of place.
        assert len(load.ends) == SENDERS
        assert load.unexpected == []
        assert len(load.acknowledged) >= SENDERS
        acknowledged.update(load.acknowledged)
        assert acknowledged - set(stored_alone(database)) == set()


def begin(port: int, body: bytes) -> socket.socket:
    """Begin a request, and return when the collector is known to have it in hand: it asks for the body."""
    sender = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST {LOG} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    sender.sendall(head.encode())
    assert sender.recv(65536).startswith(b"HTTP/1.1 100 ")
    return sender


def test_r9_what_is_under_way_at_the_signal_is_committed_and_answered(
    start_collector: StartCollector, database: Database
) -> None:
    collector = start_collector()
    sent = [uuid7() for _ in range(20)]
    bodies = [json.dumps({"event_id": event_id, "message": "under way"}).encode() for event_id in sent]
    with contextlib.ExitStack() as stack:
        blocker = stack.enter_context(contextlib.ExitStack())
        blocker.enter_context(write_lock(database))
        # These are all in the queue when the signal comes, but for the first, with which the writer waits for the lock.
        queued = []
        for body in bodies[:16]:
            queued.append(stack.enter_context(begin(collector.port, body)))
            queued[-1].sendall(body)
        with httpx.Client(base_url=collector.url) as client:
            wait_until(lambda: client.get("/healthz").json()["waiting"] >= 8)
        # Of these half has arrived; the rest is sent when the collector is on its way out.
        halves = []
        for body in bodies[16:]:
            halves.append(stack.enter_context(begin(collector.port, body)))
            halves[-1].sendall(body[:20])
        collector.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(collector.port))
        for sender, body in zip(halves, bodies[16:], strict=True):
            sender.sendall(body[20:])
        # Long enough for a collector that does not wait for what is under way to be gone.
        time.sleep(0.5)
        assert event_ids(database) == []
        blocker.close()
        for sender in (*queued, *halves):
            assert sender.recv(65536).startswith(b"HTTP/1.1 201 ")
        assert collector.process.wait(30) == 0, collector.output
    assert sorted(stored_alone(database)) == sorted(sent)


def test_r9_sees_a_collector_that_acknowledges_before_the_commit(
    start_collector: StartCollector, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "COMMAND", [sys.executable, str(Path(__file__).with_name("early_ack.py"))])
    collector = start_collector()
    load = Load(collector.url)
    with load.running():
        # Something is committed, so what is missing is not all of it.
        wait_until(lambda: event_ids(database))
        assert collector.terminate() == 0
    assert set(load.acknowledged) - set(stored_alone(database))
