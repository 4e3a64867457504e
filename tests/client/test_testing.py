"""`capture_events`: what a service's own tests see of what it reports."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from client_support import attached, refusing
from levqor_errors import ErrorHandler, flush, init, log_error, log_exception, stats
from levqor_errors.client.api import current_client
from levqor_errors.event import normalize
from levqor_errors.testing import capture_events

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


def test_events_are_as_the_collector_gets_them() -> None:
    with capture_events() as events:
        try:
            raise ValueError("declined")
        except ValueError:
            event_id = log_error("checkout", "the card was declined", extra={"order": 5})
    (event,) = events
    assert event["event_id"] == event_id
    assert event["stack"].startswith("Traceback (most recent call last):")
    assert event["context"]["extra"] == {"order": 5}
    assert event["context"]["exceptions"][0]["frames"][0]["source"].strip() == 'raise ValueError("declined")'
    # Which the collector takes as it is.
    assert normalize(event, received_at=datetime.now(timezone.utc)).message == "the card was declined"
    assert json.loads(json.dumps(event)) == event


def test_nothing_touches_the_disk_or_the_network(tmp_path: Path) -> None:
    with refusing() as url:
        init(url=url, spool_dir=tmp_path / "spool")
        threads = threading.active_count()
        with capture_events():
            log_error("shop", "x")
            assert flush(5) is True
        # A flush may start a thread, which finds nothing to do.
        assert threading.active_count() <= threads + 1
    assert not (tmp_path / "spool").exists()


def test_options_apply_as_ever() -> None:
    def before_send(event: dict[str, Any]) -> dict[str, Any] | None:
        return None if event["message"] == "noise" else event | {"release": "changed"}

    init(service="shop", before_send=before_send, sample_rate={"info": 0}, flood_limit=2, redact_keys=["iban"])
    with capture_events() as events:
        log_error(None, "noise")
        log_error(None, "left out by its severity", "info")
        for _ in range(5):
            log_error(None, "kept", extra={"iban": "DE02"})
    kept = [(event["service"], event["message"], event["release"]) for event in events]
    assert kept == [("shop", "kept", "changed")] * 2
    assert events[0]["context"]["extra"] == {"iban": "[redacted]"}


def test_each_use_begins_anew() -> None:
    init(flood_limit=1)
    for _ in range(3):
        with capture_events() as events:
            log_error("shop", "once")
            assert stats()["recorded"] == 1
        assert len(events) == 1
    assert stats()["recorded"] == 0


def test_uses_can_be_nested_and_the_client_is_put_back() -> None:
    before = current_client()
    with capture_events() as outer:
        log_error("shop", "one")
        with capture_events() as inner:
            log_error("shop", "two")
        log_error("shop", "three")
    assert [event["message"] for event in outer] == ["one", "three"]
    assert [event["message"] for event in inner] == ["two"]
    assert current_client() is before


def test_the_client_is_put_back_when_the_test_fails() -> None:
    before = current_client()
    seen: list[dict[str, Any]] = []

    def test() -> None:
        with capture_events() as events:
            log_error("shop", "seen")
            seen.extend(events)
            raise AssertionError

    with pytest.raises(AssertionError):
        test()
    assert current_client() is before
    assert [event["message"] for event in seen] == ["seen"]


def test_everything_that_reports_is_captured() -> None:
    def fail() -> None:
        try:
            raise ValueError("x")
        except ValueError:
            log_exception(service="shop")

    with capture_events() as events, attached(ErrorHandler(service="shop"), "testing") as logger:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join(30)
        asyncio.run(asyncio.to_thread(fail))
        logger.error("logged")
        logging.getLogger("testing.child").error("logged below")
    assert sorted(event["message"] for event in events) == [
        "ValueError: x", "ValueError: x", "logged", "logged below",
    ]  # fmt: skip


def test_without_any_settings() -> None:
    with capture_events() as events:
        log_error(None, "x")
    assert events[0]["service"] == "unknown"


def test_events_after_the_end_are_not_captured(tmp_path: Path) -> None:
    with refusing() as url:
        init(url=url, spool_dir=tmp_path / "spool")
        logging.getLogger("levqor_errors.client").disabled = True
        try:
            with capture_events() as events:
                pass
            log_error("shop", "later")
            current_client().close(5)
        finally:
            logging.getLogger("levqor_errors.client").disabled = False
    assert events == []
    assert (tmp_path / "spool").exists()
