"""`ErrorHandler` behind a `QueueHandler`: what a record loses on the way is found again."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from client_support import attached
from levqor_errors import ErrorHandler
from levqor_errors.event import normalize
from levqor_errors.grouping import group

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

Events = list[dict[str, Any]]


def fail() -> None:
    raise ValueError("it broke")


def fingerprint(event: dict[str, Any]) -> str:
    """The collector's own."""
    return group(normalize(event, received_at=datetime.now(timezone.utc))).fingerprint


@pytest.fixture
def records() -> Iterator[queue.Queue[Any]]:
    """What a QueueHandler puts here, a QueueListener gives to an ErrorHandler on another thread."""
    records: queue.Queue[Any] = queue.Queue()
    listener = logging.handlers.QueueListener(records, ErrorHandler(service="shop"), respect_handler_level=True)
    listener.start()
    yield records
    listener.stop()


@pytest.fixture
def queued(records: queue.Queue[Any]) -> Iterator[logging.Logger]:
    with attached(logging.handlers.QueueHandler(records), "queued") as one:
        yield one


def test_through_a_queue_the_exception_is_kept(
    queued: logging.Logger, records: queue.Queue[Any], events: Events
) -> None:
    try:
        fail()
    except ValueError:
        queued.exception("order %s failed", 5)
    records.join()
    (event,) = events
    assert event["message"] == "order 5 failed"
    (exception,) = event["context"]["exceptions"]
    assert (exception["type"], exception["value"]) == ("ValueError", "it broke")
    assert [frame["function"] for frame in exception["frames"]][-1] == "fail"
    assert exception["frames"][-1]["source"].strip() == 'raise ValueError("it broke")'
    assert event["stack"].endswith("ValueError: it broke")
    assert event["context"]["location"]["function"] == "test_through_a_queue_the_exception_is_kept"


def test_through_a_queue_occurrences_are_one_issue(
    queued: logging.Logger, records: queue.Queue[Any], events: Events
) -> None:
    for number in range(3):
        try:
            fail()
        except ValueError:
            queued.exception("order %s failed", number)
        queued.error("user %s is unknown", number)
    records.join()
    failed, unknown = events[::2], events[1::2]
    assert len({fingerprint(event) for event in failed}) == 1
    assert len({fingerprint(event) for event in unknown}) == 1
    assert fingerprint(failed[0]) != fingerprint(unknown[0])


def test_through_a_queue_an_exceptions_issue_is_the_same_as_without(
    queued: logging.Logger, records: queue.Queue[Any], logger: logging.Logger, events: Events
) -> None:
    """A service that puts a queue in between does not get a second issue for each error that it has."""
    for one in (logger, queued):
        try:
            fail()
        except ValueError:
            one.exception("order %s failed", 5)
    records.join()
    direct, through = events
    assert fingerprint(direct) == fingerprint(through)


def test_through_a_queue_a_chain_keeps_its_whole_text(
    queued: logging.Logger, records: queue.Queue[Any], events: Events
) -> None:
    try:
        try:
            fail()
        except ValueError as error:
            raise KeyError("outer") from error
    except KeyError:
        queued.exception("failed")
    records.join()
    (event,) = events
    assert event["message"] == "failed"
    assert event["stack"].startswith("Traceback (most recent call last):")
    assert "ValueError: it broke" in event["stack"]
    assert event["stack"].endswith("KeyError: 'outer'")
    assert event["context"]["exceptions"][0]["type"] == "KeyError"


def test_through_a_queue_levels_and_extra_are_kept(
    queued: logging.Logger, records: queue.Queue[Any], events: Events
) -> None:
    queued.critical("down", extra={"order": 5})
    records.join()
    assert (events[0]["severity"], events[0]["context"]["extra"]) == ("critical", {"order": 5})
