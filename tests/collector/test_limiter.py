"""The limiter by itself, by a clock of the test's own: who passes, who is told to wait, who notices nothing."""

from __future__ import annotations

import pytest

from levqor_errors import limits
from levqor_errors.collector.limiter import Limiter
from levqor_errors.collector.new_issues import NewIssues
from levqor_errors.collector.refusals import Reason
from levqor_errors.errors import RateLimitedError

RATE = 10.0
BURST = int(RATE * limits.BURST_SECONDS)
SERVICE_BURST = BURST * limits.SERVICE_SHARE
TOTAL_BURST = BURST * limits.TOTAL_SHARE


class Clock:
    """The limiter's clock."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At rest until a test moves it."""
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> Limiter:
    """A limiter that goes by `clock` and knows two services."""
    return Limiter(RATE, ["shop", "web"], clock=clock)


def send(limiter: Limiter, client: str, events: int = 1, *, service: str = "shop", size: int = 0) -> Reason | None:
    """Why a request is refused; `None`: it passes."""
    try:
        limiter.admit(client, {service: events}, events, size)
    except RateLimitedError as error:
        return Reason(error.limit)
    return None


def wait_of(limiter: Limiter, client: str, events: int) -> int:
    """The seconds that a refused request is told."""
    with pytest.raises(RateLimitedError) as refused:
        limiter.admit(client, {"shop": events}, events, 0)
    return refused.value.retry_after


def drain_total(limiter: Limiter) -> None:
    """Twenty clients, of five services: all that all together may send, and no service's limit is met."""
    for number in range(limits.TOTAL_SHARE):
        assert send(limiter, f"10.0.0.{number}", BURST, service=f"service {number % 5}") is None


def test_a_client_sends_its_burst_and_then_at_its_rate(limiter: Limiter, clock: Clock) -> None:
    assert [send(limiter, "a") for _ in range(BURST)] == [None] * BURST
    assert send(limiter, "a") is Reason.CLIENT_RATE
    clock.now += 5
    assert sum(send(limiter, "a") is None for _ in range(100)) == 5 * RATE


def test_what_is_refused_takes_nothing(limiter: Limiter, clock: Clock) -> None:
    send(limiter, "a", BURST)
    for _ in range(1_000):
        assert send(limiter, "a") is Reason.CLIENT_RATE
    clock.now += 1 / RATE
    assert send(limiter, "a") is None


def test_the_wait_that_is_told_is_enough_and_in_whole_seconds(limiter: Limiter, clock: Clock) -> None:
    for events in (1, 7, 95, 1_000, 3_000):
        while send(limiter, "a") is None:
            pass
        clock.now += wait_of(limiter, "a", events)
        assert send(limiter, "a", events) is None


def test_a_request_larger_than_a_burst_passes_at_some_time_and_is_paid_for(limiter: Limiter, clock: Clock) -> None:
    assert send(limiter, "a", 1) is None
    assert wait_of(limiter, "a", BURST + 500) == 1
    clock.now += 1
    assert send(limiter, "a", BURST + 500) is None
    assert wait_of(limiter, "a", 1) == 51


