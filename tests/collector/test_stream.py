"""The live stream: what is told, in which order and how much of it; who comes back, who is slow, and how it ends."""

from __future__ import annotations

import contextlib
import functools
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.collector.openapi_schemas import SCHEMAS
from levqor_errors.collector.protocol import BoundedProtocol
from levqor_errors.collector.server import bind
from levqor_errors.config import CollectorSettings
from postgres_support import PostgresServer
from stream_support import STREAM, Listener, listening
from support import SECRET, CollectorProcess, Database, clean_environ, owner, served, wait_until

LOG = "/api/errors/log"
StartCollector = Callable[..., CollectorProcess]


@pytest.fixture
def app(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Starlette]:
    """A collector that reads news more often than others do."""
    monkeypatch.setattr(limits, "STREAM_SECONDS", 0.02)
    app = create_app(CollectorSettings(str(database), SECRET, rate_limit=None))
    yield app
    app.state.collector.close()


@pytest.fixture
def client(app: Starlette) -> Iterator[httpx.Client]:
    """The owner, at that collector."""
    http = functools.partial(BoundedProtocol, app.state.collector.connections)
    with served(app, lifespan=False, http=http) as url, owner(url) as client:
        yield client


def post(client: httpx.Client, *messages: str, **fields: Any) -> None:
    """Send events together."""
    answer = client.post(LOG, json=[{"message": message, **fields} for message in messages])
    assert answer.json()["accepted"] == len(messages)


def numbered(count: int) -> list[str]:
    return [f"event {number}" for number in range(count)]


def news(client: httpx.Client, after: str | None = None) -> Any:
    """An answer of `/api/errors/news`."""
    return client.get("/api/errors/news", params={"after": after} if after else {}).json()


def has_read_all(client: httpx.Client, listener: Listener) -> bool:
    """Whether nothing comes after what it was told to go on from."""
    answer = news(client, listener.id)
    return not answer["missed"] and not answer["errors"]


# -- what is told -----------------------------------------------------------------------------------------------------


def test_events_are_told_from_now_on_and_as_they_are_listed(client: httpx.Client) -> None:
    post(client, "before")
    with listening(client) as listener:
        assert listener.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert listener.answer.headers["cache-control"] == "no-store"
        assert listener.answer.headers["x-accel-buffering"] == "no"
        post(client, "one\nof\r two lines\u2028", stack="a\nstack")
        wait_until(lambda: listener.events)
        post(client, "two", "three")
        wait_until(lambda: len(listener.events) == 3)
        listed = client.get("/api/errors/recent").json()["errors"][2::-1]
        assert listed[0].pop("stack") == "a\nstack"
        assert [listed[1].pop("stack"), listed[2].pop("stack")] == [None, None]
        assert listener.events == [("new", event) for event in listed]
        assert set(listener.told[0]) == set(SCHEMAS["LiveEvent"]["properties"])
        assert has_read_all(client, listener)


def test_each_stream_has_its_own_filters(client: httpx.Client) -> None:
    with contextlib.ExitStack() as stack:
        listeners = {
            name: stack.enter_context(listening(client, **params))
            for name, params in {
                "all": {},
                "severe": {"severity": "critical,error", "service": "shop"},
                "words": {"q": "payment"},
                "over": {"until": "2020-01-01T00:00:00Z"},
                "later": {"since": "2999-01-01T00:00:00Z"},
            }.items()
        }
        post(client, "refund of a payment", service="bank", severity="critical")
        post(client, "plain", service="shop", severity="critical")
        post(client, "a payment was refunded", "only a warning", service="shop", severity="warning")
        post(client, "the last", service="shop")
        wait_until(lambda: listeners["all"].total == 5 and listeners["severe"].total == 2)
        # All of them have read as far as that when this one has.
        post(client, "a late payment")
        wait_until(lambda: listeners["all"].total == 6 and "a late payment" in listeners["words"].messages)
        assert listeners["severe"].messages == ["plain", "the last"]
        assert listeners["words"].messages == ["refund of a payment", "a payment was refunded", "a late payment"]
        assert listeners["over"].events == listeners["later"].events == []


