"""The strip: calm when all is well, and nothing hidden when it is not."""

from __future__ import annotations

from typing import Any

import pytest

from levqor_errors.collector.refusals import Reason
from levqor_errors.collector.strip import size, strip

OWNER: dict[str, Any] = {
    "refused": {}, "upkeep": None, "max_bytes": 1 << 30, "channels": ["email"], "summary": "2026-11-23",
    "canary": {"at": "2026-11-23T07:00:05.000Z", "ok": True, "failed": [], "waiting": False},
}  # fmt: skip
REPORT: dict[str, Any] = {
    "why": None, "waiting": 0, "database": "SQLite 3.53", "database_bytes": 5 << 20, "free_bytes": 40 << 30,
    "alerts": {"last_tick": "2026-11-23T13:00:00.000Z", "unsent": 0, "channels": {"email": "ok"}}, "warnings": [],
    "owner": OWNER,
}  # fmt: skip


def report(owner: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A report that says all is well, but for these."""
    return {**REPORT, **changes, "owner": {**OWNER, **(owner or {})}}


def test_all_is_well_in_one_line() -> None:
    found = strip(report())
    assert (found.tone, found.title, found.troubles) == ("good", "All is well", [])
    assert [fact.short for fact in found.facts if fact.short] == ["5.0 MB, 40 GB free", "nothing refused", "email ok"]
    assert all(fact.is_good for fact in found.facts)


def test_without_a_channel_it_says_that_nobody_is_told() -> None:
    found = strip(report({"channels": []}, alerts={"unsent": 0, "channels": None}))
    assert found.tone == "good"
    assert "no alert channel" in [fact.short for fact in found.facts]


@pytest.mark.parametrize(
    ("changed", "tone", "said"),
    [
        (report(why="writes fail: no space left"), "critical", "Writes fail: no space left."),
        (report(warnings=["The disk is nearly full."]), "warning", "The disk is nearly full."),
        (report({"upkeep": "disk I/O error"}), "warning", "is tried again: disk I/O error."),
    ],
)
def test_what_is_wrong_is_a_sentence(changed: dict[str, Any], tone: str, said: str) -> None:
    found = strip(changed)
    assert found.tone == tone
    assert any(said in trouble for trouble in found.troubles)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (report({"refused": {"invalid": {"requests": 0, "events": 6}}}), "6 events (no events, or too large: 6)"),
        (report({"refused": {"key": {"requests": 1, "events": 0}}}), "1 request (without the right key: 1)"),
        (report({"refused": None}), "nobody knows now"),
        (report(database_bytes=None), "does not say how large it is"),
        (report(alerts={"unsent": 0, "channels": {"email": "failing"}}), "failing"),
        (report(alerts={"unsent": 0, "channels": {"email": "down"}}), "down"),
        (
            report({"canary": {**OWNER["canary"], "ok": False, "failed": ["email FAILED: 535"]}}),
            "did not come through, 2026-11-23 07:00 UTC: email FAILED: 535",
        ),
    ],
)
def test_what_is_not_well_comes_first_and_in_the_line(changed: dict[str, Any], said: str) -> None:
    found = strip(changed)
    assert found.tone == "warning"
    assert (found.facts[0].text, found.facts[0].is_good) == (said, False)
    assert found.facts[1].is_good


def test_every_reason_has_words() -> None:
    for reason in Reason:
        (fact, *_) = strip(report({"refused": {reason.value: {"requests": 1, "events": 1}}})).facts
        assert f"({reason.value}: 1)" not in fact.text


def test_a_canary_under_way_is_no_trouble() -> None:
    found = strip(report({"canary": {**OWNER["canary"], "ok": False, "waiting": True}}))
    assert found.tone == "good"


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (2048, "2.0 kB"), (15 << 20, "15 MB"), (3 << 29, "1.5 GB")]
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text
