"""What tests of grouping share: events of a message or of exceptions, whatever else somebody may send, and what
the owner chooses."""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from levqor_errors.event import ErrorEvent, normalize
from levqor_errors.grouping import TITLE_CHARS, Group, group
from levqor_errors.grouping_explained import explain, rule_for
from levqor_errors.grouping_rules import Grouper, Rule

NOW = datetime(2026, 11, 23, 13, 5, 39, tzinfo=timezone.utc)
QUICK = settings(deadline=None, database=None, derandomize=True)


def event(**fields: Any) -> ErrorEvent:
    """The event of a message and these fields."""
    return normalize({"message": "it failed", **fields}, received_at=NOW)


def frame(function: str = "pay", line: int = 7, **more: Any) -> dict[str, Any]:
    """A frame as our clients send it."""
    return {
        "file": "/srv/shop/cart.py",
        "module": "shop.cart",
        "function": function,
        "line": line,
        "in_app": True,
        **more,
    }


def exception(kind: str = "ValueError", value: str = "it failed", frames: Any = None) -> dict[str, Any]:
    """An exception as our clients send it."""
    return {"type": kind, "value": value, "frames": [frame()] if frames is None else list(frames)}


def raised(*exceptions: Any, **fields: Any) -> ErrorEvent:
    """The event of a chain of exceptions."""
    return event(context={"exceptions": list(exceptions)}, **fields)


def same_issue(*events: ErrorEvent) -> bool:
    """Whether all of them are one issue."""
    return len({group(one).fingerprint for one in events}) == 1


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=4), values, max_size=4),
    max_leaves=8,
)
FRAMES = (
    st.fixed_dictionaries(
        {},
        optional={
            "module": JSON,
            "file": JSON,
            "function": st.sampled_from(["a", "add"]) | JSON,
            "line": JSON,
            "column": JSON,
            "in_app": JSON,
        },
    )
    | JSON
)
EXCEPTIONS = (
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.text(st.characters()) | JSON,
            "value": JSON,
            "frames": st.lists(FRAMES, max_size=10) | JSON,
        },
    )
    | JSON
)
CONTEXTS = st.fixed_dictionaries(
    {}, optional={"exceptions": st.lists(EXCEPTIONS, max_size=12) | JSON, "message_template": JSON, "other": JSON}
)
PARTS = st.lists(st.text(st.characters(), max_size=8), max_size=4)


def normalized(message: str, context: dict[str, Any], parts: list[str]) -> ErrorEvent:
    """The event of whatever somebody sends."""
    return normalize({"message": message, "context": context, "fingerprint": parts}, received_at=NOW)


def assert_usable(result: Group) -> None:
    """What the storage and the pages rely on."""
    assert len(result.fingerprint) == 32
    assert set(result.fingerprint) <= set(string.hexdigits.lower())
    assert 0 < len(result.title) <= TITLE_CHARS
    for text in (result.title, *result.parts):
        text.encode("utf-8")
        assert "\0" not in text
    json.dumps(result.parts)


def chosen(checked: ErrorEvent, position: int, treat: str, rules: Sequence[Rule] = ()) -> list[Rule]:
    """The rules after the owner has chosen something for a part of an event's group."""
    rule = rule_for(explain(Grouper(rules), checked), position, treat)
    return [*rules, rule._replace(id=len(rules) + 1)]


def issues(rules: Iterable[Rule], *events: ErrorEvent) -> int:
    """How many issues these events are by some rules."""
    grouper = Grouper(rules)
    return len({grouper.group(one).fingerprint for one in events})