def test_filters_that_cannot_be_used_are_refused(client: httpx.Client) -> None:
    for params in ({"severity": "loud"}, {"issue": "x"}, {"since": "yesterday"}):
        assert client.get(STREAM, params=params).status_code == 400
    assert client.get(STREAM, headers={"X-Internal-Secret": "wrong"}).json() == {"error": "Unauthorized"}
    head = client.head(STREAM)
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_of_a_burst_some_are_told_and_the_rest_counted(client: httpx.Client) -> None:
    with listening(client) as everything, listening(client, severity="critical") as critical:
        post(client, *numbered(200), severity="critical")
        post(client, *numbered(700))
        wait_until(lambda: everything.total == 900 and critical.total == 200)
        assert critical.messages[: limits.STREAM_EVENTS] == numbered(limits.STREAM_EVENTS)
        # Two commits are met in two rounds at most.
        assert len(critical.told) <= 2 * limits.STREAM_EVENTS
        assert len(everything.told) <= 2 * limits.STREAM_EVENTS


# -- who comes back ---------------------------------------------------------------------------------------------------


def test_who_comes_back_meets_what_he_missed(client: httpx.Client) -> None:
    with listening(client, service="shop") as listener:
        post(client, "one", service="shop")
        wait_until(lambda: listener.messages == ["one"])
    post(client, "two", service="shop")
    post(client, "of others", "of others")
    post(client, "three", service="shop")
    with listening(client, last=listener.id, after="s0", service="shop") as again:
        wait_until(lambda: len(again.events) >= 2)
        post(client, "four", service="shop")
        wait_until(lambda: len(again.events) >= 3)
        assert again.messages == ["two", "three", "four"]
    with listening(client, after=listener.id) as by_address:
        wait_until(lambda: by_address.total == 5)
    # An empty one is none.
    with listening(client, last="") as anew:
        post(client, "five")
        wait_until(lambda: anew.messages == ["five"])


@pytest.mark.parametrize("last", ["x", "s999999", "p999999999"])
def test_who_comes_from_elsewhere_is_told_so(client: httpx.Client, last: str) -> None:
    post(client, "before")
    with listening(client, last=last) as listener:
        wait_until(lambda: listener.events == [("missed", {})])
        post(client, "after")
        wait_until(lambda: listener.events[1:])
        assert listener.messages == ["after"]


