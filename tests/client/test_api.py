"""What services call: what it takes, what it gives back, and that it never raises."""

from __future__ import annotations

import inspect
import logging
import random
import re
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import levqor_errors
from client_support import refusing, spool_lines
from levqor_errors import flush, init, log_error, log_exception, stats
from levqor_errors.client.api import current_client
from levqor_errors.severity import SEVERITY_ALIASES
from levqor_errors.testing import capture_events
from support import event_ids, rows, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite

Events = list[dict[str, Any]]
CLIENT_LOGGER = "levqor_errors.client"


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == CLIENT_LOGGER]


# -- init ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "nonsense"},
        {"url": "ftp://example.com"},
        {"url": "http://"},
        {"url": "http://host:99999"},
        {"url": "http://[::1"},
        {"url": 5},
        {"url": object()},
        {"spool_dir": 5},
        {"key": 5},
        {"key": "a key\r\nX-Internal-Secret: guessed"},
        {"key": "short"},
        {"sample_rate": 2},
        {"sample_rate": -0.1},
        {"sample_rate": "half"},
        {"sample_rate": float("nan")},
        {"sample_rate": {"info": 2}},
        {"sample_rate": {"loud": 0.5}},
        {"sample_rate": {5: 0.5}},
        {"flood_limit": 0},
        {"flood_limit": -5},
        {"flood_limit": 1.5},
        {"flood_limit": "many"},
        {"before_send": 5},
        {"redact_keys": [5]},
        {"redact_keys": None},
        {"redact_patterns": ["("]},
        {"redact_patterns": [5]},
        {"redact_patterns": None},
        {"redact_patterns": 5},
    ],
    ids=lambda options: re.sub(r" at 0x\w+", "", repr(options)),
)
def test_what_cannot_be_used_is_warned_about_and_no_more(
    wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    init(service="shop", **wrong)
    (warning,) = warnings_of(caplog)
    # It says which, and not the value, which may be a secret.
    (name,) = wrong
    assert name.partition("_")[0] in warning.lower()
    with capture_events() as events:
        assert log_error(None, "it broke", "info") is not None
    assert [(event["service"], event["message"]) for event in events] == [("shop", "it broke")]


def test_a_wrong_variable_is_warned_about_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LEVQOR_ERRORS_URL", "nonsense")
    monkeypatch.setenv("LEVQOR_ERRORS_SERVICE", "shop")
    with capture_events() as events:
        log_error(None, "it broke")
    assert len(warnings_of(caplog)) == 1
    assert events[0]["service"] == "shop"


def test_a_wrong_key_is_warned_about_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LEVQOR_ERRORS_KEY", "not a key")
    monkeypatch.setenv("LEVQOR_ERRORS_SERVICE", "shop")
    used = current_client().settings
    (warning,) = warnings_of(caplog)
    assert "LEVQOR_ERRORS_KEY" in warning
    assert "not a key" not in warning
    assert (used.key, used.service) == (None, "shop")


def test_a_wrong_address_leaves_all_else_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A directory that the service may write, and the name that it goes by, are right whatever the address is."""
    monkeypatch.setenv("LEVQOR_ERRORS_SERVICE", "shop")
    monkeypatch.setenv("LEVQOR_ERRORS_ENVIRONMENT", "staging")
    monkeypatch.setenv("LEVQOR_ERRORS_RELEASE", "1.2")
    monkeypatch.setenv("LEVQOR_ERRORS_SPOOL_DIR", str(tmp_path / "spool"))
    init(url="nonsense")
    used = current_client().settings
    assert (used.service, used.environment, used.release) == ("shop", "staging", "1.2")
    assert used.spool_dir == tmp_path / "spool"
    assert used.url == "http://127.0.0.1:8000"


def test_a_wrong_option_leaves_the_others_as_they_are() -> None:
    """Above all those that hide secrets."""
    init(
        flood_limit=0,
        sample_rate={"info": 0.0},
        redact_keys=["iban"],
        before_send=lambda event: event | {"release": "changed"},
    )
    with capture_events() as events:
        log_error("shop", "left out", "info")
        log_error("shop", "kept", extra={"iban": "DE02"})
    assert [event["message"] for event in events] == ["kept"]
    assert events[0]["release"] == "changed"
    assert events[0]["context"]["extra"] == {"iban": "[redacted]"}


@pytest.mark.parametrize(
    ("options", "text"), [({"redact_keys": "password"}, "{'sap': 'x'}"), ({"redact_patterns": "x+"}, "a + b")]
)
def test_a_text_where_several_are_expected_is_not_taken_letter_by_letter(options: dict[str, Any], text: str) -> None:
    init(**options)
    with capture_events() as events:
        log_error("shop", text, extra={"sap": "x y"})
    assert events[0]["message"] == text
    assert list(events[0]["context"]["extra"]) == ["sap"]
    assert "y" in events[0]["context"]["extra"]["sap"]


@pytest.mark.parametrize("key", ["", "-", " "])
def test_a_key_without_letters_makes_nothing_secret(key: str) -> None:
    init(redact_keys=[key])
    with capture_events() as events:
        log_error("shop", "x", extra={"order": 5})
    assert events[0]["context"]["extra"] == {"order": 5}


@pytest.mark.parametrize("url", ["http://exa mple", "http://ex\u00e4mple..com", "http://a" + "b" * 300, "http://-"])
def test_an_address_that_only_the_network_refuses(url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The shipper's thread lives on: pytest fails this test if it does not."""
    init(url=url, spool_dir=tmp_path / "spool")
    assert log_error("shop", "it broke") is not None
    assert flush(0.5) is False
    assert len(warnings_of(caplog)) == 1
    assert len(spool_lines(tmp_path / "spool")) == 1


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVQOR_ERRORS_SERVICE", "from-the-environment")
    monkeypatch.setenv("LEVQOR_ERRORS_RELEASE", "1.0")
    init(service="given", environment="staging")
    with capture_events() as events:
        log_error(None, "x")
        log_error("in the call", "y")
    first, second = events
    assert (first["service"], first["environment"], first["release"]) == ("given", "staging", "1.0")
    assert second["service"] == "in the call"


def test_init_again_replaces_the_client_and_loses_nothing(collector_url: str, database: Path, tmp_path: Path) -> None:
    ids = []
    for number in range(3):
        init(url=collector_url, spool_dir=tmp_path / "spool", service=f"service {number}")
        ids.append(log_error(None, "x"))
    assert flush(30)
    wait_until(lambda: len(event_ids(database)) == 3)
    assert sorted(event_ids(database)) == sorted(map(str, ids))


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


# -- what is left out ---------------------------------------------------------------------------------------------


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
