"""News of a PostgreSQL database: transactions that end in another order than their ids, crashes, dumps, old cursors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial

import httpx
import psycopg
import pytest

from levqor_errors.errors import StorageUnavailableError
from levqor_errors.storage.postgres.storage import PostgresStorage
from news_support import Follower, followed, stored_ids
from postgres_support import PostgresDatabase, PostgresServer
from storage_support import new_event, store, write
from support import CollectorProcess, wait_until

pytestmark = pytest.mark.sqlite  # The fixtures below bring a database of their own.

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"


@pytest.fixture
def at(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    """The test's own database."""
    with postgres.lent() as database:
        yield database


@pytest.fixture
def storage(at: PostgresDatabase) -> Iterator[PostgresStorage]:
    with closing(PostgresStorage(at.address)) as storage:
        yield storage


class Slow:
    """A commit under way: its ids are drawn and its rows are written, and it ends when the test says so."""

    def __init__(self, database: PostgresDatabase, number: int = 1) -> None:
        self._connection = psycopg.connect(database.address)
        ids = "(SELECT array_agg(nextval('error_events_id')) FROM generate_series(1, %s))"
        found = self._connection.execute(
            f"INSERT INTO news (xid, ids) VALUES (pg_current_xact_id(), {ids}) RETURNING ids", [number]
        ).fetchone()
        assert found is not None
        self.ids: list[int] = found[0]

    def commit(self) -> list[int]:
        self._connection.commit()
        self._connection.close()
        return self.ids

    def roll_back(self) -> None:
        self._connection.rollback()
        self._connection.close()


def test_a_slow_commit_with_lower_ids_is_told_once_when_it_ends(at: PostgresDatabase, storage: PostgresStorage) -> None:
    follower = Follower(storage)
    slow = Slow(at)
    (fast,) = write(storage, [new_event()])
    # Nobody waits for it.
    assert follower.read() == [getattr(fast, "id", None)]
    assert slow.ids < follower.ids
    assert follower.read() == []
    # A cursor that is taken meanwhile knows of it.
    late = Follower(storage)
    store(storage, "another", 1)
    assert len(follower.read()) == 1
    slow.commit()
    assert follower.read() == slow.ids
    assert follower.read() == []
    assert late.read() == [*slow.ids, follower.ids[1]]


def test_two_open_transactions_end_in_every_order(at: PostgresDatabase, storage: PostgresStorage) -> None:
    follower = Follower(storage)
    for order in ((0, 1), (1, 0)):
        slow = [Slow(at), Slow(at)]
        for number in order:
            store(storage, "between", 1)
            assert len(follower.read()) == 1
            slow[number].commit()
            assert follower.read() == slow[number].ids


def test_what_is_rolled_back_is_no_news(at: PostgresDatabase, storage: PostgresStorage) -> None:
    follower = Follower(storage)
    slow = Slow(at)
    store(storage, "new", 1)
    assert len(follower.read()) == 1
    slow.roll_back()
    store(storage, "new", 1)
    assert len(follower.read()) == 1


def test_any_order_of_many_commits_read_a_few_at_a_time(at: PostgresDatabase, storage: PostgresStorage) -> None:
    chance = random.Random(7)
    followers = [Follower(storage, most=most) for most in (1, 2, 5, 100)]
    under_way: list[Slow] = []
    committed: list[int] = []
    for _ in range(150):
        if len(under_way) < 5 and chance.random() < 0.6:
            under_way.append(Slow(at, chance.randint(1, 6)))
        elif under_way:
            slow = under_way.pop(chance.randrange(len(under_way)))
            if chance.random() < 0.2:
                slow.roll_back()
            else:
                committed += slow.commit()
        for follower in followers:
            if chance.random() < 0.5:
                follower.read_once()
    for slow in under_way:
        committed += slow.commit()
    for follower in followers:
        follower.read()
        assert sorted(follower.ids) == sorted(committed)
        assert follower.missed == 0


def test_a_server_that_gives_out_numbers_again_after_a_crash() -> None:
    """Transactions that left nothing on the disk did not happen for it, and their numbers come again. A cursor that
    goes by what it saw running would take the new ones for read."""
    server = PostgresServer(durable=True)
    database = server.create()
    connect = partial(psycopg.connect, database.address)
    # What is not committed is written to the disk as late as can be.
    for statement in ("ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()"):
        database.execute(statement)
    with closing(PostgresStorage(database.address)) as storage:
        for _ in range(5):
            store(storage, "before", 1)
            with closing(connect()) as rolled_back:
                numbers = [own_number(rolled_back) for _ in range(20)]
                follower = Follower(storage)
                server.kill()
            server.restart()
            wait_until(partial(can_read, follower))
            with closing(connect()) as again:
                if own_number(again) < numbers[-1]:
                    break
        else:
            pytest.fail("no number came again")
        before = len(stored_ids(database))
        for _ in range(5):
            store(storage, "new", 1)
        follower.read()
        assert (follower.ids, follower.missed) == (stored_ids(database)[before:], 0)


