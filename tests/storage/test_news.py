"""News, on both kinds of database: each committed event once and none left out; and who is woken."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from levqor_errors.ids import uuid7
from levqor_errors.storage import Filters, Storage, open_storage
from levqor_errors.storage.postgres import listen
from news_support import Follower, followed, stored_ids
from storage_support import new_event, store, write
from support import CollectorProcess, Database, clean_environ, wait_until

StartCollector = Callable[..., CollectorProcess]
NO_CURSORS = (
    "", "x", "s", "p", "s-1", "s1_0", "s\u0661", "s" + "9" * 30, "p1-", "p-1", "p1.2", "p1.2.-3", "p" + "9" * 30,
    "p0", "s999999", "p999999999", "p9999999999999999999", "p1-2-3.4.5", "p1' OR 1=1", "p1\x00",
)  # fmt: skip


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    with closing(open_storage(str(database))) as storage:
        yield storage


@contextmanager
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that goes on after a commit, as a collector's does: only there others are told of it at once."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever)
    thread.start()
    try:
        yield running
    finally:
        running.call_soon_threadsafe(running.stop)
        thread.join(30)
        asyncio.set_event_loop(None)
        for task in asyncio.all_tasks(running):
            task.cancel()
        running.run_until_complete(asyncio.sleep(0))
        running.close()


def commit(storage: Storage, on: asyncio.AbstractEventLoop, number: int) -> None:
    """Write so many events on a loop."""
    batch = [new_event("new") for _ in range(number)]
    asyncio.run_coroutine_threadsafe(storage.write(batch), on).result(60)


def test_each_event_is_told_once(storage: Storage, database: Database) -> None:
    store(storage, "before", 3)
    follower = Follower(storage)
    assert follower.read() == []
    for number in (1, 2, 30):
        store(storage, "new", number)
        assert len(follower.read()) == number
        assert follower.read() == []
    assert follower.ids == stored_ids(database)[3:]
    assert follower.missed == 0


@pytest.mark.parametrize("most", [1, 3, 7, 100])
def test_few_at_a_time_and_from_the_middle_of_a_commit(storage: Storage, database: Database, most: int) -> None:
    follower = Follower(storage, most=most)
    for number in (5, 1, 2, 7):
        store(storage, "new", number)
    first = storage.news(follower.cursor, most=most)
    assert (len(first.ids), first.more) == (min(most, 15), most < 15)
    assert follower.read() == stored_ids(database)


def test_a_retry_is_no_news(storage: Storage) -> None:
    event = new_event(event_id=uuid7())
    write(storage, [event])
    follower = Follower(storage)
    write(storage, [event])
    assert follower.read() == []


def test_an_empty_database_has_a_cursor(storage: Storage) -> None:
    follower = Follower(storage)
    assert follower.read() == []
    store(storage, "first", 1)
    assert (len(follower.read()), follower.missed) == (1, 0)


def test_events_among_the_news_come_by_the_filters(storage: Storage) -> None:
    follower = Follower(storage)
    store(storage, "one", 2, service="shop", message="the shop is closed")
    store(storage, "two", 3, service="mail", message="the mail is lost")
    store(storage, "later", 1, service="shop")
    ids = follower.read()[:5]
    shop = storage.recent(Filters(service="shop"), limit=10, among=ids)
    assert [event["id"] for event in shop.errors] == [ids[1], ids[0]]
    found = storage.recent(Filters(q="mail"), limit=10, among=ids[1:4])
    assert [event["id"] for event in found.errors] == [ids[3], ids[2]]
    assert storage.recent(Filters(), limit=10, among=[]).errors == []
    assert storage.matching(Filters(service="shop"), ids) == ids[:2]
    assert storage.matching(Filters(q="mail"), ids[3:0:-1]) == ids[2:4]
    assert storage.matching(Filters(), [ids[0], 999_999]) == ids[:1]
    assert storage.matching(Filters(), []) == []


def test_what_is_no_cursor_of_this_database_says_that_something_may_be_missed(storage: Storage) -> None:
    store(storage, "before", 2)
    for number, cursor in enumerate(NO_CURSORS):
        news = storage.news(cursor, most=10)
        assert (news.ids, news.missed) == ([], True), cursor
        if number % 5 == 0:
            store(storage, "new", 1)
            after = storage.news(news.cursor, most=10)
            assert (len(after.ids), after.missed) == (1, False)


def test_who_watches_is_woken_by_this_process_and_by_others(
    storage: Storage, database: Database, start_collector: StartCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that nobody on PostgreSQL looks without having heard.
    monkeypatch.setattr(listen, "POLL_SECONDS", 3600.0)
    collectors = [start_collector(RATE_LIMIT="off") for _ in range(2)]
    with loop() as here, followed(storage) as follower:
        for number in range(20):
            url = collectors[number % 2].url
            body = [{"message": f"to collector {number % 2}"}] * 3
            assert httpx.post(f"{url}/api/errors/log", json=body).status_code == 200
            commit(storage, here, 1)
        wait_until(lambda: len(follower.ids) == 80)
    assert sorted(follower.ids) == stored_ids(database)


def test_who_has_closed_is_not_woken_and_who_fails_harms_nobody(storage: Storage) -> None:
    woken = threading.Event()
    closed = threading.Event()

    def fail() -> None:
        raise RuntimeError("on purpose")

    watch = storage.watch(closed.set)
    storage.watch(fail)
    storage.watch(woken.set)
    wait_until(closed.is_set)
    watch.close()
    watch.close()
    # A call that was under way is over after another turn.
    with loop() as here:
        for _ in range(2):
            woken.clear()
            closed.clear()
            commit(storage, here, 1)
            wait_until(woken.is_set)
    assert not closed.is_set()


def test_who_is_stuck_holds_up_no_commit_and_no_close(database: Database) -> None:
    released = threading.Event()
    stuck = threading.Event()

    def hang() -> None:
        stuck.set()
        released.wait(60)

    storage = open_storage(str(database))
    storage.watch(hang)
    wait_until(stuck.is_set)
    follower = Follower(storage)
    store(storage, "new", 50)
    assert len(follower.read()) == 50
    released.set()
    storage.close()


def test_a_process_that_ends_while_it_watches_ends(database: Database) -> None:
    code = "import sys; from levqor_errors.storage import open_storage; open_storage(sys.argv[1]).watch(print)"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(database)], env=clean_environ(), timeout=60, capture_output=True
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.sqlite
def test_deleted_events_are_no_news_and_their_ids_do_not_come_again(storage: Storage) -> None:
    store(storage, "old", 3)
    follower = Follower(storage)
    store(storage, "old", 3)
    while storage.prune("2027-01-01T00:00:00.000Z", most=100):
        pass
    assert follower.read() == []
    assert Follower(storage).read() == []
    store(storage, "new", 1)
    assert follower.read() == [7]


def test_several_loops_commit_at_once(storage: Storage, database: Database) -> None:
    """As an application that the collector is mounted in may have them."""
    with loop() as one, loop() as other, followed(storage) as follower:
        for _ in range(10):
            together = [
                asyncio.run_coroutine_threadsafe(storage.write([new_event(), new_event()]), on) for on in (one, other)
            ]
            for written in together:
                written.result(60)
        wait_until(lambda: len(follower.ids) == 40)
    assert sorted(follower.ids) == stored_ids(database)
