"""Pages of events, on both databases: below one and above it, and with their contexts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from levqor_errors.storage import Filters, Storage, open_storage
from storage_support import new_event, write
from support import Database


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    storage = open_storage(str(database))
    for number in range(1, 10):
        event = new_event(
            str(number % 3), days_ago=10 - number, message=f"number {number}", service=("web", "shop")[number % 2],
            severity="critical" if number in (2, 8) else "error", context={"number": number},
        )  # fmt: skip
        write(storage, [event])
    yield storage
    storage.close()


def day(number: int) -> str:
    return f"2026-11-{13 + number:02}"


@pytest.mark.parametrize(
    ("filters", "of", "newer", "older"),
    [
        (Filters(), 5, 6, 4),
        (Filters(), 9, None, 8),
        (Filters(), 1, 2, None),
        (Filters(severity=("critical",)), 5, 8, 2),
        (Filters(severity=("critical",)), 2, 8, None),
        (Filters(service="web"), 5, 6, 4),
        (Filters(service="shop"), 5, 7, 3),
        (Filters(issue_id=2), 5, 8, 2),
        (Filters(q="number"), 5, 6, 4),
        (Filters(q="7"), 5, 7, None),
        (Filters(since=day(4), until=day(6)), 5, None, 4),
        (Filters(since=day(4), until=day(6)), 9, None, 5),
        (Filters(service="nobody"), 5, None, None),
        (Filters(), 1_000, None, 9),
    ],
)
def test_the_next_newer_and_the_next_older_that_match(
    storage: Storage, filters: Filters, of: int, newer: int | None, older: int | None
) -> None:
    above = storage.recent(filters, limit=1, after=of).errors
    below = storage.recent(filters, limit=1, before=of).errors
    assert [event["id"] for event in above] == [newer] * (newer is not None)
    assert [event["id"] for event in below] == [older] * (older is not None)


def test_whole_events_come_with_their_context_page_by_page(storage: Storage) -> None:
    first = storage.recent(Filters(), limit=4, whole=True)
    rest = storage.recent(Filters(), limit=100, before=first.next, whole=True)
    events = [*first.errors, *rest.errors]
    assert [event["context"] for event in events] == [{"number": number} for number in range(9, 0, -1)]
    assert [event["id"] for event in events] == list(range(9, 0, -1))
    event = storage.get(5)
    assert event is not None
    assert event.pop("issue")
    assert events[4] == event
