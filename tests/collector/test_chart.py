"""The drawing of the chart: what stands where, that it holds whatever the numbers are, and labels that fit."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest

from levqor_errors.collector.chart import HEADROOM, HEIGHT, draw, scale_top, short, span_words
from levqor_errors.collector.timeline import Bucket, Timeline

START = datetime(2026, 11, 22, 21, 0, tzinfo=timezone.utc)
SEVERITIES = ("critical", "error", "warning", "info")
GROUND = HEIGHT + HEADROOM


def line(*counts: dict[str, int], step: timedelta = timedelta(hours=1), start: datetime = START) -> Timeline:
    """Pieces with these counts, one after the other."""
    buckets = [Bucket(start + place * step, start + (place + 1) * step, one) for place, one in enumerate(counts)]
    return Timeline(step, buckets)


def test_parts_stand_on_each_other_from_the_ground_and_fill_the_scale() -> None:
    chart = draw(line({"critical": 1, "error": 3}, {}, {"info": 2}), SEVERITIES)
    assert [one.label for one in chart.lines] == ["4", "2", "0"]
    assert [one.y for one in chart.lines] == [HEADROOM, HEADROOM + HEIGHT / 2, GROUND]
    first, empty, last = chart.bars
    assert [(part.severity, part.y, part.height) for part in first.parts] == [
        ("critical", GROUND - HEIGHT / 4, HEIGHT / 4),
        ("error", HEADROOM, 3 * HEIGHT / 4),
    ]
    assert empty.parts == []
    assert [(part.y, part.height) for part in last.parts] == [(GROUND - HEIGHT / 2, HEIGHT / 2)]


def test_bars_share_the_width_and_do_not_touch() -> None:
    bars = draw(line(*[{"error": 1}] * 31), SEVERITIES).bars
    assert bars[0].place == 0
    assert bars[-1].place + bars[-1].place_width == pytest.approx(100, abs=0.01)
    for one, other in itertools.pairwise(bars):
        assert one.place + one.place_width == pytest.approx(other.place, abs=0.01)
        assert one.x + one.width < other.x
        assert one.place < one.x


def test_one_among_a_million_is_seen_and_nothing_leaves_the_drawing() -> None:
    (bar,) = draw(line({"critical": 1, "error": 1_000_000, "warning": 1, "info": 1}), SEVERITIES).bars
    assert all(part.height >= 2 for part in bar.parts)
    assert min(part.y for part in bar.parts) >= 0
    assert bar.parts[0].y + bar.parts[0].height == GROUND


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw(Timeline(timedelta(hours=1), []), SEVERITIES).bars == []
    chart = draw(line({}, {}), SEVERITIES)
    assert [one.label for one in chart.lines] == ["2", "1", "0"]
    assert all(not bar.parts for bar in chart.bars)


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (9, 10), (11, 12), (21, 24), (81, 100), (100, 100), (101, 120), (5_036, 6_000)],
)
def test_a_scale_ends_with_a_round_number_that_has_a_half(most: int, top: int) -> None:
    assert scale_top(most) == top
    assert top % 2 == 0


def test_the_scale_holds_every_number() -> None:
    for most in (*range(2_000), 10**9 + 1, 10**15):
        assert most <= scale_top(most) <= max(2 * most, 2)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1_500, "1,500"), (2_000, "2k"), (24_000, "24k"), (12_345_678, "12.3M")],
)
def test_numbers_where_there_is_little_room(number: int, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(minutes=1), "1 minute"), (timedelta(minutes=5), "5 minutes"), (timedelta(hours=3), "3 hours"),
        (timedelta(days=1), "1 day"), (timedelta(days=7), "7 days"), (timedelta(seconds=30), "30 seconds"),
    ],
)  # fmt: skip
def test_spans_as_one_says_them(span: timedelta, words: str) -> None:
    assert span_words(span) == words


def test_labels_are_at_full_times_a_day_is_named_where_it_begins() -> None:
    chart = draw(line(*[{}] * 25), SEVERITIES)
    assert [label.text for label in chart.labels][:4] == ["21:00", "23 Nov", "03:00", "06:00"]
    assert all(label.is_time for label in chart.labels)
    assert [label.extra for label in chart.labels][:4] == [False, True, False, True]
    assert chart.labels[0].x == 0
    assert chart.labels[1].instant == "2026-11-23T00:00:00.000Z"
    assert chart.step == "hour"


@pytest.mark.parametrize("number", [1, 2, 12, 31, 100])
@pytest.mark.parametrize("minutes", [1, 5, 60, 180, 1440, 10080])
def test_there_are_never_too_many_labels(number: int, minutes: int) -> None:
    for start in (START, START.replace(minute=7, second=31)):
        chart = draw(line(*[{}] * number, step=timedelta(minutes=minutes), start=start), SEVERITIES)
        assert len(chart.labels) <= 12
        assert all(0 <= label.x <= 100 for label in chart.labels)


def test_a_bar_says_when_it_is() -> None:
    within, across = (draw(line({}, step=timedelta(hours=hours)), SEVERITIES).bars[0].words for hours in (2, 3))
    assert within == "22 Nov 21:00 to 23:00 UTC"
    assert across == "22 Nov 21:00 to 23 Nov 00:00 UTC"
