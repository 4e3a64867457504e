"""S6 | the secret: 1,000 guesses | throttled; the owner never locked out for good. The throttle by itself"""

from __future__ import annotations

import math

import pytest

from levqor_errors.collector.throttle import ADDRESSES, BURST, RATE, Throttle

#: One guess comes back in that many seconds, rounded up as Retry-After is.
LONGEST_WAIT = math.ceil(1 / RATE)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The throttle's clock."""
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    """A throttle that goes by `clock`."""
    return Throttle(clock)


def _guess(throttle: Throttle, address: str, times: int) -> int:
    """Guess as a guesser can, only when there is no wait; returns how often that was possible."""
    guessed = 0
    for _ in range(times):
        if throttle.wait(address) == 0:
            throttle.wrong(address)
            guessed += 1
    return guessed


def test_s6_a_burst_is_let_through_and_then_one_waits(throttle: Throttle) -> None:
    assert _guess(throttle, "203.0.113.1", 1_000) == BURST
    assert throttle.wait("203.0.113.1") == LONGEST_WAIT
    assert throttle.wait("203.0.113.2") == 0


def test_s6_the_wait_that_is_told_is_enough(throttle: Throttle, clock: Clock) -> None:
    for _ in range(100):
        _guess(throttle, "203.0.113.1", BURST)
        clock.now += throttle.wait("203.0.113.1")
        assert throttle.wait("203.0.113.1") == 0


@pytest.mark.parametrize("hours", [1, 24, 24 * 365])
def test_s6_guessing_for_long_does_not_make_the_wait_longer(throttle: Throttle, clock: Clock, hours: int) -> None:
    _guess(throttle, "203.0.113.1", BURST)
    for _ in range(1_000):
        clock.now += hours * 3.6
        _guess(throttle, "203.0.113.1", 100)
        assert throttle.wait("203.0.113.1") <= LONGEST_WAIT


def test_s6_a_quiet_address_gets_its_burst_back_and_no_more(throttle: Throttle, clock: Clock) -> None:
    _guess(throttle, "203.0.113.1", BURST)
    for seconds in (BURST / RATE, 1e6, 1e9):
        clock.now += seconds
        assert _guess(throttle, "203.0.113.1", 1_000) == BURST


def test_s6_guesses_come_back_at_their_rate(throttle: Throttle, clock: Clock) -> None:
    _guess(throttle, "203.0.113.1", BURST)
    guessed = 0
    for _ in range(1_000):
        clock.now += 1
        guessed += _guess(throttle, "203.0.113.1", 10)
    assert guessed == int(1_000 * RATE)


def test_s6_the_table_of_addresses_is_bounded(throttle: Throttle) -> None:
    _guess(throttle, "192.0.2.1", BURST)
    _guess(throttle, "192.0.2.2", BURST)
    others = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(ADDRESSES - 2))
    for address in others:
        throttle.wrong(address)
    assert throttle.wait("192.0.2.1") > 0
    throttle.wrong("192.0.2.1")
    throttle.wrong("198.51.100.1")
    # Full: the one that was quiet longest is forgotten, and not the one that is still guessing.
    assert throttle.wait("192.0.2.2") == 0
    assert throttle.wait("192.0.2.1") > 0


def test_s6_asking_does_not_fill_the_table(throttle: Throttle) -> None:
    _guess(throttle, "192.0.2.1", BURST)
    for number in range(ADDRESSES + 1):
        assert throttle.wait(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}") == 0
    assert throttle.wait("192.0.2.1") > 0


@pytest.mark.parametrize(
    ("guesser", "same", "different"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
        ("2001:0db8:0001:0002::1", "2001:db8:1:2::2", "2001:db8:1::1"),
        ("fe80::1%eth0", "fe80::2%eth0", "fe81::1"),
        ("::ffff:203.0.113.1", "::ffff:203.0.113.1", "::ffff:203.0.113.2"),
        ("203.0.113.1", "203.0.113.1", "203.0.113.2"),
        ("", "", "203.0.113.1"),
        ("a-unix-socket", "a-unix-socket", "another"),
    ],
)
def test_s6_an_ipv6_network_is_one_guesser(throttle: Throttle, guesser: str, same: str, different: str) -> None:
    _guess(throttle, guesser, BURST)
    assert throttle.wait(same) > 0
    assert throttle.wait(different) == 0


def test_s6_changing_the_address_within_a_network_does_not_help(throttle: Throttle) -> None:
    guessed = sum(_guess(throttle, f"2001:db8::{number:x}", 1) for number in range(1_000))
    assert guessed == BURST
