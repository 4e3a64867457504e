"""The gate: whatever is sent becomes an event within every limit, or an error that names the field at fault."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from event_support import FIELDS, NOW, OURS, TEXT_LIMITS, assert_past_the_gate
from levqor_errors.errors import InvalidEventError
from levqor_errors.event import ErrorEvent, normalize
from levqor_errors.grouping import group
from levqor_errors.severity import SEVERITY_ALIASES

QUICK = settings(deadline=None, database=None, derandomize=True)
CHARACTERS = st.characters()
TEXTS = st.text(CHARACTERS, max_size=20) | st.builds(
    lambda text, times: text * times, st.text(CHARACTERS, max_size=5), st.integers(0, 20_000)
)
#: Not over what Python itself turns into digits: a test that fails has to show its input.
INTEGERS = st.integers() | st.integers(-14_000, 14_000).map(lambda bits: (1 if bits > 0 else -1) << abs(bits))
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats() | TEXTS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(CHARACTERS, max_size=5), values, max_size=4),
    max_leaves=15,
)
OPTIONAL: dict[str, st.SearchStrategy[object]] = {
    **dict.fromkeys((field for field in TEXT_LIMITS if field != "message"), TEXTS),
    "event_id": st.uuids().map(str),
    "created_at": st.floats(-6e10, 2e11)
    | st.integers(-6 * 10**10, 2 * 10**11)
    | st.datetimes().map(datetime.isoformat),
    "source": st.sampled_from(["backend", "frontend"]),
    "severity": st.sampled_from(list(SEVERITY_ALIASES)),
    "fingerprint": TEXTS | st.lists(TEXTS, max_size=5),
    "context": st.dictionaries(st.sampled_from(["exceptions", "extra", "a", "…"]), JSON),
}


def checked_or_refused(raw: object) -> ErrorEvent | InvalidEventError:
    """What the gate makes of it; anything else that it raises is a failure."""
    try:
        return normalize(raw, received_at=NOW)
    except InvalidEventError as error:
        return error


#: Mostly right, so that most of them come past the first field.
EVENTS = st.builds(
    lambda right, wrong, message: {**right, **wrong, "message": message},
    st.fixed_dictionaries({}, optional=OPTIONAL),
    st.dictionaries(
        st.sampled_from([*FIELDS, *OURS, "other", "…"]) | st.text(CHARACTERS, max_size=5), JSON, max_size=2
    ),
    st.text(CHARACTERS, min_size=1) | JSON,
)


@settings(QUICK, max_examples=400)
@given(EVENTS | JSON)
def test_any_json_is_an_event_within_all_limits_or_an_error_that_names_the_field(raw: Any) -> None:
    checked = checked_or_refused(raw)
    if isinstance(checked, InvalidEventError):
        assert checked.field in FIELDS or (checked.field == "an event" and not isinstance(raw, dict))
        assert str(checked).startswith(checked.field)
        return
    assert_past_the_gate(checked)
    assert checked.sender_id is (raw.get("event_id") is not None)
    group(checked)


@settings(QUICK, max_examples=200)
@given(st.fixed_dictionaries({"message": TEXTS.map("it failed {}".format)}, optional=OPTIONAL))
def test_an_event_of_the_right_kinds_is_always_taken(raw: dict[str, Any]) -> None:
    assert_past_the_gate(normalize(raw, received_at=NOW))


@settings(QUICK, max_examples=200)
@given(EVENTS)
def test_the_gate_changes_nothing_the_second_time(raw: dict[str, Any]) -> None:
    """An event that is exported and imported, or relayed, stays what it was."""
    first = checked_or_refused(raw)
    if isinstance(first, InvalidEventError):
        return
    read = {field: getattr(first, field) for field in FIELDS}
    again = normalize(json.loads(json.dumps(read)), received_at=NOW)
    assert again == first._replace(sender_id=True)
