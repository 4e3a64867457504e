"""What services call: what it takes, what it gives back, and that it never raises."""

from __future__ import annotations

import inspect
import logging
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import levqor_errors
from client_support import refusing, warnings_of
from levqor_errors import flush, init, log_error, log_exception, stats
from levqor_errors.client.api import current_client
from levqor_errors.severity import SEVERITY_ALIASES
from support import event_ids, rows, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

Events = list[dict[str, Any]]


# -- log_error ----------------------------------------------------------------------------------------------------


def test_all_that_can_be_given(events: Events) -> None:
    error = KeyError("given")
    event_id = log_error(
        "checkout", "declined", "critical", user_email="a@example.com", path="/pay", exception=error,
        fingerprint="declined cards", extra={"order": 5},
    )  # fmt: skip
    (event,) = events
    assert uuid.UUID(event.pop("event_id")) == uuid.UUID(str(event_id))
    assert uuid.UUID(str(event_id)).version == 7
    assert isinstance(event.pop("created_at"), float)
    exceptions = event["context"].pop("exceptions")
    assert [one["value"] for one in exceptions] == ["'given'"]
    assert event == {
        "service": "checkout", "message": "declined", "severity": "critical", "user_email": "a@example.com",
        "path_or_screen": "/pay", "stack": "KeyError: 'given'", "fingerprint": "declined cards",
        "context": {"extra": {"order": 5}},
    }  # fmt: skip


@pytest.mark.parametrize(("name", "severity"), SEVERITY_ALIASES.items())
def test_severities(events: Events, name: str, severity: Any) -> None:
    log_error("shop", "x", name)
    log_error("shop", "x", name.upper())
    log_error("shop", "x", severity)
    assert [event["severity"] for event in events] == [severity.value] * 3


@pytest.mark.parametrize("severity", ["loud", "", None, 5, 40, ["error"], {"a": 1}])
def test_a_severity_that_is_none_is_an_error(events: Events, severity: Any) -> None:
    assert log_error("shop", "x", severity) is not None
    assert [event["severity"] for event in events] == ["error"]


@pytest.mark.parametrize("service", [5, ["shop"], b"shop", object()])
def test_a_service_of_any_type(service: Any, collector_url: str, database: Path, tmp_path: Path) -> None:
    """The collector refuses what is no text."""
    init(url=collector_url, spool_dir=tmp_path / "spool")
    event_id = log_error(service, "it broke")
    assert flush(30)
    assert rows(database, "SELECT event_id, service FROM error_events") == [(event_id, str(service))]


@pytest.mark.parametrize("message", ["", "  \n", None])
def test_a_message_that_says_nothing(message: Any, collector_url: str, database: Path, tmp_path: Path) -> None:
    """The collector refuses an event without a message; one with an exception, or at all, is better than none."""
    init(url=collector_url, spool_dir=tmp_path / "spool")
    assert log_error("shop", message) is not None
    assert flush(30)
    assert rows(database, "SELECT COUNT(*) FROM error_events") == [(1,)]
    assert "lost_refused" not in stats()


def test_inside_an_except_block_the_exception_is_attached(events: Events) -> None:
    def deeper() -> None:
        log_error("shop", "deeper")

    log_error("shop", "before")
    try:
        raise ValueError("v")
    except ValueError:
        log_error("shop", "inside")
        deeper()
    finally:
        log_error("shop", "after")
    attached = {event["message"]: [one["type"] for one in event["context"].get("exceptions", ())] for event in events}
    assert attached == {"before": [], "inside": ["ValueError"], "deeper": ["ValueError"], "after": []}


def test_a_given_exception_or_stack_wins(events: Events) -> None:
    try:
        raise ValueError("handled")
    except ValueError:
        log_error("shop", "given", exception=KeyError("given"))
        log_error("shop", "as text", stack="at render (app.js:1)")
    assert [one["type"] for one in events[0]["context"]["exceptions"]] == ["KeyError"]
    assert events[1]["stack"] == "at render (app.js:1)"
    assert "exceptions" not in events[1]["context"]


def test_a_stack_as_text_is_read(events: Events) -> None:
    text = f'Traceback (most recent call last):\n  File "{__file__}", line 3, in f\n    x\nshop.Declined: no funds'
    log_error("shop", "failed elsewhere", stack=text)
    (event,) = events
    assert event["stack"] == text
    (one,) = event["context"]["exceptions"]
    assert (one["type"], one["value"], one["frames"][0]["function"]) == ("shop.Declined", "no funds", "f")


def test_long_texts_are_cut(events: Events) -> None:
    log_error("shop", "m" * 1_000_000, stack="s" * 1_000_000, path="p" * 1_000_000)
    (event,) = events
    assert len(event["message"]) < 9_000
    assert len(event["stack"]) < 70_000
    assert "characters cut" in event["message"]


# -- log_exception ------------------------------------------------------------------------------------------------


def test_the_signatures_that_services_rely_on() -> None:
    assert list(inspect.signature(log_exception).parameters)[:3] == ["exc", "service", "severity"]
    assert list(inspect.signature(log_error).parameters)[:3] == ["service", "message", "severity"]
    for function in (log_error, log_exception):
        kinds = [one.kind for one in inspect.signature(function).parameters.values()][3:]
        assert set(kinds) == {inspect.Parameter.KEYWORD_ONLY}
    assert set(levqor_errors.__all__) <= set(dir(levqor_errors))


