"""Cleaning of what strangers send: texts, and JSON values of any shape. No I/O, no opinion on what an event is.

`event.normalize` is the caller. What is over a bound is cut and a mark says so; nothing here raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sized
from typing import Any, Final

from . import limits

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def clean_text(text: str, most: int) -> str:
    """`text` as both databases can store it, cut in the middle to `most` characters.

    NUL (PostgreSQL refuses it) and lone surrogates (UTF-8 cannot carry them) become U+FFFD. The middle is what goes,
    because a message says what happened at its start and a stack says where at its end.
    """
    length = len(text)
    if length > most:
        mark = _cut_mark(length - most)
        keep = max(most - len(mark), 0)
        head = (keep + 1) // 2
        text = (text[:head] + mark + text[length - (keep - head) :])[:most]
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub(_REPLACEMENT, text)


def _cut_mark(excess: int) -> str:
    """What stands where so many characters were too many. It takes room too, and reports what had to go for it as well;
    that number may be a digit longer, and take more room again."""
    mark = ""
    while len(longer := f" … {excess + len(mark)} characters cut … ") != len(mark):
        mark = longer
    return longer


def clean_object(value: Mapping[str, object], *, plain: bool = False) -> dict[str, Any]:
    """A JSON object within the bounds of `limits`: depth, breadth, values, characters, numbers.

    Args:
        value: what to clean; it is not changed.
        plain: that no text in it holds NUL or a lone surrogate, and that nobody else has it. One that is within all
            bounds, as nearly all are, is then given back as it is.
    """
    if plain and type(value) is dict and _within_bounds(value):
        return value
    cleaned: dict[str, Any] = _Cleaner().clean(value, 0)
    return cleaned


def _within_bounds(value: dict[str, Any]) -> bool:
    """Whether `_Cleaner` would change nothing but unstorable characters. One pass by levels, without a call for each
    value: this is most of what the gate costs."""
    nodes = chars = depth = 0
    level: list[Any] = [value]
    while level:
        if depth >= limits.CONTEXT_DEPTH:
            return False
        below: list[Any] = []
        for container in level:
            size = len(container)
            if size > limits.CONTEXT_BREADTH:
                return False
            nodes += size
            items = container
            if type(container) is dict:
                items = container.values()
                for key in container:
                    size = len(key)
                    if size > limits.CONTEXT_KEY_CHARS:
                        return False
                    chars += size
            for item in items:
                kind = type(item)
                if kind is str:
                    size = len(item)
                    if size > limits.CONTEXT_TEXT_CHARS:
                        return False
                    chars += size
                elif kind is dict or kind is list:
                    below.append(item)
                elif kind is int:
                    if not -limits.INTEGER_MAX <= item <= limits.INTEGER_MAX:
                        return False
                elif kind is float:
                    if not math.isfinite(item):
                        return False
                elif kind is not bool and item is not None:
                    return False
        level = below
        depth += 1
    # One of each to spare: the cleaner counts the outermost object too.
    return nodes < limits.CONTEXT_NODES - 1 and chars < limits.CONTEXT_CHARS - 1


class _Cleaner:
    """One walk over one value; the budgets are for the whole of it."""

    def __init__(self) -> None:
        self.nodes = limits.CONTEXT_NODES
        self.chars = limits.CONTEXT_CHARS

    def clean(self, value: object, depth: int) -> Any:
        self.nodes -= 1
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self.text(value, limits.CONTEXT_TEXT_CHARS)
        if isinstance(value, int):
            if -limits.INTEGER_MAX <= value <= limits.INTEGER_MAX:
                return int(value)
            # str() of a huge integer raises past 4,300 digits, and takes quadratic time before that.
            bits = value.bit_length()
            return self.text(str(value) if bits < 4096 else f"… an integer of {bits} bits …", limits.CONTEXT_TEXT_CHARS)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return self.sequence(value, depth)
        return f"… a value of type {type(value).__name__} …"

    def text(self, text: str, most: int) -> str:
        if self.chars <= 0:
            return "…"
        cleaned = clean_text(text, min(most, max(self.chars, 64)))
        self.chars -= len(cleaned)
        return cleaned

    def mapping(self, value: Mapping[Any, object], depth: int) -> Any:
        if depth >= limits.CONTEXT_DEPTH:
            return f"… {len(value)} entries, too deep …"
        result: dict[str, Any] = {}
        most = _room(value)
        for key, item in value.items():
            if self.nodes <= 0 or self.chars <= 0 or len(result) >= most:
                result["…"] = f"{len(value) - len(result)} more entries cut"
                break
            name = key if isinstance(key, str) else str(key)
            result[self.text(name, limits.CONTEXT_KEY_CHARS)] = self.clean(item, depth + 1)
        return result

    def sequence(self, value: list[object] | tuple[object, ...], depth: int) -> Any:
        if depth >= limits.CONTEXT_DEPTH:
            return f"… {len(value)} items, too deep …"
        result: list[Any] = []
        most = _room(value)
        for item in value:
            if self.nodes <= 0 or self.chars <= 0 or len(result) >= most:
                result.append(f"… {len(value) - len(result)} more items cut …")
                break
            result.append(self.clean(item, depth + 1))
        return result


def _room(value: Sized) -> int:
    """How many entries are kept. Where some are cut the mark is one of them, so that cleaning again changes nothing."""
    return limits.CONTEXT_BREADTH if len(value) <= limits.CONTEXT_BREADTH else limits.CONTEXT_BREADTH - 1
