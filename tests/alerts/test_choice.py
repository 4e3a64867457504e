"""Which of many alerts are told one by one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from levqor_errors.alert_rules import rank
from levqor_errors.alerts.choice import choose
from levqor_errors.severity import Severity
from levqor_errors.storage.alerts.outbox import Owed

SERVICES = ("shop", "mail", "noise", "made-up")
#: The one that was known first is told first, of equals.
KNOWN = {"shop": "2026-01-01", "mail": "2026-02-01", "noise": "2026-11-23", "made-up": "2026-11-23"}


def owed(id_: int, service: str = "shop", severity: str = "critical", regressed: int = 0) -> Owed:
    return Owed(
        id_, id_, id_, 1, "2026-11-23T13:00:00.000Z", severity, regressed, None, "title", service, "open", None, None
    )


def ids(chosen: list[Owed]) -> list[int]:
    return [row.id for row in chosen]


rows = st.lists(
    st.tuples(st.sampled_from(SERVICES), st.sampled_from([one.value for one in Severity]), st.integers(0, 1)),
    max_size=40,
).map(lambda given: [owed(number, *one) for number, one in enumerate(given, 1)])
had = st.dictionaries(st.sampled_from(SERVICES), st.integers(0, 12), max_size=4)


@settings(deadline=None, max_examples=200)
@given(due=rows, told=had, cap=st.integers(2, 20), data=st.data())
def test_never_more_than_there_is_room_for_and_the_worst_first(
    due: list[Owed], told: dict[str, int], cap: int, data: st.DataObject
) -> None:
    free = data.draw(st.integers(-3, cap))
    share = max(1, cap // 2)
    chosen = choose(due, told, KNOWN, free=free, cap=cap)
    assert len(chosen) <= max(free, 0)
    assert len(set(ids(chosen))) == len(chosen)
    assert set(chosen) <= set(due)
    ranks = [rank(row.severity) for row in chosen]
    assert ranks == sorted(ranks)
    now = Counter(told)
    now.update(row.service for row in chosen)
    for service, number in now.items():
        assert number <= max(share, told.get(service, 0))
    # Whoever is left out is so for want of room, or since its service has had its share.
    if len(chosen) < free:
        for row in set(due) - set(chosen):
            assert now[row.service] >= share


@settings(deadline=None)
@given(flood=rows, cap=st.integers(2, 20), last=st.booleans())
def test_one_of_a_service_that_was_not_told_of_has_its_place(flood: list[Owed], cap: int, last: bool) -> None:
    alone = owed(1000 if last else 0, "lone")
    # As many others as there are, no more than their turns come before it.
    chosen = choose([*flood, alone], {}, KNOWN | {"lone": "2026-01-02"}, free=len(SERVICES) + 1, cap=cap)
    assert alone in chosen


def test_services_take_turns() -> None:
    due = [owed(number, "noise") for number in range(1, 9)] + [owed(9, "mail"), owed(10, "shop")]
    assert ids(choose(due, {}, KNOWN, free=5, cap=10)) == [10, 9, 1, 2, 3]
    # Of whom less was told lately goes first.
    assert ids(choose(due, {"shop": 2, "mail": 1}, KNOWN, free=3, cap=10)) == [1, 9, 2]


def test_what_came_back_goes_first_and_then_what_has_waited_longest() -> None:
    due = [owed(1), owed(2), owed(3, regressed=1), owed(4, severity="error", regressed=1)]
    assert ids(choose(due, {}, KNOWN, free=10, cap=20)) == [3, 1, 2, 4]


def test_a_service_that_nobody_knows_comes_after_those_that_are_known() -> None:
    due = [owed(1, "who?"), owed(2, "shop")]
    assert ids(choose(due, {}, KNOWN, free=1, cap=10)) == [2]


def test_a_service_alone_has_half() -> None:
    due = [owed(number) for number in range(1, 9)]
    assert ids(choose(due, {}, KNOWN, free=10, cap=10)) == [1, 2, 3, 4, 5]
    assert ids(choose(due, {"shop": 5}, KNOWN, free=5, cap=10)) == []
