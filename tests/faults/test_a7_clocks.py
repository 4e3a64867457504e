"""A7: DST both ways, odd zones, a clock that is stepped: each day's summary is due exactly once."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levqor_errors.alerts.due import MOST_MISSED, Due, due, newest

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: Zones, and a day near which something happens to their clocks.
ODD = (
    ("UTC", date(2026, 11, 25)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    # An hour that is not there, from midnight on.
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("Asia/Beirut", date(2026, 3, 29)),
    # Off by a part of an hour, and DST of half an hour.
    ("Asia/Kathmandu", date(2026, 6, 1)),
    ("Pacific/Chatham", date(2026, 4, 5)),
    ("Pacific/Chatham", date(2026, 9, 27)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("America/St_Johns", date(2026, 11, 1)),
    # Days that are not there.
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    # A day that is there twice.
    ("America/Juneau", date(1867, 10, 18)),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[misc, arg-type]


def days_of(zone: str, start: datetime, end: datetime) -> list[date]:
    """Dates that somebody in that zone sees, by looking at his clock."""
    seen: dict[date, None] = {}
    while start <= end:
        seen[start.astimezone(ZoneInfo(zone)).date()] = None
        start += HOUR / 2
    return sorted(seen)


@given(
    odd=st.sampled_from(ODD),
    minutes=st.integers(0, 24 * 60 - 1) | st.sampled_from([0, 9 * 60, 120, 150, 165, 1439]),
    offset=st.integers(0, 3600),
)
@settings(max_examples=80, deadline=None, database=None)
def test_a7_each_day_once_and_no_moment_left_out(odd: tuple[str, date], minutes: int, offset: int) -> None:
    zone, day = odd
    now = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - 3 * DAY + timedelta(seconds=offset)
    end = now + 6 * DAY
    seen = days_of(zone, now - 2 * DAY, end)
    found: list[Due] = []
    last = None
    while now <= end:
        one = due(now, minutes, zone, last)
        if one is not None:
            assert one.day.end <= now
            found.append(one)
            last = one.day.label
        now += HOUR
    labels = [one.day.label for one in found]
    assert labels == [one for one in seen if labels[0] <= one <= labels[-1]]
    assert len(labels) >= 5
    assert all(one.missed == () and one.missed_days == 0 for one in found)
    for before, after in itertools.pairwise(found):
        assert before.day.end == after.day.start < after.day.end


@given(
    odd=st.sampled_from(ODD),
    minutes=st.integers(0, 24 * 60 - 1),
    steps=st.lists(st.sampled_from([HOUR, -HOUR, DAY, -DAY, HOUR / 6, HOUR * 5, HOUR * 9]), min_size=20, max_size=60),
)
@settings(max_examples=80, deadline=None, database=None)
def test_a7_a_clock_that_is_stepped_back_and_forth(odd: tuple[str, date], minutes: int, steps: list[timedelta]) -> None:
    zone, day = odd
    now = latest = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - DAY
    done: list[date] = []
    for step in steps:
        now += step
        # Further back than a clock that was a day ahead; what is due is told anew then, see below.
        now = max(now, latest - DAY)
        latest = max(latest, now)
        one = due(now, minutes, zone, done[-1] if done else None)
        if one is not None:
            done.append(one.day.label)
            named = {missed.label for missed in one.missed}
            assert not named & set(done)
    assert done == sorted(set(done))
    # Right again, it goes on from there.
    one = due(latest + 2 * DAY, minutes, zone, done[-1] if done else None)
    assert one is not None
    assert one.day.label not in done


@pytest.mark.parametrize(
    ("zone", "minutes", "label", "hours"),
    [
        ("UTC", 9 * 60, date(2026, 11, 25), 24),
        ("Europe/Berlin", 9 * 60, date(2026, 3, 29), 23),
        ("Europe/Berlin", 9 * 60, date(2026, 10, 25), 25),
        # 02:30 is not there, and is 03:30; the next day it is there again.
        ("Europe/Berlin", 150, date(2026, 3, 29), 24),
        ("Europe/Berlin", 150, date(2026, 3, 30), 23),
        # 02:30 is there twice; the first one counts.
        ("Europe/Berlin", 150, date(2026, 10, 25), 24),
        ("Europe/Berlin", 150, date(2026, 10, 26), 25),
        ("Australia/Lord_Howe", 9 * 60, date(2026, 4, 5), 24.5),
        # By the zone's calendar the day before is 29 December.
        ("Pacific/Apia", 9 * 60, date(2011, 12, 31), 24),
    ],
)
def test_a7_a_day_is_as_long_as_it_is(zone: str, minutes: int, label: date, hours: float) -> None:
    noon = datetime(label.year, label.month, label.day, 12, tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)
    one = due(noon, minutes, zone, None)
    assert one is not None
    assert one.day.label == label
    assert (one.day.end - one.day.start) / HOUR == hours


def test_a7_a_day_that_is_not_there_is_not_missed() -> None:
    now = datetime(2012, 1, 1, 12, tzinfo=ZoneInfo("Pacific/Apia")).astimezone(timezone.utc)
    one = due(now, 9 * 60, "Pacific/Apia", date(2011, 12, 28))
    assert one is not None
    assert [day.label for day in one.missed] == [date(2011, 12, 31), date(2011, 12, 29)]


def test_a7_a_moment_before_it_nothing_is_due() -> None:
    done = date(2026, 11, 24)
    assert due(utc(2026, 11, 25, 8, 59, 59), 9 * 60, "UTC", done) is None
    one = due(utc(2026, 11, 25, 9), 9 * 60, "UTC", done)
    assert one is not None
    assert one.day == (date(2026, 11, 25), utc(2026, 11, 24, 9), utc(2026, 11, 25, 9))
    assert due(utc(2026, 11, 25, 9), 9 * 60, "UTC", date(2026, 11, 25)) is None


def test_a6_after_an_outage_one_is_due_and_names_the_missed() -> None:
    one = due(utc(2026, 11, 25, 11, 40), 9 * 60, "UTC", date(2026, 11, 21))
    assert one is not None
    assert one.day.label == date(2026, 11, 25)
    assert [day.label for day in one.missed] == [date(2026, 11, 24), date(2026, 11, 23), date(2026, 11, 22)]
    # Without a gap from the last one that was sent to this one.
    ends = [one.day.start, *(day.start for day in one.missed)]
    assert [day.end for day in one.missed] == ends[:-1]
    assert ends[-1] == utc(2026, 11, 21, 9)


def test_a6_of_a_long_outage_only_the_newest_days_are_named() -> None:
    one = due(utc(2026, 11, 25, 9), 9 * 60, "UTC", date(2026, 10, 25))
    assert one is not None
    assert len(one.missed) == MOST_MISSED
    assert one.missed_days == 30


def test_a7_a_clock_that_was_years_ahead_does_not_end_the_summaries() -> None:
    one = due(utc(2026, 11, 25, 9), 9 * 60, "UTC", date(2099, 1, 1))
    assert one is not None
    assert one.day.label == date(2026, 11, 25)
    assert one.missed == ()
    assert newest(utc(2026, 11, 25, 8), 9 * 60, "UTC") == date(2026, 11, 24)
