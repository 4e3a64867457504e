"""Regrouping goes on, step by step, wherever it is broken off, however many write meanwhile; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest

from levqor_errors.errors import StorageUnavailableError
from levqor_errors.event import normalize
from levqor_errors.grouping_rules import CONSTANT, VARIABLE, Grouper
from levqor_errors.storage import NewEvent, Storage, open_storage
from levqor_errors.storage.postgres import locks
from postgres_support import PostgresDatabase
from regroup_support import check, issues, regroup, said, shown, treat, undo
from storage_support import NOW, write
from support import Database, rows, wait_until, write_lock


def steps(storage: Storage, number: int) -> None:
    """So many, as a collector takes them: one that is kept waiting for a lock by those who write is taken again."""
    taken = 0
    for _ in range(100):
        with suppress(StorageUnavailableError):
            storage.regroup()
            taken += 1
        if taken == number:
            return
    pytest.fail("those who write leave no room for who regroups")


@contextmanager
def written_to(database: Database) -> Iterator[None]:
    """Somebody else writes events meanwhile, without end."""
    if not isinstance(database, PostgresDatabase):
        with write_lock(database):
            yield
        return
    with psycopg.connect(database.address) as connection:
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [locks.ISSUES])
        yield


def test_it_goes_on_wherever_it_was_broken_off(database: Database) -> None:
    """A collector that is killed has done some steps; another one has nothing but the database."""
    with_storage = open_storage(str(database))
    for number in range(4):
        said(with_storage, *[f"{'abcdefgh'[one]} waits {number} ms" for one in range(8)] * 8)
    change = treat(with_storage, 1, 0, VARIABLE)
    for rule in range(3):
        steps = 0
        while rows(database, "SELECT 1 FROM regroup UNION ALL SELECT 1 FROM regroup_services"):
            with_storage.regroup()
            steps += 1
            if steps % 2:
                with_storage.close()
                with_storage = open_storage(str(database))
        if rule == 0:
            assert len(issues(with_storage)) == 1
            treat(with_storage, 1, 2, CONSTANT)
        elif rule == 1:
            assert len(issues(with_storage)) == 4
            undo(with_storage, change)
    regroup(with_storage)
    check(with_storage, database, total=256)
    with_storage.close()


def test_while_events_keep_coming(storage: Storage, database: Database) -> None:
    """Of two collectors, of which one hears of no rule at all; and the owner changes his mind all the time."""
    words = ["cart", "bag", "box"]
    ended = threading.Event()
    counts = [0, 0]

    def send(number: int, other: Storage, grouper: Grouper | None) -> None:
        while not ended.is_set():
            messages = [f"{words[(counts[number] + one) % 3]} {one % 2} is full" for one in range(4)]
            by = other.grouper() if grouper is None else grouper
            batch = [
                NewEvent(event, by.group(event), rules=by.version)
                for event in (normalize({"message": m, "service": "shop"}, received_at=NOW) for m in messages)
            ]
            write(other, batch)
            counts[number] += len(batch)

    with closing(open_storage(str(database))) as other:
        said(storage, "cart 0 is full")
        senders = [
            threading.Thread(target=send, args=(0, storage, None)),
            threading.Thread(target=send, args=(1, other, Grouper())),
        ]
        for sender in senders:
            sender.start()
        try:
            wait_until(lambda: min(counts) > 0)
            for position, what in ((0, VARIABLE), (1, CONSTANT)):
                change = treat(storage, min(issues(storage)), position, what)
                steps(storage, 15)
                undo(storage, change)
                steps(storage, 10)
            treat(storage, min(issues(storage)), 0, VARIABLE)
            steps(storage, 10)
        finally:
            ended.set()
            for sender in senders:
                sender.join(30)
    regroup(storage)
    assert len(issues(storage)) == 1
    check(storage, database, total=sum(counts) + 1)


def test_a_step_that_meets_a_lock_is_taken_again(storage: Storage, database: Database) -> None:
    for what in ("bag", "cart"):
        said(storage, *[f"{what} is full"] * 120, user_email=f"{what}@x.org")
    change = treat(storage, 2, 0, VARIABLE)
    regroup(storage)
    assert shown(storage, 2)["users"] == 2
    undo(storage, change)
    refused, more = 0, True
    while more:
        with written_to(database):
            try:
                storage.regroup()
            except StorageUnavailableError:
                refused += 1
        more = storage.regroup()
    assert refused >= 2
    assert [shown(storage, id_)["users"] for id_ in (1, 2)] == [1, 1]
    check(storage, database, total=240)
