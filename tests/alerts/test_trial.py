"""What a rule about a rate would have told."""

from __future__ import annotations

from levqor_errors.alert_rules import read_rates
from levqor_errors.alerts.trial import fires


def at(minutes: float) -> str:
    whole, second = divmod(round(minutes * 60), 60)
    return f"2026-11-23T{13 + whole // 60:02}:{whole % 60:02}:{second:02}.000Z"


def told(rule: str, moments: list[tuple[str, float]], cooldown: int = 0) -> list[tuple[str, str]]:
    (one,) = read_rates("RULE", rule)
    return list(fires(one, [(service, at(minutes)) for service, minutes in moments], cooldown))


def test_when_the_number_is_reached_within_its_time() -> None:
    assert told("*: 3 errors in 10m", [("a", 0), ("a", 5), ("a", 9.5)]) == [("a", at(9.5))]
    # A window that has an end only: what is just as old as it is long does not count any more.
    assert told("*: 3 errors in 10m", [("a", 0), ("a", 5), ("a", 10)]) == []
    assert told("*: 1 error in 10m", [("a", 0)]) == [("a", at(0))]
    assert told("*: 1 error in 10m", []) == []


def test_each_service_by_itself() -> None:
    moments = [("a", 0.0), ("b", 1.0), ("a", 2.0), ("b", 3.0)]
    assert told("*: 2 errors in 10m", moments) == [("a", at(2)), ("b", at(3))]


def test_again_after_its_time_and_its_cool_down() -> None:
    moments = [("a", float(minutes)) for minutes in range(0, 60, 2)]
    assert [when for _, when in told("*: 2 errors in 10m", moments)] == [at(m) for m in (2, 12, 22, 32, 42, 52)]
    assert [when for _, when in told("*: 2 errors in 10m", moments, 25 * 60)] == [at(2), at(28), at(54)]
