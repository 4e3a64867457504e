"""Ranges and their pieces: what an address means, and that no event falls between two pieces or out of them."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest
from starlette.datastructures import QueryParams

from levqor_errors import instants
from levqor_errors.collector.ranges import ALL, CUSTOM, DAY, HOUR, Range, read_list
from levqor_errors.collector.timeline import MINUTE, timeline, unit_of
from levqor_errors.errors import RequestRefusedError
from levqor_errors.storage import Overview, Unit

NOW = datetime(2026, 11, 23, 13, 5, 39, tzinfo=timezone.utc)
SEVERITIES = ("critical", "error", "warning", "info")


def counted(unit: Unit = "hour", **starts: int) -> Overview:
    """So many errors at the times that the names say: `d23h13`, `d23h13m05`."""
    series = []
    for name, number in starts.items():
        parts = [int(part) for part in name[1:].replace("h", " ").replace("m", " ").split()]
        day, hour, minute = (*parts, 0, 0)[:3]
        start = NOW.replace(day=day, hour=hour, minute=minute, second=0)
        series.append((instants.to_text(start), {**dict.fromkeys(SEVERITIES, 0), "error": number, "info": 1}))
    return Overview(unit, series, [], None, ([], [], []), 0)


@pytest.mark.parametrize(
    ("query", "name", "length"),
    [
        ("", "24h", DAY),
        ("range=", "24h", DAY),
        ("range=1h", "1h", HOUR),
        ("range=30d", "30d", 30 * DAY),
        ("range=all", ALL, None),
        ("since=2026-01-01&until=2026-01-03&range=1h", CUSTOM, 2 * DAY),
        ("since=2026-01-03&until=2026-01-01", CUSTOM, timedelta()),
        ("until=2026-01-01", CUSTOM, None),
        # What is looked for by its number is found wherever it is.
        ("issue=5", ALL, None),
        ("q=0190a0a0-0000-7000-8000-000000000000", ALL, None),
        ("q=timeout", "24h", DAY),
        ("issue=5&range=7d", "7d", 7 * DAY),
    ],
)
def test_an_address_says_which_range(query: str, name: str, length: timedelta | None) -> None:
    filters, span = read_list(QueryParams(query))
    assert (span.name, span.length) == (name, length)
    assert filters.since == (None if span.since is None else instants.to_text(span.since))


def test_no_other_name_is_a_range() -> None:
    with pytest.raises(RequestRefusedError, match="range must be one of 1h, 24h, 7d, 30d, all") as caught:
        read_list(QueryParams("range=2h"))
    assert caught.value.status == 400


def test_the_range_before_is_as_long_and_ends_where_this_one_begins() -> None:
    span = Range(CUSTOM, NOW - 3 * HOUR, NOW - HOUR, NOW)
    assert span.before == (instants.to_text(NOW - 5 * HOUR), instants.to_text(NOW - 3 * HOUR))
    assert Range(ALL, None, None, NOW).before is None
    assert Range(CUSTOM, NOW, NOW, NOW).before is None
    early = datetime(1, 1, 2, tzinfo=timezone.utc)
    assert Range(CUSTOM, early, NOW, NOW).before is None


@pytest.mark.parametrize(
    ("since", "until", "wider"),
    [
        # Around its middle, unless that would be in the future.
        (NOW - 5 * DAY, NOW - 5 * DAY + 2 * HOUR, (NOW - 5 * DAY - 11 * HOUR, NOW - 5 * DAY + 13 * HOUR)),
        (NOW - 10 * MINUTE, NOW - 5 * MINUTE, (NOW - HOUR, NOW)),
        (NOW - 20 * DAY, NOW - 2 * DAY, (NOW - 30 * DAY, NOW)),
    ],
)
def test_zooming_out_leads_to_the_next_range_around_it(
    since: datetime, until: datetime, wider: tuple[datetime, datetime]
) -> None:
    found = Range(CUSTOM, since, until, NOW).wider()
    assert (found["since"], found["until"]) == tuple(instants.to_text(edge) for edge in wider)


def test_from_the_widest_range_one_comes_to_all() -> None:
    assert Range(CUSTOM, NOW - 40 * DAY, NOW, NOW).wider() == {"range": ALL}
    assert Range(CUSTOM, None, NOW, NOW).wider() == {"range": ALL}
    assert Range(CUSTOM, datetime(1, 1, 1, tzinfo=timezone.utc), NOW, NOW).wider() == {"range": ALL}


@pytest.mark.parametrize(
    ("length", "step", "unit"),
    [
        (5 * MINUTE, MINUTE, "minute"),
        (HOUR, 5 * MINUTE, "minute"),
        (4 * HOUR, 5 * MINUTE, "minute"),
        (DAY, HOUR, "hour"),
        (7 * DAY, 3 * HOUR, "hour"),
        (30 * DAY, DAY, "day"),
        (100 * DAY, DAY, "day"),
    ],
)
def test_pieces_fit_the_range_and_cover_it(length: timedelta, step: timedelta, unit: Unit) -> None:
    span = Range(CUSTOM, NOW - length, NOW, NOW)
    assert unit_of(span) == unit
    found = timeline(span, counted(unit, **({"d23h13m05": 2} if unit == "minute" else {"d23": 2})), SEVERITIES)
    assert found.step == step
    assert len(found.buckets) <= 101
    assert found.buckets[0].since == NOW - length
    assert found.buckets[-1].until == NOW
    for one, other in itertools.pairwise(found.buckets):
        assert one.until == other.since
    # Those in the middle begin at a full step.
    assert not (found.buckets[1].since - datetime(1970, 1, 5, tzinfo=timezone.utc)) % step


def test_every_event_is_in_a_piece_and_only_chosen_severities_count() -> None:
    span = Range("7d", NOW - 7 * DAY, None, NOW)
    overview = counted(d17h1=1, d18h0=2, d18h2=3, d20h23=4, d23h13=5)
    found = timeline(span, overview, ("critical", "error"))
    assert [bucket.total for bucket in found.buckets if bucket.total] == [1, 5, 4, 5]
    assert sum(bucket.total for bucket in timeline(span, overview, SEVERITIES).buckets) == 20


def test_all_time_begins_with_the_first_event_and_emptiness_is_not_shown() -> None:
    found = timeline(Range(ALL, None, None, NOW), counted("day", d3=1, d20=2), SEVERITIES)
    assert found.buckets[0].since == NOW.replace(day=3, hour=0, minute=0, second=0)
    assert (found.step, len(found.buckets)) == (DAY, 21)
    # Two thousand years without events would be a hundred thousand weeks.
    years = Range(CUSTOM, datetime(1, 1, 1, tzinfo=timezone.utc), datetime(9999, 12, 31, tzinfo=timezone.utc), NOW)
    found = timeline(years, counted("day", d3=1, d20=2), SEVERITIES)
    assert len(found.buckets) < 130
    assert sum(bucket.total for bucket in found.buckets) == 5
    for nothing in (years, Range(CUSTOM, years.until, None, NOW), Range(CUSTOM, NOW, NOW - DAY, NOW)):
        assert all(not bucket.total for bucket in timeline(nothing, counted(), SEVERITIES).buckets)


def test_years_are_cut_into_weeks_that_begin_on_mondays() -> None:
    series = [
        (f"{year}-03-05T00:00:00.000Z", {**dict.fromkeys(SEVERITIES, 0), "error": 1}) for year in range(2020, 2027)
    ]
    found = timeline(Range(ALL, None, None, NOW), Overview("day", series, [], None, ([], [], []), 0), SEVERITIES)
    assert (found.step, found.buckets[1].since.strftime("%A")) == (28 * DAY, "Monday")
    assert len(found.buckets) <= 101
    assert sum(bucket.total for bucket in found.buckets) == 7


def test_what_is_known_by_the_hour_only_is_not_cut_into_minutes() -> None:
    span = Range(CUSTOM, NOW.replace(minute=0, second=0), NOW.replace(minute=50, second=0), NOW)
    found = timeline(span, counted("hour", d23h13=7), SEVERITIES)
    assert (found.step, [bucket.total for bucket in found.buckets]) == (HOUR, [8])


def test_a_clock_that_was_set_back_hides_no_event() -> None:
    found = timeline(Range("24h", NOW - DAY, None, NOW), counted(d23h13=1, d23h17=1), SEVERITIES)
    assert found.buckets[-1].total == 2
    assert found.buckets[-1].until == NOW.replace(hour=18, minute=0, second=0)