def test_who_is_too_far_behind_is_told_so(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAM_CATCH_UP", 10)
    monkeypatch.setattr(limits, "PAGE_MAX", 5)
    cursor = news(client)["cursor"]
    post(client, *numbered(9))
    with listening(client, after=cursor) as near:
        wait_until(lambda: near.messages == numbered(9))
    post(client, *numbered(9))
    with listening(client, after=cursor) as far:
        wait_until(lambda: far.events == [("missed", {})])
        assert has_read_all(client, far)


def test_nothing_is_left_out_or_told_twice_whenever_one_begins(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STREAM_EVENTS", 100_000)
    over = threading.Event()

    def load() -> None:
        with owner(str(client.base_url)) as sender:
            while not over.is_set():
                post(sender, *numbered(3))

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(listening(client))
        senders = [threading.Thread(target=load) for _ in range(2)]
        for sender in senders:
            sender.start()
        begun: list[tuple[str, Listener]] = []
        for _ in range(20):
            # From this moment on, which is after what the other streams have read; and from one that is before it.
            cursor = news(client)["cursor"]
            begun.append((cursor, stack.enter_context(listening(client, after=cursor))))
            cursor = first.id
            begun.append((cursor, stack.enter_context(listening(client, last=cursor))))
        over.set()
        for sender in senders:
            sender.join(30)
        for cursor, listener in begun:
            expected = sorted(event["id"] for event in all_news(client, cursor))
            wait_until(lambda: len(listener.told) >= len(expected))  # noqa: B023
            assert sorted(event["id"] for event in listener.told) == expected
            assert expected


def all_news(client: httpx.Client, cursor: str) -> list[Any]:
    events: list[Any] = []
    more = True
    while more:
        answer = news(client, cursor)
        assert not answer["missed"]
        events += answer["errors"]
        cursor, more = answer["cursor"], answer["more"]
    return events


@pytest.mark.sqlite  # It has PostgreSQL itself.
def test_what_other_collectors_commit_is_told(postgres: PostgresServer, start_collector: StartCollector) -> None:
    database = postgres.lend()
    collectors = [start_collector(database, RATE_LIMIT="off") for _ in range(3)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(owner(collector.url)) for collector in collectors]
        listeners = [stack.enter_context(listening(client)) for client in clients]
        for number in range(5):
            for client in clients:
                post(client, *numbered(number + 1))
        wait_until(lambda: all(listener.total == 45 for listener in listeners))
        for listener in listeners:
            ids = [event["id"] for event in listener.told]
            assert len(set(ids)) == len(ids)
        # One that comes back may come back to another one.
        post(clients[0], "in between")
        wait_until(lambda: listeners[0].total == 46)
        with listening(clients[1], last=listeners[0].id) as again:
            post(clients[2], "at the end")
            wait_until(lambda: again.messages == ["at the end"])
    for collector in collectors:
        collector.close()
    postgres.give_back(database)


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_who_is_slow_holds_up_nobody_and_is_told_how_much_there_was(client: httpx.Client) -> None:
    # 20 of these are 640 KB; the system takes some megabytes of what nobody reads.
    large = "\N{ROCKET}" * limits.MESSAGE_CHARS
    with listening(client) as slow, listening(client) as quick:
        slow.reading.clear()
        for number in range(1, 26):
            post(client, *[large] * 20)
            wait_until(lambda: quick.total == number * 20)  # noqa: B023
        assert len(quick.told) == 500
        slow.reading.set()
        wait_until(lambda: slow.total == 500)
        assert len(slow.told) < 400
        assert slow.id == quick.id
        post(client, "the next")
        wait_until(lambda: slow.messages[-1] == "the next")


@pytest.mark.sqlite
def test_there_are_so_many_and_no_more(client: httpx.Client, app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAMS", 2)
    with listening(client):
        with listening(client):
            refused = client.get(STREAM)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, str(limits.RETRY_SECONDS))
            assert refused.json()["error"].startswith("there are 2 streams already")
        wait_until(lambda: has_room(client))
    # Of those that are gone nothing is left.
    wait_until(lambda: not app.state.collector.storage._watchers._watches)


def has_room(client: httpx.Client) -> bool:
    """Whether there is room for one more."""
    with listening(client) as listener:
        return listener.answer.status_code == 200


def test_a_client_that_has_vanished_is_found_out() -> None:
    with contextlib.closing(bind("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            timeout = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert timeout == limits.STALL_SECONDS * 1000


# -- beats, and the end -----------------------------------------------------------------------------------------------


def test_it_beats_and_says_how_far_it_has_read(client: httpx.Client, app: Starlette) -> None:
    app.state.collector.stream.heartbeat_seconds = 0.05
    with listening(client, service="quiet") as listener:
        wait_until(lambda: listener.comments >= 3)
        begin = listener.id
        post(client, "of another service")
        # No event of it: but who comes back with this need not go through all that was not his.
        wait_until(lambda: listener.id != begin and has_read_all(client, listener))
        assert listener.events == []


@pytest.mark.sqlite
def test_it_ends_when_its_session_does(client: httpx.Client, app: Starlette) -> None:
    app.state.collector.stream.heartbeat_seconds = 0.05
    with httpx.Client(base_url=client.base_url, timeout=30) as browser:
        assert browser.post("/login", data={"secret": SECRET}).status_code == 303
        with listening(browser) as listener, listening(client) as other:
            wait_until(lambda: listener.comments >= 2)
            # As in another tab.
            assert httpx.post(f"{client.base_url}/logout", cookies=browser.cookies).status_code == 303
            wait_until(lambda: listener.over)
            assert listener.error is None
            post(client, "not for him")
            wait_until(lambda: other.messages == ["not for him"])
            assert listener.events == []
        assert browser.get(STREAM).status_code == 401


def test_sigterm_ends_it_at_once_and_in_order(start_collector: StartCollector) -> None:
    collector = start_collector()
    with owner(collector.url) as client, listening(client) as listener, listening(client, severity="info"):
        post(client, "one")
        wait_until(lambda: listener.messages == ["one"])
        assert collector.terminate() == 0
        wait_until(lambda: listener.over)
        assert listener.error is None
    assert "timeout graceful shutdown exceeded" not in collector.output
    assert "level=error" not in collector.output


MOUNTED = """
from starlette.applications import Starlette
from starlette.routing import Mount
from levqor_errors.collector import create_app
app = Starlette(routes=[Mount("/monitor", create_app())])
"""


@pytest.mark.sqlite
def test_mounted_it_ends_with_an_application_that_knows_nothing_of_it(database: Database, tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(MOUNTED)
    with contextlib.closing(bind("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        environ = clean_environ(INTERNAL_SECRET=SECRET, DATABASE_PATH=str(database))
        command = [sys.executable, "-m", "uvicorn", "host:app", "--fd", str(listener.fileno())]
        process = subprocess.Popen(command, cwd=tmp_path, pass_fds=[listener.fileno()], env=environ)
    try:
        with owner(f"http://127.0.0.1:{port}/monitor") as client, listening(client) as stream:
            post(client, "mounted")
            wait_until(lambda: stream.messages == ["mounted"])
            process.terminate()
            # uvicorn by itself waits for ever.
            process.wait(30)
            wait_until(lambda: stream.over)
            assert stream.error is None
    finally:
        process.kill()
        process.wait(30)