def own_number(connection: psycopg.Connection) -> int:
    """The number of a transaction that is rolled back."""
    ((number,),) = connection.execute("SELECT pg_current_xact_id()::text").fetchall()
    connection.rollback()
    return int(number)


def can_read(follower: Follower) -> bool:
    try:
        follower.read()
    except StorageUnavailableError:
        return False
    return True


def test_numbers_of_another_server_that_came_with_a_dump_are_forgotten(at: PostgresDatabase) -> None:
    at.execute("INSERT INTO news (xid, ids) VALUES ('99999999', '{1}'), ('3', '{2}')")
    with closing(PostgresStorage(at.address)) as storage:
        follower = Follower(storage)
        store(storage, "new", 2)
        assert follower.read() == stored_ids(at)
    at.execute("DELETE FROM news; INSERT INTO news (xid, ids) VALUES ('99999999', '{1}')")
    with closing(PostgresStorage(at.address)) as storage:
        follower = Follower(storage)
        store(storage, "new", 1)
        assert (len(follower.read()), follower.missed) == (1, 0)


@pytest.mark.parametrize("first", ["a cursor", "an event"])
def test_whatever_else_runs_while_a_database_begins_nothing_is_missed(
    at: PostgresDatabase, postgres: PostgresServer, first: str
) -> None:
    with psycopg.connect(postgres.address) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        with closing(PostgresStorage(at.address)) as storage:
            if first == "an event":
                store(storage, "first", 1)
            follower = Follower(storage)
            elsewhere.rollback()
            store(storage, "new", 2)
            assert (len(follower.read()), follower.missed) == (2, 0)


def test_a_cursor_that_is_older_than_what_is_kept_says_so(at: PostgresDatabase, storage: PostgresStorage) -> None:
    idle = Follower(storage)
    store(storage, "old", 2)
    asleep = Follower(storage)
    slow = Slow(at)
    store(storage, "old", 3)
    waiting = Follower(storage)
    at.execute("UPDATE news SET at = at - interval '2 hours'")
    storage.give_back()
    kept = at.query("SELECT count(*) FROM news")
    assert kept == [(1,)]
    # Whoever has read all of it misses nothing, though a transaction runs since then.
    store(storage, "new", 1)
    assert (len(waiting.read()), waiting.missed) == (1, 0)
    for follower in (idle, asleep):
        assert (follower.read(), follower.missed) == ([], 1)
        store(storage, "new", 1)
        assert (len(follower.read()), follower.missed) == (1, 1)
    # When it ends nobody knows any more whether it had written something.
    waiting.read()
    slow.roll_back()
    assert (waiting.read(), waiting.missed) == ([], 1)
    store(storage, "new", 1)
    assert (len(waiting.read()), waiting.missed) == (1, 1)


def test_three_collectors_and_a_server_that_is_killed(start_collector: Callable[..., CollectorProcess]) -> None:
    """Whoever watches hears of everything, once, whatever happens to the connection on which he listens."""
    server = PostgresServer(durable=True)
    database = server.create()
    urls = [start_collector(database, RATE_LIMIT="off").url for _ in range(3)]
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=60))
        storage = stack.enter_context(closing(PostgresStorage(database.address)))
        follower = stack.enter_context(followed(storage))
        acknowledged = 0

        def post(number: int) -> None:
            nonlocal acknowledged
            for turn in range(number):
                answer = client.post(f"{urls[turn % 3]}/api/errors/log", json=[{"message": "x"}] * 5)
                acknowledged += 5 * (answer.status_code == 200)

        for _ in range(2):
            post(30)
            server.kill()
            post(3)
            server.restart()
            before = acknowledged
            while acknowledged < before + 50:
                post(3)
            # The connection that listens, once it is there again.
            wait_until(lambda: database.query(CUT))
            post(9)
        wait_until(lambda: len(follower.ids) >= acknowledged)
    assert sorted(follower.ids) == stored_ids(database)
    assert follower.missed == 0
