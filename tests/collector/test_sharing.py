"""Limits over several collectors: how much more may pass than one would let through, and that others hear of it.

By limiters on a clock of the test's own that tell each other through a real database; at the end by real collectors.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial

import httpx
import psycopg
import pytest
from starlette.applications import Starlette

from levqor_errors import limits
from levqor_errors.collector import create_app
from levqor_errors.collector.limiter import Limiter
from levqor_errors.collector.refusals import Reason
from levqor_errors.collector.sharing import Ledger
from levqor_errors.config import CollectorSettings
from levqor_errors.errors import RateLimitedError
from levqor_errors.storage.postgres.storage import PostgresStorage
from postgres_support import PostgresDatabase, PostgresServer
from support import SECRET, CollectorProcess, wait_until

RATE = 10.0
BURST = RATE * limits.BURST_SECONDS
#: Seconds until a collector has heard what another let through: that one's turn, and then its own.
DELAY = 2 * limits.EXCHANGE_SECONDS

pytestmark = pytest.mark.sqlite  # The fixtures below bring a database of their own.


@pytest.fixture
def at(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    """The test's own database."""
    with postgres.lent() as database:
        yield database


class Together:
    """Some collectors' limiters, by one clock, each with its turn at a moment of its own."""

    def __init__(self, number: int, storages: list[PostgresStorage], chance: random.Random) -> None:
        self.now = 1_000.0
        self.ledgers = [Ledger(SECRET, clock=lambda: self.now) for _ in range(number)]
        self.limiters = [Limiter(RATE, ["shop"], ledger, clock=lambda: self.now) for ledger in self.ledgers]
        self.storages = storages
        self._turns = [self.now + chance.random() * limits.EXCHANGE_SECONDS for _ in range(number)]

    def turn(self, number: int) -> None:
        """Let one of them tell and hear."""
        for text in self.storages[number].exchange(self.ledgers[number].drain()):
            self.ledgers[number].hear(text)

    def until(self, moment: float) -> None:
        """Let time go on, and all do their turns."""
        while (due := min(self._turns)) <= moment:
            self.now = due
            number = self._turns.index(due)
            self.turn(number)
            self._turns[number] = due + limits.EXCHANGE_SECONDS
        self.now = moment

    def send(self, number: int, client: str = "a", events: int = 1, *, service: str = "shop") -> Reason | None:
        """Why one of them refuses a request; `None`: it passes."""
        limiter = self.limiters[number]
        try:
            limiter.admit(limiter.alias(client), {service: events}, events, 0)
        except RateLimitedError as error:
            return Reason(error.limit)
        return None


