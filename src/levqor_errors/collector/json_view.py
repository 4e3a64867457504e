"""Any JSON value as text that a page can show, and as the kind of value that was hoped for. Nothing here raises."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from ..clean import clean_text

#: Of a single value. What was cut is in the event's raw JSON.
_VALUE_CHARS: Final = 2_000
#: Lines of a source file, columns, numbers of frames: what is larger is none.
_NUMBER_MOST: Final = 10**9


class Pair(NamedTuple):
    """A fact and its name, which is empty where it has none."""

    name: str
    value: str


def shown(value: object) -> str:
    """A text as it is, nothing as nothing, all else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def pairs(value: object) -> tuple[Pair, ...]:
    """The entries of an object; of a list with their numbers; a single value without a name."""
    if isinstance(value, dict):
        entries = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        entries = [(str(index), one) for index, one in enumerate(value)]
    else:
        entries = [] if value in (None, "") else [("", value)]
    return tuple(Pair(name, clean_text(shown(one), _VALUE_CHARS)) for name, one in entries)


def mapped(value: object) -> dict[str, Any]:
    """An object; empty where it is none."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """A list; a value that should be one in a list of its own, so that it is seen."""
    if isinstance(value, list):
        return value
    return [] if value in (None, "", {}) else [value]


def number(value: object) -> int | None:
    """A whole number from 0 on; `None` where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _NUMBER_MOST else None