def test_large_events_cost_more_than_small_ones(limiter: Limiter) -> None:
    assert [send(limiter, "a", size=10 * limits.EVENT_BYTES) for _ in range(BURST // 10)] == [None] * (BURST // 10)
    assert send(limiter, "a") is Reason.CLIENT_RATE


def test_one_client_does_not_slow_another(limiter: Limiter) -> None:
    while send(limiter, "a", 100) is None:
        pass
    assert [send(limiter, "b", 100) for _ in range(BURST // 100)] == [None] * (BURST // 100)


def test_a_service_has_a_limit_over_all_clients_and_other_services_have_their_own(limiter: Limiter) -> None:
    for number in range(limits.SERVICE_SHARE):
        assert send(limiter, f"10.0.0.{number}", BURST) is None
    assert send(limiter, "10.0.0.9") is Reason.SERVICE_RATE
    assert send(limiter, "10.0.0.9", service="web") is None


def test_a_request_of_several_services_passes_whole_or_takes_nothing(limiter: Limiter) -> None:
    for number in range(limits.SERVICE_SHARE):
        send(limiter, f"10.0.0.{number}", BURST)
    for _ in range(BURST):
        with pytest.raises(RateLimitedError, match="shop"):
            limiter.admit("10.0.0.9", {"web": 1, "shop": 1}, 2, 0)
    assert send(limiter, "10.0.0.9", BURST, service="web") is None


def test_all_together_have_a_limit(limiter: Limiter, clock: Clock) -> None:
    drain_total(limiter)
    assert send(limiter, "192.0.2.1") is Reason.TOTAL_RATE
    clock.now += 1
    passed = sum(send(limiter, f"192.0.2.{number % 250}", service="web") is None for number in range(1_000))
    assert passed == RATE * limits.TOTAL_SHARE


def test_a_thousand_senders_share_the_limit_of_all_and_the_tables_stay_bounded(clock: Clock) -> None:
    limiter = Limiter(RATE, [f"service {number}" for number in range(5)], clock=clock)
    passed = 0
    for number in range(3 * limits.CLIENTS):
        clock.now += 0.001
        client = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        passed += send(limiter, client, 5, service=f"service {number % 5}") is None
    seconds = 3 * limits.CLIENTS * 0.001
    assert passed * 5 <= TOTAL_BURST + RATE * limits.TOTAL_SHARE * seconds
    assert passed * 5 >= TOTAL_BURST
    for table in (limiter._clients, limiter._told):
        assert len(table) <= limits.CLIENTS


def test_changing_the_address_does_not_give_a_drained_client_its_burst_back(limiter: Limiter, clock: Clock) -> None:
    send(limiter, "a", BURST)
    for number in range(2 * limits.CLIENTS):
        clock.now += 0.001
        send(limiter, str(number), service="web")
    assert send(limiter, "a", BURST) is Reason.CLIENT_RATE


def test_new_names_of_services_are_limited_by_client_and_in_all(limiter: Limiter, clock: Clock) -> None:
    names = iter(range(10**6))
    for client in range(limits.NEW_SERVICES // limits.NEW_SERVICES_CLIENT):
        for _ in range(limits.NEW_SERVICES_CLIENT):
            assert send(limiter, f"10.0.0.{client}", service=f"new {next(names)}") is None
        if client == 0:
            assert send(limiter, "10.0.0.0", service="one more") is Reason.NEW_SERVICES
            assert send(limiter, "10.0.0.0", service="new 0") is None
            assert send(limiter, "10.0.0.0") is None
    assert send(limiter, "192.0.2.1", service="one more") is Reason.NEW_SERVICES
    clock.now += 3600
    assert send(limiter, "192.0.2.1", service="one more") is None


def test_many_new_names_in_one_request_count_each(limiter: Limiter) -> None:
    names = {f"new {number}": 1 for number in range(limits.NEW_SERVICES_CLIENT)}
    limiter.admit("a", names, len(names), 0)
    assert send(limiter, "a", service="one more") is Reason.NEW_SERVICES
    limiter.admit("a", names, len(names), 0)


def test_a_refused_name_is_not_known(limiter: Limiter) -> None:
    for number in range(limits.NEW_SERVICES_CLIENT):
        send(limiter, "a", service=f"new {number}")
    for _ in range(2):
        assert send(limiter, "a", service="one more") is Reason.NEW_SERVICES


def test_there_are_no_more_services_than_may_be(clock: Clock) -> None:
    known = [f"service {number}" for number in range(limits.SERVICES)]
    limiter = Limiter(RATE, known, clock=clock)
    assert send(limiter, "a", service="service 77") is None
    with pytest.raises(RateLimitedError, match="at most") as refused:
        limiter.admit("a", {"one more": 1}, 1, 0)
    assert refused.value.retry_after == 3600


def test_check_refuses_what_admit_would_and_takes_nothing(limiter: Limiter) -> None:
    for _ in range(BURST):
        limiter.check("a", BURST, 0)
    send(limiter, "a", BURST)
    with pytest.raises(RateLimitedError):
        limiter.check("a", 1, 0)


def test_check_knows_the_limit_of_all_too(limiter: Limiter) -> None:
    drain_total(limiter)
    with pytest.raises(RateLimitedError, match="together"):
        limiter.check("b", 1, 0)


def test_a_client_that_was_told_to_wait_is_known_until_then(limiter: Limiter, clock: Clock) -> None:
    assert limiter.told("a") is None
    send(limiter, "a", BURST)
    assert limiter.told("a") is None
    send(limiter, "a", 20)
    told = limiter.told("a")
    assert told is not None
    assert (told.limit, told.retry_after) == (Reason.CLIENT_RATE.value, 2)
    assert limiter.told("b") is None
    clock.now += 2
    assert limiter.told("a") is None


def test_who_sends_for_a_flooded_service_is_not_told_to_wait_with_all_else(limiter: Limiter) -> None:
    for number in range(limits.SERVICE_SHARE):
        send(limiter, f"10.0.0.{number}", BURST)
    assert send(limiter, "10.0.0.9") is Reason.SERVICE_RATE
    assert limiter.told("10.0.0.9") is None


def test_what_cannot_be_taken_is_work_too_but_only_the_senders(limiter: Limiter, clock: Clock) -> None:
    for _ in range(10 * TOTAL_BURST):
        limiter.charge("a", 1, 0)
    assert limiter.told("a") is not None
    assert send(limiter, "a") is Reason.CLIENT_RATE
    assert send(limiter, "b", BURST) is None
    # Not into debt: a client whose bug is mended can send again soon.
    clock.now += 1
    assert send(limiter, "a", int(RATE)) is None


# -- new issues -------------------------------------------------------------------------------------------------------


def test_new_issues_are_lent_by_client_and_what_is_unused_comes_back(clock: Clock) -> None:
    issues = NewIssues(clock)
    assert issues.lend("a", 10) == 10
    issues.settle("a", 10, 2, {"x", "y"})
    assert issues.lend("a", limits.NEW_ISSUES_CLIENT) == limits.NEW_ISSUES_CLIENT - 2
    assert issues.lend("a", 1) == 0
    assert issues.lend("b", 1) == 1
    clock.now += 3600
    assert issues.lend("a", 10**6) == limits.NEW_ISSUES_CLIENT


def test_requests_under_way_together_cannot_open_more_than_there_may_be(clock: Clock) -> None:
    issues = NewIssues(clock)
    lent = [issues.lend("a", 300) for _ in range(10)]
    assert sum(lent) == limits.NEW_ISSUES_CLIENT
    lent = [issues.lend(str(number), limits.NEW_ISSUES_CLIENT) for number in range(100)]
    assert sum(lent) == limits.NEW_ISSUES - limits.NEW_ISSUES_CLIENT


def test_groups_that_were_committed_are_not_asked_for_again_and_their_table_is_bounded(clock: Clock) -> None:
    issues = NewIssues(clock)
    assert issues.unseen({"x", "y"}) == {"x", "y"}
    issues.settle("a", 0, 0, {"x"})
    assert issues.unseen({"x", "y"}) == {"y"}
    for number in range(2 * limits.SEEN_GROUPS):
        issues.settle("a", 0, 0, {str(number)})
    assert len(issues._seen) <= limits.SEEN_GROUPS
