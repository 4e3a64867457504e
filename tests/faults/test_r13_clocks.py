"""R13: sender clocks in 1970 and 2999.

Passes when: order, retention and alerts unmoved.

What order, retention and alerts go by is `id` and `received_at`, the collector's own: that these and all that is
counted by them stay clear of a sender's clock is what is tested here.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from levqor_errors import instants, limits
from support import Database, owner, rows

LOG = "/api/errors/log"
BEHIND = timedelta(seconds=limits.CLOCK_BEHIND_SECONDS)
AHEAD = timedelta(seconds=limits.CLOCK_AHEAD_SECONDS)
MINUTE = timedelta(minutes=1)

#: Claims that no right clock makes, and how they are kept.
WRONG = [
    ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
    (0, "1970-01-01T00:00:00.000Z"),
    (1.5, "1970-01-01T00:00:01.500Z"),
    (-1, "1969-12-31T23:59:59.000Z"),
    ("1970-01-01", "1970-01-01T00:00:00.000Z"),
    ("2999-12-31T23:59:59.999Z", "2999-12-31T23:59:59.999Z"),
    ("2999-06-01T12:00:00+02:00", "2999-06-01T10:00:00.000Z"),
    (32_503_679_999, "2999-12-31T23:59:59.000Z"),
    ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
    ("1000-01-01T00:00:00Z", "1000-01-01T00:00:00.000Z"),
    ("0999-01-01", "0999-01-01T00:00:00.000Z"),
]

#: Clocks that are wrong, but not so that one could tell: what they say is kept, and must move nothing either.
SKEWS = [timedelta(hours=-1), MINUTE - BEHIND, AHEAD - MINUTE]

#: Claims that are no time at all, as they stand in the JSON.
NO_TIME = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e300", "9" * 400, "-62135596801", "253402300800",
    "true", "[]", "{}", '""', '"yesterday"', '"NaN"', '"2999-13-01T00:00:00Z"', '"12999-01-01T00:00:00Z"',
    '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"\\ud800"',
]  # fmt: skip


@pytest.fixture
def process_api(start_collector: Callable[..., Any]) -> Iterator[httpx.Client]:
    with owner(start_collector().url) as client:
        yield client


def now() -> datetime:
    # To the millisecond, as instants are kept, so that what is sent comes back the same.
    instant = datetime.now(timezone.utc)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def log(api: httpx.Client, created_at: object, message: str = "by some clock") -> dict[str, Any]:
    """Send an event with that clock, and read it back."""
    answer = api.post(LOG, json={"message": message, "created_at": created_at})
    assert answer.status_code == 201, f"{created_at!r}: {answer.text}"
    event: dict[str, Any] = api.get(f"/api/errors/{answer.json()['id']}").json()["event"]
    return event


def read(api: httpx.Client, path: str, **params: object) -> dict[str, Any]:
    answer = api.get(f"/api/errors/{path}", params={key: str(value) for key, value in params.items()})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids_of(page: dict[str, Any]) -> list[int]:
    return [event["id"] for event in page["errors"]]


def test_r13_sender_clocks_move_nothing(process_api: httpx.Client, database: Database) -> None:
    before = instants.to_text(now())
    sent: list[int] = []
    # A believable clock before each wrong one, so that any order but that of arrival shows.
    for (claim, kept), skew in zip(WRONG, itertools.cycle([timedelta(0), *SKEWS])):
        believable = instants.to_text(now() + skew)
        event = log(process_api, believable, "believable clock")
        assert event["created_at"] == believable
        sent.append(event["id"])
        event = log(process_api, claim, "wrong clock")
        assert event["context"]["claimed_created_at"] == kept, claim
        assert event["created_at"] == event["received_at"], claim
        sent.append(event["id"])
    after = instants.to_text(now())

    page = read(process_api, "recent")
    assert ids_of(page) == sorted(sent, reverse=True) == sent[::-1]
    received = [event["received_at"] for event in page["errors"]]
    assert received == sorted(received, reverse=True)
    assert all(before <= instant <= after for instant in received)
    for event in page["errors"]:
        age = instants.from_text(event["received_at"]) - instants.from_text(event["created_at"])
        assert -AHEAD <= age <= BEHIND
    # A cursor through the pages goes by arrival too.
    first = read(process_api, "recent", limit=7)
    assert ids_of(first) + ids_of(read(process_api, "recent", before=first["next"])) == sent[::-1]

    hours = {instants.hour_of(before), instants.hour_of(after)}
    stats = read(process_api, "stats")
    assert stats["total"] == len(sent)
    assert stats["bucket"] == "hour"
    assert {point["start"] for point in stats["series"]} <= hours
    assert sum(point["error"] for point in stats["series"]) == len(sent)
    assert {row[0] for row in rows(database, "SELECT hour FROM event_counts")} <= hours
    for first_seen, last_seen in rows(database, "SELECT first_seen, last_seen FROM issues"):
        assert before <= first_seen <= last_seen <= after


@pytest.mark.parametrize("skewed", [False, True])
def test_r13_since_and_until_go_by_arrival(process_api: httpx.Client, skewed: bool) -> None:
    early = log(process_api, instants.to_text(now() + AHEAD - MINUTE) if skewed else "2999-01-01T00:00:00Z")
    # Instants are kept to the millisecond; the next event is to have another one.
    time.sleep(0.01)
    late = log(process_api, instants.to_text(now() - BEHIND + MINUTE) if skewed else "1970-01-01T00:00:00Z")
    arrived = late["received_at"]
    both = [late["id"], early["id"]]
    for params, expected in (
        ({"since": arrived}, [late["id"]]),
        ({"until": arrived}, [early["id"]]),
        ({"since": early["received_at"]}, both),
        ({"since": "2900-01-01T00:00:00Z"}, []),
        ({"until": "2900-01-01T00:00:00Z"}, both),
        ({"since": "1971-01-01T00:00:00Z"}, both),
        ({"until": "1971-01-01T00:00:00Z"}, []),
        ({"since": "1969-01-01T00:00:00Z", "until": "1971-01-01T00:00:00Z"}, []),
    ):
        assert ids_of(read(process_api, "recent", **params)) == expected, params
        assert read(process_api, "stats", **params)["total"] == len(expected), params


def test_r13_a_believable_clock_is_believed_up_to_its_bounds(process_api: httpx.Client) -> None:
    for offset in (timedelta(0), *SKEWS):
        claim = now() + offset
        for form in (instants.to_text(claim), claim.timestamp()):
            event = log(process_api, form)
            assert event["created_at"] == instants.to_text(claim), offset
            assert "claimed_created_at" not in event["context"]
    for offset in (AHEAD + MINUTE, -BEHIND - MINUTE):
        claim = now() + offset
        event = log(process_api, instants.to_text(claim))
        assert event["created_at"] == event["received_at"], offset
        assert event["context"]["claimed_created_at"] == instants.to_text(claim)


def test_r13_what_is_no_time_is_refused_by_name(process_api: httpx.Client, database: Database) -> None:
    for claim in NO_TIME:
        answer = process_api.post(LOG, content=f'{{"message": "x", "created_at": {claim}}}')
        assert answer.status_code == 400, f"{claim}: {answer.text}"
        assert answer.json()["error"].startswith("created_at must be"), f"{claim}: {answer.text}"
    lines = "\n".join(f'{{"message": "x", "created_at": {claim}}}' for claim in [*NO_TIME, "null"])
    answer = process_api.post(LOG, content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert answer.json()["accepted"] == 1
    assert [entry["index"] for entry in answer.json()["rejected"]] == list(range(len(NO_TIME)))
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(1,)]
