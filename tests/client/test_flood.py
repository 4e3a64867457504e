"""The flood limit, by a clock of the test's own."""

from __future__ import annotations

import pytest

from levqor_errors.client.flood import KINDS, WINDOW_SECONDS, FloodLimit


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_so_many_in_a_minute_and_then_none(clock: Clock) -> None:
    limit = FloodLimit(3, clock)
    assert [limit.admit("a") for _ in range(6)] == [0, 0, 0, None, None, None]


def test_what_was_left_out_is_told_with_the_next_one_once(clock: Clock) -> None:
    limit = FloodLimit(1, clock)
    assert [limit.admit("a") for _ in range(5)] == [0, None, None, None, None]
    clock.now += WINDOW_SECONDS
    assert [limit.admit("a") for _ in range(3)] == [4, None, None]
    clock.now += WINDOW_SECONDS
    assert limit.admit("a") == 2
    clock.now += WINDOW_SECONDS
    assert limit.admit("a") == 0


def test_a_minute_begins_with_its_first_event(clock: Clock) -> None:
    limit = FloodLimit(2, clock)
    assert limit.admit("a") == 0
    clock.now += WINDOW_SECONDS - 1
    assert [limit.admit("a") for _ in range(2)] == [0, None]
    clock.now += 1
    assert [limit.admit("a") for _ in range(3)] == [1, 0, None]


def test_kinds_do_not_take_from_each_other(clock: Clock) -> None:
    limit = FloodLimit(1, clock)
    assert [limit.admit(kind) for kind in ("a", "b", ("a", 1), ("a", 2))] == [0, 0, 0, 0]
    assert [limit.admit(kind) for kind in ("a", "b", ("a", 1), ("a", 2))] == [None] * 4


def test_kinds_that_alternate_are_all_limited(clock: Clock) -> None:
    """A,B,A,B is what gets past a limiter that remembers only the last one."""
    limit = FloodLimit(2, clock)
    admitted = [limit.admit("ab"[number % 2]) for number in range(1_000)]
    assert sum(answer is not None for answer in admitted) == 4


def test_memory_is_bounded(clock: Clock) -> None:
    limit = FloodLimit(1, clock)
    for number in range(KINDS * 3):
        assert limit.admit(number) == 0
    assert len(limit._kinds) == KINDS
    # The first of them are forgotten, and let through again; the last are not.
    assert limit.admit(KINDS * 3 - 1) is None
    assert limit.admit(0) == 0
