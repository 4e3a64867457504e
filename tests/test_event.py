"""The gate: a sender's JSON becomes an event within every limit, or an error that names the field at fault."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import orjson
import pytest

from event_support import FIELDS, NOW, NOW_TEXT, OURS, TEXT_LIMITS, assert_past_the_gate
from levqor_errors import instants, limits
from levqor_errors.errors import InvalidEventError, LevqorError
from levqor_errors.event import ErrorEvent, Source, normalize
from levqor_errors.severity import DEFAULT_SERVICE, SEVERITY_ALIASES, Severity

ID = "0198f3a2-1b2c-7d3e-8f40-123456789abc"


def event(**fields: Any) -> ErrorEvent:
    """The event of a message and these fields."""
    return normalize({"message": "it failed", **fields}, received_at=NOW)


# -- defaults ---------------------------------------------------------------------------------------------------------


def test_a_message_is_enough() -> None:
    checked = normalize({"message": "it failed"}, received_at=NOW)
    assert checked._replace(event_id=ID) == ErrorEvent(
        created_at=NOW_TEXT,
        source=Source.BACKEND,
        service=DEFAULT_SERVICE,
        path_or_screen=None,
        user_email=None,
        severity=Severity.ERROR,
        message="it failed",
        stack=None,
        event_id=ID,
        received_at=NOW_TEXT,
        environment=None,
        release=None,
        context={},
        fingerprint=(),
        sender_id=False,
    )
    assert_past_the_gate(checked)


def test_everything_that_is_given_is_kept() -> None:
    given_ = {
        "event_id": ID, "created_at": "2026-11-23T13:00:00.000Z", "source": "frontend", "service": "shop",
        "path_or_screen": "/cart", "user_email": "a@example.com", "severity": "critical", "message": "it failed",
        "stack": "line 1\nline 2", "environment": "production", "release": "1.2.3", "context": {"tags": {"a": 1}},
    }  # fmt: skip
    checked = normalize({**given_, "fingerprint": ["a", "b"]}, received_at=NOW)
    assert {field: getattr(checked, field) for field in given_} == given_
    assert checked.fingerprint == ("a", "b")
    assert checked.sender_id is True


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "message"])
def test_null_is_the_same_as_not_given(field: str) -> None:
    without = event(event_id=ID)
    assert event(**{"event_id": ID, field: None})._replace(event_id=ID, sender_id=True) == without


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n", "\u3000\u2028"])
@pytest.mark.parametrize("field", [field for field in TEXT_LIMITS if field != "message"])
def test_blank_is_the_same_as_not_given(field: str, blank: str) -> None:
    assert getattr(event(**{field: blank}), field) == (DEFAULT_SERVICE if field == "service" else None)


@pytest.mark.parametrize("field", OURS)
@pytest.mark.parametrize("value", [7, "7", None, [], {"a": 1}])
def test_what_the_collector_sets_is_not_listened_to(field: str, value: object) -> None:
    checked = event(**{"event_id": ID, field: value})
    assert checked == event(event_id=ID)


def test_an_event_can_be_given_back_as_it_was_read() -> None:
    first = event(event_id=ID, context={"a": [1]}, stack="x", release="1")
    read = {field: getattr(first, field) for field in (*FIELDS, "received_at")} | {"id": 7, "issue_id": 3}
    again = json.loads(json.dumps(read))
    assert normalize(again, received_at=NOW) == first


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, True, 7, 1.5, "message", b"", [], [{"message": "x"}], (), {1, 2}, object()])
def test_what_is_no_object_is_refused(raw: object) -> None:
    with pytest.raises(InvalidEventError, match="JSON object"):
        normalize(raw, received_at=NOW)


@pytest.mark.parametrize("message", [None, "", " ", "\n\t"])
def test_a_message_is_required(message: object) -> None:
    with pytest.raises(InvalidEventError, match=r"^message is required$"):
        normalize({"message": message}, received_at=NOW)
    with pytest.raises(InvalidEventError, match=r"^message is required$"):
        normalize({}, received_at=NOW)


WRONG: dict[str, list[object]] = {
    **{field: [True, 0, 7, 1.5, [], ["x"], {}, {"a": 1}, b"x"] for field in TEXT_LIMITS},
    "event_id": [True, 7, [], {}, "", "x", "0" * 31, "0" * 33, ID[:-1], f"{ID} ", "\ud800" * 32, "%s"],
    "created_at": [True, [], {}, "", "x", "2026-13-01", "\0", float("nan"), float("inf"), 1e300, 10**400, -(10**12)],
    "source": [True, 7, [], {}, "", "x", "server", "back end", "back\0end", "ba\ud800ckend", "backendbackend"],
    "severity": [True, 7, 1.5, [], {}, "", "x", "40", "error!", "err\0r", "\ud800", "errorerror"],
    "fingerprint": [True, 7, {}, {"a": "b"}, [7], ["a", None], [["a"]], [{}], ["a"] * (limits.FINGERPRINT_PARTS + 1)],
    "context": [True, 7, "", "x", [], [["a", 1]], ()],
}


@pytest.mark.parametrize("field", WRONG)
def test_what_is_of_the_wrong_kind_is_refused_by_name(field: str, subtests: pytest.Subtests) -> None:
    for value in WRONG[field]:
        with subtests.test(kind=type(value).__name__), pytest.raises(InvalidEventError) as caught:
            event(**{field: value})
        error = caught.value
        assert error.field == field
        assert str(error).startswith(f"{field} ")
        assert isinstance(error, LevqorError)
        # A sender's megabyte does not come back in the reason.
        assert len(str(error)) < 200


# -- each field -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "most"), TEXT_LIMITS.items())
def test_too_long_is_cut_and_says_so(field: str, most: int) -> None:
    assert getattr(event(**{field: "x" * most}), field) == "x" * most
    cut = getattr(event(**{field: "a" + "x" * most * 3 + "z"}), field)
    assert len(cut) <= most
    assert cut[0] == "a"
    assert cut[-1] == "z"
    assert " characters cut " in cut


@pytest.mark.parametrize("field", TEXT_LIMITS)
def test_what_cannot_be_stored_is_replaced(field: str) -> None:
    assert getattr(event(**{field: "a\0b\ud800c"}), field) == "a\ufffdb\ufffdc"
    assert getattr(event(**{field: "\0"}), field) == "\ufffd"


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        *((name, severity) for name, severity in SEVERITY_ALIASES.items()),
        *((name.upper(), severity) for name, severity in SEVERITY_ALIASES.items()),
        (" Error ", Severity.ERROR),
        ("Warning", Severity.WARNING),
        ("debug", Severity.INFO),
        ("DEBUG", Severity.INFO),
        ("warn", Severity.WARNING),
        ("fatal", Severity.CRITICAL),
        ("FATAL", Severity.CRITICAL),
        # Python's level names.
        ("INFO", Severity.INFO),
        ("WARNING", Severity.WARNING),
        ("ERROR", Severity.ERROR),
        ("CRITICAL", Severity.CRITICAL),
    ],
)
def test_severities_by_the_names_that_senders_use(name: str, severity: Severity) -> None:
    assert event(severity=name).severity is severity


def test_the_severities_are_the_four() -> None:
    assert [severity.value for severity in Severity] == ["info", "warning", "error", "critical"]


@pytest.mark.parametrize("name", ["backend", "frontend", "Backend", "FRONTEND", " backend\n"])
def test_sources(name: str) -> None:
    assert event(source=name).source.value == name.strip().lower()


@pytest.mark.parametrize("given_", [ID, ID.upper(), ID.replace("-", ""), ID.replace("-", "").upper()])
def test_an_event_id_is_kept_in_one_form(given_: str) -> None:
    checked = event(event_id=given_)
    assert checked.event_id == ID
    assert checked.sender_id is True


def test_without_an_event_id_each_gets_its_own() -> None:
    assert len({event().event_id for _ in range(100)}) == 100
    assert event().sender_id is False


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("2026-11-23T13:00:00Z", "2026-11-23T13:00:00.000Z"),
        ("2026-11-23T15:00:00+02:00", "2026-11-23T13:00:00.000Z"),
        ("2026-11-23T13:00:00.123456789Z", "2026-11-23T13:00:00.123Z"),
        ("2026-11-23 13:00:00", "2026-11-23T13:00:00.000Z"),
        ("2026-11-23", "2026-11-23T00:00:00.000Z"),
        (NOW.timestamp(), NOW_TEXT),
        (int(NOW.timestamp()), "2026-11-23T13:05:39.000Z"),
    ],
)
def test_the_sender_s_time_is_kept_in_one_form(given_: object, kept: str) -> None:
    checked = event(created_at=given_)
    assert checked.created_at == kept
    assert checked.context == {}


@pytest.mark.parametrize("seconds", [0, 1, limits.CLOCK_AHEAD_SECONDS, -1, -limits.CLOCK_BEHIND_SECONDS])
def test_a_clock_that_is_a_little_wrong_is_believed(seconds: int) -> None:
    claimed = instants.to_text(NOW + timedelta(seconds=seconds))
    checked = event(created_at=claimed)
    assert checked.created_at == claimed
    assert "claimed_created_at" not in checked.context


@pytest.mark.parametrize(
    "claimed",
    [
        instants.to_text(NOW + timedelta(seconds=limits.CLOCK_AHEAD_SECONDS + 1)),
        instants.to_text(NOW - timedelta(seconds=limits.CLOCK_BEHIND_SECONDS + 1)),
        "1970-01-01T00:00:00.000Z",
        "2999-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "1000-01-01T00:00:00.000Z",
        "0999-12-31T00:00:00.000Z",
        "0001-01-01T00:00:00.000Z",
    ],
)
def test_a_clock_that_is_far_off_is_not_believed_but_told(claimed: str) -> None:
    checked = event(created_at=claimed, context={"a": 1})
    assert checked.created_at == NOW_TEXT
    assert checked.context == {"a": 1, "claimed_created_at": claimed}
    assert_past_the_gate(checked)


@pytest.mark.parametrize("seconds", [0, -1, 1, 0.5, 1e11, -6e10])
def test_seconds_since_1970_that_are_far_off_are_told_too(seconds: float) -> None:
    checked = event(created_at=seconds)
    assert checked.created_at == NOW_TEXT
    assert instants.from_text(checked.context["claimed_created_at"]) == instants.from_epoch(seconds)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("one", ("one",)),
        (["one"], ("one",)),
        (["one", "two"], ("one", "two")),
        ([], ()),
        (["a\0", "\ud800"], ("a\ufffd", "\ufffd")),
        (["x"] * limits.FINGERPRINT_PARTS, ("x",) * limits.FINGERPRINT_PARTS),
    ],
)
def test_fingerprints(given_: object, kept: tuple[str, ...]) -> None:
    assert event(fingerprint=given_).fingerprint == kept


def test_a_long_fingerprint_part_is_cut() -> None:
    (part,) = event(fingerprint="x" * 10_000).fingerprint
    assert len(part) <= limits.FINGERPRINT_CHARS


@pytest.mark.parametrize(
    ("fields", "context"),
    [
        ({"context": {}}, {}),
        ({"context": {"a": {"b": [1, None, True]}}}, {"a": {"b": [1, None, True]}}),
        ({"order_id": 7}, {"extra": {"order_id": 7}}),
        ({"b": 1, "a": 2}, {"extra": {"b": 1, "a": 2}}),
        ({"order_id": 7, "context": {"tags": {}}}, {"tags": {}, "extra": {"order_id": 7}}),
        ({"a": 1, "context": {"extra": {"b": 2}}}, {"extra": {"b": 2, "a": 1}}),
        ({"a": 1, "context": {"extra": {"a": 2}}}, {"extra": {"a": 1}}),
        ({"a": 1, "context": {"extra": [2]}}, {"extra": {"extra": [2], "a": 1}}),
        ({"a": 1, "context": {"extra": None}}, {"extra": {"a": 1}}),
        ({"": 1}, {"extra": {"": 1}}),
        ({"__proto__": {"a": 1}}, {"extra": {"__proto__": {"a": 1}}}),
        ({"Message": "x", "messagE": "y"}, {"extra": {"Message": "x", "messagE": "y"}}),
        ({"\0": "\ud800"}, {"extra": {"\ufffd": "\ufffd"}}),
        ({"self": 1, "context": {"self": 2}}, {"self": 2, "extra": {"self": 1}}),
    ],
)
def test_fields_that_are_not_ours_are_kept_as_extra(fields: dict[str, Any], context: dict[str, Any]) -> None:
    checked = normalize({"message": "it failed", **fields}, received_at=NOW)
    assert checked.context == context
    # In the sender's order.
    assert orjson.dumps(checked.context) == orjson.dumps(context)


def test_the_sender_s_object_is_not_touched() -> None:
    raw = {"message": "x", "a": 1, "created_at": 0, "context": {"extra": {"b": ["\0"]}}}
    before = json.dumps(raw)
    normalize(raw, received_at=NOW)
    assert json.dumps(raw) == before
