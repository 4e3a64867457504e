"""R11: PostgreSQL restarted, pool exhausted, connections cut, under the load of three collectors.

Passes when: 503, reconnects, no acknowledged loss.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import httpx
import psycopg
import pytest

import support
from load_support import Load, check_kept
from postgres_support import PostgresDatabase, PostgresServer
from stream_support import listening
from support import SECRET, CollectorProcess, owner, wait_until

StartCollector = Callable[..., CollectorProcess]
#: A database, the addresses of three collectors on it, and load on all of them.
Three: TypeAlias = tuple[PostgresDatabase, list[str], Load]
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'levqor-errors'"

pytestmark = [pytest.mark.sqlite, pytest.mark.long]  # It brings a server of its own.


@pytest.fixture(scope="module")
def server() -> PostgresServer:
    return PostgresServer(durable=True)


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(__file__).with_name("short_patience.py")
    monkeypatch.setattr(support, "COMMAND", [sys.executable, str(script)])


@pytest.fixture
def three(server: PostgresServer, start_collector: StartCollector) -> Iterator[Three]:
    """At the end all of it is checked."""
    database = server.create()
    started = [start_collector(database, RATE_LIMIT="off") for _ in range(3)]
    with Load() as load:
        load.aim(*(collector.port for collector in started))
        load.wait_for(100)
        yield database, [collector.url for collector in started], load
        load.wait_for(100)
        wait_until(lambda: all(healthy(collector.url) for collector in started))
    for collector in started:
        assert collector.terminate() == 0
    assert {answer.partition(" ")[0] for answer in load.unexpected} <= {"503"}
    check_kept(database, load.acknowledged)


def healthy(url: str) -> bool:
    return httpx.get(f"{url}/healthz", timeout=30).status_code == 200


def recent(url: str) -> int:
    return httpx.get(f"{url}/api/errors/recent", headers={"X-Internal-Secret": SECRET}, timeout=60).status_code


@pytest.mark.usefixtures("short_patience")
def test_r11_a_restart(three: Three, server: PostgresServer) -> None:
    _, urls, load = three
    with owner(urls[0]) as client, listening(client) as listener:
        for _ in range(3):
            server.kill()
            load.wait_for_refusals(1)
            answer = httpx.post(f"{urls[0]}/api/errors/log", json={"message": "x"}, timeout=60)
            assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
            assert recent(urls[0]) == 503
            wait_until(lambda: not healthy(urls[0]))
            server.restart()
            load.wait_for(100)
            wait_until(lambda: recent(urls[0]) == 200)
            # A live stream goes on over it.
            told = listener.total
            wait_until(lambda: listener.total > told + 10)  # noqa: B023
        assert not listener.over


def test_r11_connections_that_are_cut(three: Three, server: PostgresServer) -> None:
    _, urls, load = three
    for number in range(15):
        with psycopg.connect(server.address, autocommit=True) as connection:
            # An answer may be of a moment before the cut, and no new connection there yet.
            wait_until(lambda: connection.execute(CUT).fetchall())
        if number % 3 == 0:
            # A read has its connection looked at first. It may take a second until there is another one.
            assert recent(urls[1]) == 200
        load.wait_for(20)


@pytest.mark.usefixtures("short_patience")
def test_r11_no_connection_left(three: Three) -> None:
    database, urls, load = three
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(psycopg.connect(database.address, autocommit=True))
        # Until it is the one that is asked below, too: of three collectors one may keep what another one lost.
        while not any("503" in answer for answer in load.unexpected) or healthy(urls[0]):
            # Their places are free for a moment, and are taken here.
            admin.execute(CUT)
            with contextlib.suppress(psycopg.OperationalError):
                for _ in range(200):
                    stack.enter_context(psycopg.connect(database.address))
        wait_until(lambda: not healthy(urls[0]))
        assert recent(urls[0]) == 503
    load.wait_for(100)
    wait_until(lambda: recent(urls[0]) == 200)


@pytest.mark.usefixtures("short_patience")
def test_r11_reads_that_wait_for_a_lock(three: Three) -> None:
    """A wait has an end, and events are taken all the while."""
    database, urls, load = three
    with psycopg.connect(database.address) as blocker, httpx.Client(timeout=60) as client:
        blocker.execute("LOCK TABLE event_counts IN ACCESS EXCLUSIVE MODE")
        load.wait_for(200)
        answer = client.get(f"{urls[2]}/api/errors/stats", headers={"X-Internal-Secret": SECRET})
        assert answer.status_code == 503
        load.wait_for(200)
        blocker.rollback()
        assert client.get(f"{urls[2]}/api/errors/stats", headers={"X-Internal-Secret": SECRET}).status_code == 200
