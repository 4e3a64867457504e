"""`init()`: what of it cannot be used is warned about and no more, and what wins over what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from client_support import spool_lines, warnings_of
from levqor_errors import flush, init, log_error
from levqor_errors.client.api import current_client
from levqor_errors.testing import capture_events
from support import event_ids, wait_until

# About the client: which database its events end in does not matter.
pytestmark = pytest.mark.sqlite


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
