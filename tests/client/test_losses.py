"""What was not sent: counted, and told of in time, by a clock of the test's own."""

from __future__ import annotations

import threading

import pytest

from levqor_errors.client.losses import FAILURES_EVERY, ON_PURPOSE_EVERY, Losses


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_lost_is_not_told(clock: Clock) -> None:
    losses = Losses(clock)
    clock.now += ON_PURPOSE_EVERY * 2
    assert losses.due() is None
    assert losses.due(final=True) is None
    assert losses.total() == {}


def test_zero_is_nothing(clock: Clock) -> None:
    losses = Losses(clock)
    losses.add("refused", 0)
    assert losses.due(final=True) is None
    assert losses.total() == {}


def test_the_first_failure_is_told_at_once_and_the_next_after_a_minute(clock: Clock) -> None:
    losses = Losses(clock)
    losses.add("refused")
    assert losses.due() == {"refused": 1}
    assert losses.due() is None
    losses.add("refused", 2)
    losses.add("torn")
    clock.now += FAILURES_EVERY - 1
    assert losses.due() is None
    clock.now += 1
    assert losses.due() == {"refused": 2, "torn": 1}
    assert losses.due() is None
    assert losses.total() == {"refused": 3, "torn": 1}


@pytest.mark.parametrize("reason", ["sampled", "flood", "before_send"])
def test_what_is_left_out_on_purpose_is_told_once_an_hour(clock: Clock, reason: str) -> None:
    losses = Losses(clock)
    losses.add(reason, 5)
    assert losses.due() is None
    clock.now += ON_PURPOSE_EVERY - 1
    losses.add(reason, 5)
    assert losses.due() is None
    clock.now += 1
    assert losses.due() == {reason: 10}
    losses.add(reason)
    clock.now += ON_PURPOSE_EVERY - 1
    assert losses.due() is None
    clock.now += 1
    assert losses.due() == {reason: 1}


def test_a_failure_takes_the_others_along(clock: Clock) -> None:
    losses = Losses(clock)
    losses.add("sampled", 9)
    assert losses.due() is None
    losses.add("spool_full", 3)
    assert losses.due() == {"sampled": 9, "spool_full": 3}
    # The hour begins anew.
    clock.now += ON_PURPOSE_EVERY - 1
    losses.add("sampled")
    assert losses.due() is None


def test_at_the_end_all_is_told(clock: Clock) -> None:
    losses = Losses(clock)
    losses.add("refused")
    assert losses.due() is not None
    losses.add("refused")
    losses.add("sampled")
    assert losses.due() is None
    assert losses.due(final=True) == {"refused": 1, "sampled": 1}
    assert losses.due(final=True) is None


def test_a_forked_child_tells_of_its_own_only(clock: Clock) -> None:
    losses = Losses(clock)
    losses.add("refused", 7)
    losses.after_fork()
    assert losses.total() == {}
    assert losses.due(final=True) is None
    losses.add("torn")
    assert losses.due() == {"torn": 1}


def test_counts_of_many_threads_are_exact(clock: Clock) -> None:
    losses = Losses(clock)
    told: list[dict[str, int]] = []

    def lose() -> None:
        for _ in range(2_000):
            losses.add("refused")

    def tell() -> None:
        for _ in range(200):
            clock.now += FAILURES_EVERY
            told.append(losses.due() or {})

    threads = [*(threading.Thread(target=lose) for _ in range(8)), threading.Thread(target=tell)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    told.append(losses.due(final=True) or {})
    assert losses.total() == {"refused": 16_000}
    assert sum(one.get("refused", 0) for one in told) == 16_000
