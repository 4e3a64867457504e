"""S11 | floods: one sender, a thousand senders, all-new groups |
429 with Retry-After; others unharmed; drops are counted

What maximal events for a day do to the disk is in another file of this row.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.collector.refusals import Reason, Refusals, Refused
from levqor_errors.config import DEFAULT_RATE, CollectorSettings
from support import SECRET, CollectorProcess, Database, event_ids, owner, rows, served, wait_until

LOG = "/api/errors/log"
LOOPBACK = ipaddress.ip_network("127.0.0.1")
FLOODER = "198.51.100.1"
OTHER = "198.51.100.2"


class Flooded(NamedTuple):
    """A collector under a flood."""

    app: Starlette
    #: A trusted proxy in front of it, which stands for any number of senders.
    proxy: httpx.Client

    @property
    def refusals(self) -> Refusals:
        """What it refused."""
        refusals: Refusals = self.app.state.collector.refusals
        return refusals

    def post(self, body: Any, sender: str = FLOODER, **headers: str) -> httpx.Response:
        """One request of a sender."""
        headers = {"X-Forwarded-For": sender, **headers}
        return self.proxy.post(LOG, content=orjson.dumps(body), headers=headers)


@pytest.fixture
def flooded(database: Database) -> Callable[..., contextlib.AbstractContextManager[Flooded]]:
    """Starts a collector that trusts loopback, with this limit."""

    @contextlib.contextmanager
    def start(rate: float | None = DEFAULT_RATE) -> Iterator[Flooded]:
        app = create_app(CollectorSettings(str(database), SECRET, rate_limit=rate, trusted_proxies=(LOOPBACK,)))
        with served(app) as url, httpx.Client(base_url=url, timeout=60) as client:
            yield Flooded(app, client)

    return start


Start = Callable[..., contextlib.AbstractContextManager[Flooded]]


def refused_events(refusals: Refusals) -> int:
    """How many events were refused, for any reason."""
    return sum(refused.events for refused in refusals.totals().values())


# -- one sender -------------------------------------------------------------------------------------------------------


async def _post_all(port: int, bodies: Iterable[bytes], connections: int) -> Counter[int]:
    """Post over many connections at once; httpx would take longer than the collector."""
    waiting = iter(bodies)
    statuses: Counter[int] = Counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            head = f"POST {LOG} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            statuses[int(answer.split()[1])] += 1
            await reader.readexactly(int(answer.partition(b"content-length: ")[2].split()[0]))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return statuses


@pytest.mark.parametrize("batch", [1, 100], ids=["singles", "batches"])
def test_s11_a_burst_of_10000_from_one_client_passes_by_default(
    start_collector: Callable[..., CollectorProcess], batch: int
) -> None:
    collector = start_collector()
    event = {"message": "burst", "service": "shop"}
    body = json.dumps(event if batch == 1 else [event] * batch).encode()
    statuses = asyncio.run(_post_all(collector.port, itertools.repeat(body, 10_000 // batch), 32))
    assert statuses == {201 if batch == 1 else 200: 10_000 // batch}
    assert rows(collector.database, "SELECT COUNT(*) FROM error_events") == [(10_000,)]
    assert rows(collector.database, "SELECT SUM(count) FROM event_counts") == [(10_000,)]


def test_s11_one_senders_flood_leaves_anothers_events_unharmed(flooded: Start, database: Database) -> None:
    with flooded(2) as collector:
        sent = Counter[int]()
        over = threading.Event()

        def flood() -> None:
            with httpx.Client(base_url=collector.proxy.base_url, headers={"X-Forwarded-For": FLOODER}) as client:
                batch = [{"message": "flood", "service": "shop"}] * 50
                while not over.is_set():
                    sent[client.post(LOG, json=batch).status_code] += 50

        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            # For the same service, too.
            answers = [
                collector.post({"message": "harmless", "service": "shop"}, OTHER).status_code for _ in range(150)
            ]
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert answers == [201] * 150
        assert sent[429] > 0
        assert set(sent) == {200, 429}
        stored = dict(rows(database, "SELECT message, COUNT(*) FROM error_events GROUP BY message"))
        assert stored == {"harmless": 150, "flood": sent[200]}
        # 50 events of 90 bytes are no large body: each was read, and counted.
        assert collector.refusals.totals()[Reason.CLIENT_RATE] == Refused(sent[429] // 50, sent[429])


@pytest.mark.parametrize("rate", [1, None], ids=["limited", "off"])
def test_s11_without_the_limit_a_flood_goes_through(flooded: Start, rate: float | None, database: Database) -> None:
    batch = [{"message": "flood"}] * 100
    with flooded(rate) as collector:
        statuses = Counter(collector.post(batch).status_code for _ in range(5))
    assert statuses == ({200: 5} if rate is None else {200: 1, 429: 4})
    assert len(event_ids(database)) == 100 * statuses[200]


def test_s11_a_429_says_when_and_that_is_enough(flooded: Start) -> None:
    with flooded(20) as collector:
        for _ in range(2):
            assert collector.post([{"message": "x"}] * 1_000).status_code == 200
        answer = collector.post([{"message": "x"}] * 20)
        assert answer.status_code == 429
        assert answer.json()["ok"] is False
        assert "too many events" in answer.json()["error"]
        wait = int(answer.headers["retry-after"])
        assert wait == 1
        time.sleep(wait)
        assert collector.post([{"message": "x"}] * 20).status_code == 200


def test_s11_a_client_that_does_not_wait_is_refused_unread(flooded: Start) -> None:
    with flooded(0.1) as collector:
        assert collector.post([{"message": "x"}] * 20).status_code == 200
        assert collector.post({"message": "x"}).status_code == 429
        before = collector.refusals.totals()[Reason.CLIENT_RATE]
        for head in (f"Content-Length: {limits.UNREAD_BYTES + 1}", "Content-Length: 5000\r\nContent-Encoding: gzip"):
            with socket.create_connection((collector.proxy.base_url.host, collector.proxy.base_url.port or 0)) as peer:
                peer.settimeout(30)
                peer.sendall(f"POST {LOG} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {FLOODER}\r\n{head}\r\n\r\n".encode())
                # Nothing of the body was sent, and yet there is an answer.
                assert b" 429 " in peer.recv(4096)

        def chunks() -> Iterator[bytes]:
            for _ in range(20):
                yield b" " * 8192

        answer = collector.proxy.post(LOG, content=chunks(), headers={"X-Forwarded-For": FLOODER})
        assert answer.status_code == 429
        after = collector.refusals.totals()[Reason.CLIENT_RATE]
        assert after == Refused(before.requests + 3, before.events)
        # Small ones are read, so that what is in them can be counted; and others notice nothing.
        assert collector.post({"message": "x"}).status_code == 429
        assert collector.refusals.totals()[Reason.CLIENT_RATE] == Refused(after.requests + 1, after.events + 1)
        assert collector.post({"message": "x", "context": {"big": ["x" * 8_000] * 20}}, OTHER).status_code == 201


def test_s11_a_flood_of_what_cannot_be_taken_is_limited_too_and_harms_nobody_else(flooded: Start) -> None:
    garbage = b'["' + b"x" * 500_000
    with flooded(1) as collector:
        statuses = [
            collector.proxy.post(LOG, content=garbage, headers={"X-Forwarded-For": FLOODER}).status_code
            for _ in range(20)
        ]
        assert set(statuses) == {400, 429}
        assert statuses.count(429) > 10
        assert collector.refusals.totals()[Reason.INVALID].requests == statuses.count(400)
        assert [collector.post({"message": "x"}, OTHER).status_code for _ in range(50)] == [201] * 50


# -- a thousand senders -----------------------------------------------------------------------------------------------


def test_s11_a_thousand_senders_meet_the_limit_of_all_and_what_is_refused_is_counted(
    flooded: Start, database: Database
) -> None:
    rate = 0.1
    with flooded(rate) as collector:
        started = time.monotonic()
        statuses: Counter[int] = Counter()
        for number in range(1_000):
            event = {"message": "one of a thousand", "service": f"service {number % 5}"}
            answer = collector.post(event, f"10.1.{number // 250}.{number % 250}")
            statuses[answer.status_code] += 1
            assert ("retry-after" in answer.headers) == (answer.status_code == 429)
        total = rate * limits.TOTAL_SHARE
        assert total * limits.BURST_SECONDS <= statuses[201]
        assert statuses[201] <= total * (limits.BURST_SECONDS + time.monotonic() - started + 1)
        assert statuses[201] + statuses[429] == 1_000
        assert len(event_ids(database)) == statuses[201]
        assert collector.refusals.totals()[Reason.TOTAL_RATE] == Refused(statuses[429], statuses[429])
        limiter: Any = collector.app.state.collector.ingest._limiter
        assert len(limiter._clients) <= limits.CLIENTS


def test_s11_what_was_sent_is_what_was_stored_and_what_was_refused(flooded: Start, database: Database) -> None:
    good, bad = {"message": "good", "service": "shop"}, {"message": 7}
    bodies: list[Any] = [good, bad, [good] * 10, [good, bad, good], [bad] * 5, [], "junk", [good, "junk", None]]
    with flooded(0.3) as collector:
        sent = accepted = 0
        for number in range(200):
            body = bodies[number % len(bodies)]
            answer = collector.post(body, f"10.0.0.{number % 10}")
            sent += len(body) if isinstance(body, list) else 1
            if answer.status_code in (200, 201):
                accepted += answer.json().get("accepted", 1)
        assert len(event_ids(database)) == accepted
        assert sent == accepted + refused_events(collector.refusals)
        totals = collector.refusals.totals()
        assert totals[Reason.CLIENT_RATE].events > 0
        assert totals[Reason.INVALID].events > totals[Reason.INVALID].requests > 0


def test_s11_what_was_refused_is_shown_to_the_owner_and_outlives_the_collector(
    start_collector: Callable[..., CollectorProcess],
) -> None:
    collector = start_collector(RATE_LIMIT="0.1")
    with owner(collector.url) as client:
        assert client.post(LOG, json=[{"message": "x"}] * 10).status_code == 200
        for number in (2, 3, 4):
            assert client.post(LOG, json=[{"message": "x"}] * number).status_code == 429
        refused = {"client_rate": {"requests": 3, "events": 9}}
        # It is written down every two seconds.
        wait_until(lambda: client.get("/api/errors/stats").json()["refused"] == refused)
        # What the last two seconds brought is written down at the end.
        assert client.post(LOG, json=[{"message": "x"}] * 7).status_code == 429
    assert collector.terminate() == 0
    with owner(start_collector(RATE_LIMIT="0.1").url) as client:
        assert client.get("/api/errors/stats").json()["refused"] == {"client_rate": {"requests": 4, "events": 16}}
        assert client.get("/api/errors/stats").json()["total"] == 10


# -- all new ----------------------------------------------------------------------------------------------------------


def test_s11_all_new_groups_open_a_bounded_number_of_issues_and_every_event_is_stored(
    flooded: Start, database: Database
) -> None:
    with flooded() as collector:
        started = time.monotonic()
        for start in range(0, 1_500, 100):
            batch = [
                {"message": "flood", "service": "shop", "fingerprint": [str(number)]}
                for number in range(start, start + 100)
            ]
            assert collector.post(batch).json()["accepted"] == 100
        refilled = (time.monotonic() - started) * limits.NEW_ISSUES_CLIENT / 3600 + 1
        ((issues,),) = rows(database, "SELECT COUNT(*) FROM issues")
        assert limits.NEW_ISSUES_CLIENT + 1 <= issues <= limits.NEW_ISSUES_CLIENT + 1 + refilled
        assert rows(database, "SELECT COUNT(*) FROM error_events") == [(1_500,)]
        assert rows(database, "SELECT SUM(count) FROM issues") == [(1_500,)]

        # Another sender's new error is its own issue still, of the same service as of another.
        for service in ("shop", "web"):
            assert collector.post({"message": f"news of {service}", "service": service}, OTHER).status_code == 201
            assert rows(database, "SELECT count FROM issues WHERE title = ?", [f"news of {service}"]) == [(1,)]
        # And the flooder's events of known groups go where they belong.
        collector.post({"message": "again", "service": "shop", "fingerprint": ["7"]})
        grouping = json.dumps(["custom", "shop", "7"])
        assert rows(database, "SELECT count FROM issues WHERE grouping = ?", [grouping]) == [(2,)]
        assert refused_events(collector.refusals) == 0


def test_s11_requests_at_the_same_time_open_no_more_issues_than_one_after_the_other(
    flooded: Start, database: Database
) -> None:
    with flooded() as collector:
        port = collector.proxy.base_url.port or 0
        bodies = (
            orjson.dumps([{"message": "x", "fingerprint": [f"{batch} {number}"]} for number in range(100)])
            for batch in range(20)
        )
        started = time.monotonic()
        assert asyncio.run(_post_all(port, bodies, 20)) == {200: 20}
        refilled = (time.monotonic() - started) * limits.NEW_ISSUES_CLIENT / 3600 + 1
    ((issues,),) = rows(database, "SELECT COUNT(*) FROM issues")
    assert issues <= limits.NEW_ISSUES_CLIENT + 1 + refilled
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(2_000,)]


def test_s11_new_names_of_services_are_limited_and_known_ones_are_known_after_a_restart(
    flooded: Start, database: Database
) -> None:
    first = [f"service {number}" for number in range(limits.NEW_SERVICES_CLIENT)]
    with flooded() as collector:
        assert collector.post([{"message": "x", "service": name} for name in first]).status_code == 200
        answer = collector.post({"message": "x", "service": "one more"})
        assert answer.status_code == 429
        assert "service is a new name" in answer.json()["error"]
        assert 1 <= int(answer.headers["retry-after"]) <= 3600
        assert collector.refusals.totals()[Reason.NEW_SERVICES] == Refused(1, 1)
        assert collector.post({"message": "x", "service": first[7]}).status_code == 201
        assert collector.post({"message": "x", "service": "one more"}, OTHER).status_code == 201
    with flooded() as collector:
        for name in (*first[:5], "one more"):
            assert collector.post({"message": "x", "service": name}).status_code == 201
        second = [f"later {number}" for number in range(limits.NEW_SERVICES_CLIENT)]
        assert collector.post([{"message": "x", "service": name} for name in second]).status_code == 200
    assert rows(database, "SELECT COUNT(DISTINCT service) FROM event_counts") == [(2 * len(first) + 1,)]
