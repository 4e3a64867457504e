"""What a service leaves out of its events, and which events: `before_send`, sampling, the flood limit."""

from __future__ import annotations

import random
from typing import Any

import pytest

import levqor_errors
from client_support import warnings_of
from levqor_errors import init, log_error, log_exception, stats
from levqor_errors.client.api import current_client
from levqor_errors.testing import capture_events

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

Events = list[dict[str, Any]]


def test_before_send_changes_and_drops() -> None:
    seen: Events = []

    def before_send(event: dict[str, Any]) -> dict[str, Any] | None:
        seen.append(event)
        if event["message"] == "noise":
            return None
        event["message"] = event["message"].upper()
        event["context"]["extra"]["added"] = True
        return event

    init(before_send=before_send)
    with capture_events() as events:
        assert log_error("shop", "noise") is None
        assert log_error("shop", "signal", extra={"a": 1}) is not None
        assert stats()["lost_before_send"] == 1
    assert [event["message"] for event in events] == ["SIGNAL"]
    assert events[0]["context"]["extra"] == {"a": 1, "added": True}
    # It is called before anything is written, with what would be.
    assert seen[1]["event_id"] == events[0]["event_id"]


def test_before_send_sees_breadcrumbs_as_data() -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any]:
        event["context"]["breadcrumbs"] = [
            crumb for crumb in event["context"]["breadcrumbs"] if crumb["category"] != "noise"
        ]
        return event

    init(before_send=before_send)
    with capture_events() as events, levqor_errors.scope():
        levqor_errors.add_breadcrumb("one", category="noise")
        levqor_errors.add_breadcrumb("two", category="query")
        log_error("shop", "x")
    assert [crumb["message"] for crumb in events[0]["context"]["breadcrumbs"]] == ["two"]


def test_before_send_that_fails_leaves_the_event_out_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("a bug in it")

    init(before_send=before_send)
    with capture_events() as events:
        for _ in range(3):
            assert log_error("shop", "it broke") is None
        assert stats()["lost_before_send_failed"] == 3
    assert events == []
    (warning,) = warnings_of(caplog)
    assert "before_send" in warning


def test_what_before_send_drops_is_offered_again_by_nobody() -> None:
    """The handler and the middleware that meet the same exception do not ask a second time."""
    asked: list[str] = []

    def before_send(event: dict[str, Any]) -> None:
        asked.append(event["message"])

    init(before_send=before_send)
    error = ValueError("dropped")
    with capture_events():
        log_exception(error)
        log_exception(error)
    assert asked == ["ValueError: dropped"]


@pytest.mark.parametrize(("rate", "kept"), [(0, 0), (0.0, 0), (1, 100), (1.0, 100), (None, 100), ({}, 100)])
def test_sample_rates_at_the_ends(rate: Any, kept: int) -> None:
    init(sample_rate=rate)
    with capture_events() as events:
        for _ in range(100):
            log_error("shop", "x")
        assert stats().get("lost_sampled", 0) == 100 - kept
    assert len(events) == kept


def test_sample_rates_between() -> None:
    random.seed(20261123)
    init(sample_rate=0.3)
    with capture_events() as events:
        for _ in range(2_000):
            log_error("shop", "x")
    # Six standard deviations either way.
    assert 477 < len(events) < 723


def test_sample_rates_by_severity() -> None:
    init(sample_rate={"debug": 0.0, "WARN": 0})
    with capture_events() as events:
        for severity in ("info", "warning", "error", "critical"):
            log_error("shop", "x", severity)
    assert [event["severity"] for event in events] == ["error", "critical"]


def test_the_flood_limit_and_its_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    init(flood_limit=2)
    with capture_events() as events:
        flood = current_client()._flood
        assert flood is not None
        monkeypatch.setattr(flood, "_clock", lambda: now[0])
        ids = [log_error("shop", "again and again") for _ in range(10)]
        now[0] += 60
        log_error("shop", "again and again")
        assert stats()["lost_flood"] == 8
    assert [event_id is None for event_id in ids] == [False] * 2 + [True] * 8
    assert [event["context"].get("suppressed") for event in events] == [None, None, 8]


def test_the_flood_limit_goes_by_kind(caplog: pytest.LogCaptureFixture) -> None:
    def fail(number: int) -> None:
        raise ValueError(f"of many texts: {number}")

    init(flood_limit=1)
    with capture_events() as events:
        for number in range(5):
            try:
                fail(number)
            except ValueError:
                log_exception(service="shop")
            log_error("shop", "a message")
            log_error("other", "a message")
            log_error("shop", "another message")
    assert [event["message"] for event in events] == [
        "ValueError: of many texts: 0", "a message", "a message", "another message",
    ]  # fmt: skip