@pytest.fixture
def together(at: PostgresDatabase) -> Iterator[Callable[[int], Together]]:
    with ExitStack() as stack:

        def make(number: int) -> Together:
            storages = [stack.enter_context(closing(PostgresStorage(at.address))) for _ in range(number)]
            return Together(number, storages, random.Random(3))

        yield make


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("most", [1, 20, 400])
def test_no_more_passes_than_is_said(together: Callable[[int], Together], number: int, most: int) -> None:
    """A client sends to all of them without a pause, more than he may; then not for a while, and again."""
    collectors = together(number)
    chance = random.Random(most)
    passed: list[tuple[float, int]] = []
    began = collectors.now
    for start in (0.0, 100.0):
        collectors.until(began + start)
        for _ in range(200):
            collectors.until(collectors.now + chance.random() * 0.2)
            for _ in range(40):
                events = chance.randint(1, most)
                if collectors.send(chance.randrange(number), events=events) is None:
                    passed.append((collectors.now, events))
    excess = (number - 1) * (BURST + RATE * DELAY)
    for (first, _), (last, _) in itertools.combinations(passed[:: max(1, len(passed) // 100)], 2):
        within = sum(events for at, events in passed if first <= at <= last)
        assert within <= BURST + RATE * (last - first) + excess
    # And it is paid for: over all of the time it was the rate, a burst, and the excess once.
    total = sum(events for _, events in passed)
    assert BURST <= total <= BURST + RATE * (collectors.now - began) + excess


@pytest.mark.parametrize("number", [2, 3])
def test_the_most_that_can_pass_does_and_then_nothing_until_it_is_paid(
    together: Callable[[int], Together], number: int
) -> None:
    collectors = together(number)
    collectors.until(collectors.now + 1)
    for each in range(number):
        assert collectors.send(each, events=int(BURST)) is None
    collectors.until(collectors.now + DELAY)
    debt = (number - 1) * limits.BURST_SECONDS - DELAY
    for seconds in (0.0, debt / 2, debt / 2 - 1):
        collectors.until(collectors.now + seconds)
        assert [collectors.send(each) for each in range(number)] == [Reason.CLIENT_RATE] * number
    collectors.until(collectors.now + 2)
    assert [collectors.send(each) for each in range(number)] == [None] * number


def test_who_keeps_to_his_rate_notices_nothing(together: Callable[[int], Together]) -> None:
    collectors = together(3)
    for turn in range(600):
        collectors.until(collectors.now + 1 / RATE)
        assert collectors.send(turn % 3) is None


def test_what_is_spent_at_one_is_refused_at_the_others(together: Callable[[int], Together]) -> None:
    """By client, by service, in all, and for new names of services; others notice nothing."""
    collectors = together(2)
    assert collectors.send(0, "a", int(BURST)) is None
    for number in range(limits.SERVICE_SHARE):
        assert collectors.send(0, f"10.0.0.{number}", int(BURST), service="web") is None
    for number in range(limits.NEW_SERVICES_CLIENT):
        assert collectors.send(0, "10.0.1.1", service=f"new {number}") is None
    collectors.until(collectors.now + DELAY)
    assert collectors.send(1, "a", 100) is Reason.CLIENT_RATE
    assert collectors.send(1, "10.0.0.77", 100, service="web") is Reason.SERVICE_RATE
    assert collectors.send(1, "10.0.1.1", service="one more") is Reason.NEW_SERVICES
    assert collectors.send(1, "b", int(BURST)) is None
    # A name that was let in there is no new name here.
    assert collectors.send(1, "10.0.1.1", service="new 7") is None
    for number in range(limits.TOTAL_SHARE):
        collectors.send(0, f"10.0.2.{number}", int(BURST), service=f"new {number % 20}")
    collectors.until(collectors.now + DELAY)
    assert collectors.send(1, "c", int(BURST)) is Reason.TOTAL_RATE


def test_new_issues_are_counted_once_and_what_was_given_back_is(together: Callable[[int], Together]) -> None:
    collectors = together(2)
    here, there = (limiter.issues for limiter in collectors.limiters)
    alias = collectors.limiters[0].alias("a")
    for turn in range(20):
        assert here.lend(alias, 100) == 100
        # Given back before it is told, or after.
        if turn % 2:
            collectors.until(collectors.now + DELAY)
        here.settle(alias, 100, 10, set())
    collectors.until(collectors.now + DELAY)
    left = there.lend(alias, limits.NEW_ISSUES_CLIENT)
    # It comes in again by 500 an hour meanwhile.
    assert limits.NEW_ISSUES_CLIENT - 200 <= left <= limits.NEW_ISSUES_CLIENT - 200 + 10
    assert there.lend(alias, 1) == 0
    assert there.lend("b", 1) == 1


def test_what_hardly_counts_is_not_told_and_the_rest_is_bounded() -> None:
    ledger = Ledger(SECRET)
    limiter = Limiter(200, ["shop"], ledger)
    assert ledger.drain() is None
    limiter.admit("quiet", {"shop": 1}, 1, 0)
    assert ledger.drain() is None
    limiter.admit("loud", {"shop": 2}, 2, 0)
    assert json.loads(ledger.drain() or "") == {"clients": {"loud": 2}}
    for number in range(3 * limits.TOLD_KEYS):
        events = 1 + number % 3
        limiter.admit(f"10.0.{number // 250}.{number % 250}", {"shop": events}, events, 0)
    told = json.loads(ledger.drain() or "")
    # Of those with one event none, and those that have most first.
    assert list(told["clients"].values()) == [3] * limits.TOLD_KEYS
    assert told["services"] == {"shop": told["total"][""]}


def test_no_address_is_in_the_database_and_rows_are_gone_in_seconds(
    together: Callable[[int], Together], at: PostgresDatabase
) -> None:
    collectors = together(2)
    collectors.send(0, "192.0.2.77", 100)
    collectors.turn(0)
    ((told,),) = at.query("SELECT told FROM limits_told")
    assert "192.0.2" not in told
    assert collectors.limiters[0].alias("192.0.2.77") in told
    assert Ledger("another secret").alias("192.0.2.77") not in told
    at.execute("UPDATE limits_told SET at = at - interval '11 seconds'")
    collectors.turn(1)
    assert collectors.send(1, "192.0.2.77", int(BURST)) is None
    collectors.storages[0].give_back()
    with psycopg.connect(at.address) as connection:
        assert connection.execute("SELECT count(*) FROM limits_told").fetchone() == (0,)


def test_what_was_told_is_heard_once_by_each_and_by_a_late_comer(at: PostgresDatabase) -> None:
    with ExitStack() as stack:
        one, two, late = (stack.enter_context(closing(PostgresStorage(at.address))).exchange for _ in range(3))
        assert one("1") == []
        assert two(None) == ["1"]
        assert two("2") == []
        assert one("3") == ["2"]
        assert one("4") == []
        assert two(None) == ["3", "4"]
        assert sorted(late(None)) == ["1", "2", "3", "4"]
        assert late(None) == []


# -- real collectors ---------------------------------------------------------------------------------------------------

SLOW_RATE = 5
BURST_EVENTS = SLOW_RATE * limits.BURST_SECONDS
TOLD_ALONE = "limits hold for each collector by itself"


def post(url: str, events: int = 1, client: str = "192.0.2.1") -> int:
    body = [{"message": "x"}] * events
    return httpx.post(f"{url}/api/errors/log", json=body, headers={"X-Forwarded-For": client}, timeout=60).status_code


def has_heard(url: str, client: str = "192.0.2.1") -> bool:
    """Whether a single event is refused there; asking costs less than a burst."""
    return post(url, 1, client) == 429


@pytest.mark.parametrize("number", [2, 3])
def test_collectors_tell_each_other(
    start_collector: Callable[..., CollectorProcess], at: PostgresDatabase, number: int
) -> None:
    with ThreadPoolExecutor(number) as pool:
        started = list(pool.map(lambda _: start_collector(at, RATE_LIMIT=str(SLOW_RATE)), range(number)))
        urls = [collector.url for collector in started]
        # From here on each gets what comes in, which may wait in its bucket until it is asked for.
        began = time.monotonic()
        assert post(urls[0], BURST_EVENTS) == 200
        for url in urls[1:]:
            wait_until(partial(has_heard, url))
        # Who sends to all of them without a pause gets that, at each of them until it hears of the others.
        passed = sum(pool.map(lambda url: [post(url) for _ in range(30)].count(200), urls))
        assert passed <= number * (SLOW_RATE * (time.monotonic() - began) + 1)
        assert list(pool.map(CollectorProcess.terminate, started)) == [0] * number


def test_while_they_cannot_tell_each_goes_by_its_own_buckets_and_then_together_again(
    start_collector: Callable[..., CollectorProcess], at: PostgresDatabase
) -> None:
    one, two = (start_collector(at, RATE_LIMIT=str(SLOW_RATE), TRUSTED_PROXIES="127.0.0.1") for _ in range(2))
    at.execute("ALTER TABLE limits_told RENAME TO elsewhere")
    wait_until(lambda: TOLD_ALONE in one.output and TOLD_ALONE in two.output)
    assert post(one.url, BURST_EVENTS) == 200
    assert has_heard(one.url)
    assert post(two.url, BURST_EVENTS) == 200
    at.execute("ALTER TABLE elsewhere RENAME TO limits_told")
    assert post(one.url, BURST_EVENTS, "192.0.2.2") == 200
    wait_until(lambda: has_heard(two.url, "192.0.2.2"))
    for collector in (one, two):
        assert collector.output.count(TOLD_ALONE) == 1


def test_without_limits_or_with_another_database_nobody_is_told(at: PostgresDatabase, database: object) -> None:
    def sharing(app: Starlette) -> object:
        app.state.collector.close()
        return app.state.collector.sharing

    assert sharing(create_app(CollectorSettings(at.address, SECRET))) is not None
    assert sharing(create_app(CollectorSettings(at.address, SECRET, rate_limit=None))) is None
    assert sharing(create_app(CollectorSettings(str(database), SECRET))) is None