def test_log_exception(events: Events) -> None:
    try:
        raise ValueError("v")
    except ValueError as error:
        first = log_exception(error, service="checkout")
    second = log_exception(KeyError("never raised"), "shop", "critical", message="with words", path="/pay")
    assert [event["event_id"] for event in events] == [first, second]
    one, other = events
    assert (one["service"], one["severity"], one["message"]) == ("checkout", "error", "ValueError: v")
    assert (other["service"], other["severity"], other["message"]) == ("shop", "critical", "with words")
    assert other["path_or_screen"] == "/pay"


def test_log_exception_of_the_one_being_handled(events: Events) -> None:
    try:
        raise ValueError
    except ValueError:
        log_exception()
    assert [event["message"] for event in events] == ["ValueError"]


def test_log_exception_without_one_warns(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    assert log_exception() is None
    assert events == []
    (warning,) = warnings_of(caplog)
    assert "without an exception" in warning


# -- delivery -----------------------------------------------------------------------------------------------------


def test_the_ids_given_are_the_ids_stored(collector_url: str, database: Path, tmp_path: Path) -> None:
    init(url=collector_url, spool_dir=tmp_path / "spool", service="shop")
    ids = [log_error(None, f"number {number}") for number in range(50)]
    try:
        raise ValueError("v")
    except ValueError as error:
        ids.append(log_exception(error))
    assert flush(30)
    assert event_ids(database) == ids
    assert rows(database, "SELECT DISTINCT service, source FROM error_events") == [("shop", "backend")]
    assert stats() == {"recorded": 51, "delivered": 51, "waiting_bytes": 0}


def test_stats_while_nobody_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with refusing() as url:
        init(url=url, spool_dir=tmp_path / "spool")
        assert stats() == {"recorded": 0, "delivered": 0, "waiting_bytes": 0}
        for _ in range(10):
            log_error("shop", "x")
        assert flush(0.2) is False
        counts = stats()
    assert (counts["recorded"], counts["delivered"]) == (10, 0)
    assert counts["waiting_bytes"] > 1_000
    # Said once, however often it is tried.
    assert len(warnings_of(caplog)) == 1


def test_flush_with_nothing_to_deliver(collector_url: str, tmp_path: Path) -> None:
    init(url=collector_url, spool_dir=tmp_path / "spool")
    assert flush(30) is True


def test_losses_are_told_at_the_collector(collector_url: str, database: Path, tmp_path: Path) -> None:
    init(url=collector_url, spool_dir=tmp_path / "spool", service="shop", before_send=_fails_on_secrets)
    log_error(None, "secret")
    log_error(None, "public")
    assert flush(30)
    wait_until(lambda: len(event_ids(database)) == 2)
    told = rows(database, "SELECT service, severity, json_extract(context, '$.losses') FROM error_events "
                          "WHERE message LIKE 'the client%'")  # fmt: skip
    assert told == [("shop", "warning", '{"before_send_failed":1}')]


def _fails_on_secrets(event: dict[str, Any]) -> dict[str, Any]:
    if event["message"] == "secret":
        raise ValueError
    return event


def test_from_many_threads_at_once(events: Events) -> None:
    ids: list[str | None] = []

    def work(number: int) -> None:
        ids.extend([log_error("shop", f"{number} {count}") for count in range(100)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({*ids}) == len(events) == 800
    assert {event["event_id"] for event in events} == {*ids}


@pytest.mark.parametrize(
    "call",
    [
        lambda: log_error("shop", "x", extra=5),  # type: ignore[arg-type]
        lambda: log_error("shop", "x", extra=["a"]),  # type: ignore[arg-type]
        lambda: log_error("shop", "x", exception="no exception"),  # type: ignore[arg-type]
        lambda: log_exception("no exception", "shop"),  # type: ignore[arg-type]
        lambda: log_exception(ValueError, "shop"),  # type: ignore[arg-type]
        lambda: log_error(None, None, None),  # type: ignore[arg-type]
    ],
)
def test_arguments_of_wrong_types_still_make_an_event(call: Callable[[], str | None], events: Events) -> None:
    assert call() is not None
    assert len(events) == 1


def test_wrong_calls_around_an_event_do_nothing(events: Events) -> None:
    levqor_errors.set_user(5)  # type: ignore[arg-type]
    levqor_errors.add_breadcrumb(None, category=5, level=None, data=["a"])  # type: ignore[arg-type]
    levqor_errors.set_tag(None, None)  # type: ignore[arg-type]
    log_error("shop", "x")
    assert len(events) == 1
    assert events[0]["user_email"] == "5"


def test_what_cannot_be_taken_is_told_once_and_counted(
    events: Events, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the client's own: it is not the host's."""

    def broken(*arguments: object) -> None:
        raise RuntimeError("a fault of the client's own")

    monkeypatch.setattr(current_client(), "_append", broken)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert log_error("shop", "x") is None
    assert len(warnings_of(caplog)) == 1
    monkeypatch.undo()
    assert stats()["lost_internal"] == 3
