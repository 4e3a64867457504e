"""What stands above the list: changes in figures and in words, and addresses that lead to what they say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from levqor_errors.collector.errors_view import (
    SEVERITIES,
    address,
    cards,
    change,
    chips,
    choices,
    in_range,
    service_rows,
)
from levqor_errors.collector.ranges import Range

NOW = datetime(2026, 11, 23, 13, tzinfo=timezone.utc)
NONE = dict.fromkeys(SEVERITIES, 0)


@pytest.mark.parametrize(
    ("now", "before", "way", "text", "words"),
    [
        (5, 5, "same", "as before", "as many as in the day before"),
        (0, 0, "same", "as before", "as many as in the day before"),
        (5, 0, "up", "none before", "there was none in the day before"),
        (0, 7, "down", "7 before", "less than in the day before, which had 7"),
        (6, 5, "up", "20% · 5 before", "20% more than in the day before, which had 5"),
        (4, 5, "down", "20% · 5 before", "20% less than in the day before, which had 5"),
        (1001, 1000, "up", "under 1% · 1k before", "under 1% more than in the day before, which had 1,000"),
        (402, 2, "up", "201x · 2 before", "201 times as many as in the day before, which had 2"),
    ],
)
def test_a_change_in_figures_and_in_words(now: int, before: int, way: str, text: str, words: str) -> None:
    assert change(now, before, "the day before") == (way, text, words)


def test_cards_lead_to_their_severity_and_back() -> None:
    now = {**NONE, "critical": 1, "error": 3}
    found = cards(now, {**NONE, "error": 3}, "the day before", ("error",), {"severity": "error", "service": "web"})
    assert [(card.name, card.number, card.is_current) for card in found] == [
        ("Total", 4, False), ("Critical", 1, False), ("Errors", 3, True), ("Warnings", 0, False), ("Info", 0, False),
    ]  # fmt: skip
    assert [card.link for card in found[:3]] == [
        "/owner/errors?service=web",
        "/owner/errors?severity=critical&service=web",
        "/owner/errors?service=web",
    ]
    assert [card.change.way if card.change else None for card in found] == ["up", "up", "same", "same", "same"]


def test_where_there_was_nothing_before_nothing_has_risen() -> None:
    found = cards({**NONE, "error": 3}, NONE, "the day before", (), {})
    assert [card.change.way if card.change else None for card in found] == ["new", None, None, None, None]
    assert all(card.change is None for card in cards(NONE, None, "", (), {}))
    assert found[0].is_current


def test_services_are_drawn_by_what_is_chosen_and_the_loudest_comes_first() -> None:
    services = [
        ("quiet", {**NONE, "info": 50}),
        ("web", {**NONE, "error": 30, "warning": 10}),
        ("pay", {**NONE, "error": 1, "critical": 19, "info": 500}),
    ]
    rows, more = service_rows(services, ("critical", "error", "warning"), {"range": "7d"})
    assert [(row.name, row.number) for row in rows] == [("web", 40), ("pay", 20)]
    assert more == 0
    assert [(part.severity, part.x, part.width) for part in rows[0].parts] == [("error", 0, 75), ("warning", 75, 25)]
    assert rows[1].parts[0].width == 47.5
    assert rows[0].link == "/owner/errors?range=7d&service=web"
    many = [(f"s{number}", {**NONE, "info": 1}) for number in range(9)]
    rows, more = service_rows(many, SEVERITIES, {})
    assert len(rows) + more == 9
    assert more == 4


def test_each_filter_can_be_taken_away_and_the_others_stay() -> None:
    carried = {"severity": "error,critical", "service": "a & b", "issue": "5", "range": "7d"}
    found = {(chip.name, chip.value): chip.without for chip in chips(("error", "critical"), carried)}
    assert found == {
        ("Severity", "error"): "/owner/errors?severity=critical&service=a+%26+b&issue=5&range=7d",
        ("Severity", "critical"): "/owner/errors?severity=error&service=a+%26+b&issue=5&range=7d",
        ("Service", "a & b"): "/owner/errors?severity=error%2Ccritical&issue=5&range=7d",
        ("Issue", "5"): "/owner/errors?severity=error%2Ccritical&service=a+%26+b&range=7d",
    }


def test_one_range_takes_the_place_of_another() -> None:
    carried = {"since": "2026-01-01", "until": "2026-01-02", "service": "web"}
    assert in_range(carried, {"range": "7d"}) == "/owner/errors?service=web&range=7d"
    assert address({}) == "/owner/errors"
    span = Range("7d", NOW - timedelta(days=7), None, NOW)
    found = choices(span, carried)
    assert [choice.text for choice in found if choice.is_current] == ["7 d"]
    assert all("since" not in choice.link and "service=web" in choice.link for choice in found)
