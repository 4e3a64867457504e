"""Instants: one form to write, many to read, and never anything but a ValueError for what is none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from levqor_errors.instants import from_epoch, from_text, hour_of, to_text

UTC = timezone.utc
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
#: A day from the ends of the calendar no zone can push an instant out of it.
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
NO_TIMES = [
    "", " ", "Z", "T", ".", "now", "yesterday", "0", "1700000000", "13:05:39", "23.11.2026", "11/23/2026",
    "2026-11-23T", "2026-11-23T12:00:00.x", "2026-11-23T12:00:00.123.456", "2026-11-23T25:00:00Z",
    "2026-11-23T12:60:00Z", "2026-11-23T12:00:61Z", "2026-13-01", "2026-02-29", "2026-00-10", "0000-01-01",
    "10000-01-01", "-2026-01-01", "2026-11-23T12:00:00+", "2026-11-23T12:00:00+25:00",
    "2026-11-23T12:00:00+02:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\0", "\ud800",
    "2026-11-23T12:00:00\ud800", "2026-11-23T1\ud800:00:00Z", "\N{GRINNING FACE}", "Z" * 100_000, "9" * 100_000,
]  # fmt: skip
NO_SECONDS = [
    float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 253_402_300_800, -62_135_596_801, 2**63, 2**64, 10**400,
    -(10**400),
]  # fmt: skip
QUICK = settings(deadline=None, database=None, derandomize=True)


# -- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 11, 23, 13, 5, 39, 120_000, UTC), "2026-11-23T13:05:39.120Z"),
        (datetime(2026, 11, 23, 13, 5, 39, 0, UTC), "2026-11-23T13:05:39.000Z"),
        (datetime(2026, 11, 23, 13, 5, 39, 999, UTC), "2026-11-23T13:05:39.000Z"),
        (datetime(2026, 11, 23, 13, 5, 39, 999_999, UTC), "2026-11-23T13:05:39.999Z"),
        (datetime(2026, 11, 23, 13, 5, 39, 0, timezone(timedelta(hours=2))), "2026-11-23T11:05:39.000Z"),
        (datetime(2026, 1, 1, 0, 30, 0, 0, timezone(timedelta(hours=5, minutes=45))), "2025-12-31T18:45:00.000Z"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), "9999-12-31T23:59:59.999Z"),
        (datetime(999, 1, 1, tzinfo=UTC), "0999-01-01T00:00:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_the_one_form(instant: datetime, text: str) -> None:
    assert to_text(instant) == text


@QUICK
@given(INSTANTS)
def test_what_is_written_is_read_back(instant: datetime) -> None:
    text = to_text(instant)
    milliseconds = instant.microsecond // 1_000 * 1_000
    assert from_text(text) == instant.replace(microsecond=milliseconds)
    assert to_text(from_text(text)) == text


@QUICK
@given(INSTANTS, INSTANTS)
@example(datetime(999, 12, 31, tzinfo=UTC), NOON)
def test_the_order_as_text_is_the_order_in_time(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert len(to_text(first)) == len(to_text(second)) == len("2026-11-23T13:05:39.120Z")
    assert to_text(first) <= to_text(second)


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00z",
        "2026-11-23T12:00:00.0Z",
        "2026-11-23T12:00:00.000000000Z",
        "2026-11-23T12:00Z",
        "2026-11-23 12:00:00+00:00",
        "2026-11-23T12:00:00-00:00",
        "2026-11-23T14:00:00+02:00",
        "2026-11-23T14:00:00.000+02:00",
        "2026-11-23T17:45:00+05:45",
        "2026-11-23T08:30:00-03:30",
        "2026-11-24T01:00:00+13:00",
        "2026-11-23T00:00:00-12:00",
        # Without a zone it is UTC, whatever the zone of the collector's machine is.
        "2026-11-23T12:00:00",
        "2026-11-23 12:00",
        "  2026-11-23T12:00:00Z \n",
    ],
)
def test_the_forms_that_are_read(text: str) -> None:
    instant = from_text(text)
    assert instant == NOON
    assert instant.utcoffset() == timedelta(0)


def test_a_date_is_its_midnight_in_utc() -> None:
    assert from_text("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+02:00", "-09:30", ""])
@pytest.mark.parametrize("digits", range(1, 16))
def test_fractions_may_have_any_number_of_digits(digits: int, zone: str) -> None:
    """Python 3.10 by itself reads three or six. JavaScript sends three, Go nine, .NET seven."""
    fraction = "123456789987654"[:digits]
    instant = from_text(f"2026-11-23T12:00:00.{fraction}{zone}")
    assert instant.microsecond == int(f"{fraction:0<6}"[:6])
    assert instant.second == 0


def test_a_fraction_of_a_million_digits_is_read_as_well() -> None:
    assert from_text(f"2026-11-23T12:00:00.{'9' * 1_000_000}Z").microsecond == 999_999


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - Python words it, and differently in each version
        from_text(text)


@QUICK
@given(st.text() | st.text(st.sampled_from("0123456789-:.,TZz+ W\0\ud800٣")))
def test_no_text_is_anything_but_a_time_or_a_value_error(text: str) -> None:
    try:
        instant = from_text(text)
    except ValueError:
        return
    assert instant.utcoffset() == timedelta(0)
    to_text(instant)


@QUICK
@given(INSTANTS, st.integers(0, 9))
def test_python_s_own_form_is_read_whatever_its_precision_and_zone(instant: datetime, cut: int) -> None:
    assert from_text(instant.isoformat()) == instant
    text = instant.strftime("%m-%dT%H:%M:%S.") + f"{instant.microsecond:06d}{'0' * cut}"
    assert from_text(f"{instant.year:04d}-{text}") == instant.replace(tzinfo=UTC)


# -- seconds since 1970 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.000Z"),
        (1_795_437_939.12, "2026-11-23T12:45:39.120Z"),
        (2**31, "2038-01-19T03:14:08.000Z"),
        (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        (-0.0, "1970-01-01T00:00:00.000Z"),
        (1e-300, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_seconds_since_1970(seconds: float, text: str) -> None:
    assert to_text(from_epoch(seconds)) == text


@pytest.mark.parametrize("seconds", NO_SECONDS)
def test_seconds_outside_the_calendar_are_a_value_error(seconds: float) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        from_epoch(seconds)


@QUICK
@given(st.floats() | st.integers())
def test_no_number_is_anything_but_a_time_or_a_value_error(seconds: float) -> None:
    try:
        instant = from_epoch(seconds)
    except ValueError:
        return
    assert instant.utcoffset() == timedelta(0)
    to_text(instant)


# -- hours ------------------------------------------------------------------------------------------------------------


@QUICK
@given(INSTANTS)
def test_the_hour_of_an_instant_is_where_it_begins(instant: datetime) -> None:
    text = to_text(instant)
    hour = hour_of(text)
    assert len(hour) == len(text)
    assert hour <= text
    assert hour_of(hour) == hour
    began = from_text(hour)
    assert (began.minute, began.second, began.microsecond) == (0, 0, 0)
    assert timedelta(0) <= from_text(text) - began < timedelta(hours=1)
