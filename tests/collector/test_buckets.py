"""Token buckets: what passes, for how long one waits, and that the table cannot be used to get a new burst."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from levqor_errors.collector.buckets import Buckets


def test_a_burst_passes_and_then_the_rate() -> None:
    buckets = Buckets(rate=2, burst=10)
    for _ in range(10):
        assert buckets.wait("a", 1, 0) == 0
        buckets.take("a", 1, 0)
    assert buckets.wait("a", 1, 0) == 0.5
    assert buckets.wait("a", 4, 0) == 2
    assert buckets.wait("a", 4, 2) == 0
    assert buckets.wait("b", 1, 0) == 0
    assert buckets.tokens("a", 1_000) == 10


def test_more_than_a_burst_passes_when_the_bucket_is_full_and_is_owed_afterwards() -> None:
    buckets = Buckets(rate=1, burst=10)
    assert buckets.wait("a", 25, 0) == 0
    buckets.take("a", 25, 0)
    assert buckets.tokens("a", 0) == -15
    assert buckets.wait("a", 1, 0) == 16
    assert buckets.wait("a", 25, 0) == 25


def test_what_is_given_back_is_there_again_and_no_more() -> None:
    buckets = Buckets(rate=1, burst=10)
    buckets.take("a", 4, 0)
    buckets.take("a", -4, 1)
    assert buckets.tokens("a", 1) == 10
    buckets.take("b", -4, 1)
    assert buckets.tokens("b", 1) == 10


@given(
    rate=st.floats(0.1, 1e7),
    burst=st.floats(1, 1e9),
    amounts=st.lists(st.floats(0, 1e6), max_size=30),
    amount=st.floats(0.5, 1e6),
    start=st.floats(0, 1e8),
)
def test_who_waits_as_long_as_he_is_told_passes(
    rate: float, burst: float, amounts: list[float], amount: float, start: float
) -> None:
    buckets = Buckets(rate, burst)
    for taken in amounts:
        buckets.take("a", taken, start)
    wait = buckets.wait("a", amount, start)
    assert buckets.wait("a", amount, start + wait + 1e-6) == 0


def test_a_full_bucket_is_forgotten_for_a_new_one() -> None:
    buckets = Buckets(rate=1, burst=10, most=100)
    for number in range(1_000):
        buckets.take(str(number), 1, number)
    assert len(buckets) <= 100
    assert buckets.tokens("new", 1_000) == 10


def test_a_drained_bucket_is_not_forgotten_and_new_keys_share_one() -> None:
    buckets = Buckets(rate=1, burst=10, most=100)
    for number in range(100):
        buckets.take(str(number), 10, 0)
    buckets.take("new", 7, 0)
    assert buckets.tokens("another", 0) == 3
    assert buckets.tokens("0", 0) == 0
    assert len(buckets) == 100
    # With time there is room again, and everybody his own.
    assert buckets.tokens("another", 10) == 10
    buckets.take("another", 3, 10)
    assert buckets.tokens("a third", 10) == 10


def test_one_drained_bucket_does_not_keep_full_ones_from_making_room() -> None:
    buckets = Buckets(rate=1, burst=1_000, most=100)
    buckets.take("drained", 1_000, 0)
    for number in range(99):
        buckets.take(str(number), 1, 0)
    for number in range(50):
        buckets.take(f"new {number}", 1, 10)
    assert buckets.tokens("drained", 10) == 10
    assert len(buckets) <= 100
    assert buckets.tokens("new 49", 10) == 999


def test_without_overflow_the_quietest_is_forgotten_by_taking_and_not_by_asking() -> None:
    buckets = Buckets(rate=1, burst=10, most=3, overflow=False)
    for key in ("a", "b", "c"):
        buckets.take(key, 10, 0)
    assert buckets.tokens("d", 0) == 10
    buckets.take("a", 0, 0)
    assert buckets.tokens("b", 0) == 0
    buckets.take("d", 1, 0)
    assert buckets.tokens("b", 0) == 10
    assert buckets.tokens("a", 0) == 0
