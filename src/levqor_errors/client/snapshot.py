"""A picture of any object, as JSON can carry it, taken on the caller's thread: bounded and without secrets.

Objects change after the call, and belong to strangers: their `repr` may raise, take long, or return a hundred
megabytes. Depth, breadth, values, characters and time are bounded for one event as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from typing import Any, Final

from ..redact import REDACTED, Redactor
from .capture import safe_str

DEPTH: Final = 8
BREADTH: Final = 100
NODES: Final = 2_000
CHARS: Final = 100_000
TEXT_CHARS: Final = 4_096
#: Checked between values: a single slow `repr` cannot be interrupted, but it is the last one.
SECONDS: Final = 0.02
#: JavaScript and SQLite end here; longer integers go as text.
_INTEGER_BITS: Final = 63


class Snapshot:
    """Takes pictures for one event; all of them share its bounds.

    Args:
        redactor: what is secret.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._nodes = NODES
        self._chars = CHARS
        self._deadline = time.monotonic() + SECONDS
        self._path: set[int] = set()

    def of(self, value: object, depth: int = 0) -> Any:
        """The picture of a value."""
        self._nodes -= 1
        if value is None or value is True or value is False:
            return value
        if self._nodes < 0 or self._chars < 0 or time.monotonic() > self._deadline:
            return "<cut>"
        kind = type(value)
        if kind is str:
            return self.text(value)  # type: ignore[arg-type]
        if kind is int:
            return value if value.bit_length() <= _INTEGER_BITS else f"<int of {value.bit_length()} bits>"  # type: ignore[attr-defined]
        if kind is float:
            return value
        if isinstance(value, (Mapping, list, tuple, Set)):
            return self._container(value, depth)
        if isinstance(value, (bytes, bytearray)):
            return self.text(repr(bytes(value[:TEXT_CHARS])))
        return self.text(safe_repr(value))

    def text(self, text: str) -> str:
        """A text, cut and without secrets. Cut first: a pattern's time grows with the text."""
        if len(text) > TEXT_CHARS:
            text = f"{text[:TEXT_CHARS]}… <{len(text) - TEXT_CHARS} characters cut>"
        self._chars -= len(text)
        return self._redactor.text(text)

    def _container(self, value: Any, depth: int) -> Any:
        if depth >= DEPTH:
            return f"<{type(value).__name__}, too deep>"
        if id(value) in self._path:
            return f"<{type(value).__name__} that contains itself>"
        self._path.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            return self._sequence(value, depth)
        except Exception as error:  # noqa: BLE001 - a stranger's container may raise anything when it is walked
            return f"<{type(value).__name__} that raised {type(error).__name__}>"
        finally:
            self._path.discard(id(value))

    def _mapping(self, value: Mapping[Any, object], depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in value.items():
            if len(result) >= BREADTH or self._nodes < 0:
                result["…"] = f"<{len(value) - len(result)} more>"
                break
            name = key if type(key) is str else safe_str(key)
            name = name[:200]
            self._chars -= len(name)
            result[name] = REDACTED if self._redactor.is_secret(name) else self.of(item, depth + 1)
        return result

    def _sequence(self, value: Any, depth: int) -> list[Any]:
        result: list[Any] = []
        for item in value:
            if len(result) >= BREADTH or self._nodes < 0:
                result.append(f"<{len(value) - len(result)} more>")
                break
            result.append(self.of(item, depth + 1))
        return result


def safe_repr(value: object) -> str:
    """`repr(value)`, whatever its `__repr__` does."""
    try:
        return str(repr(value))
    except Exception as error:  # noqa: BLE001 - a stranger's __repr__ may raise anything
        return f"<{type(value).__name__} whose __repr__ raised {type(error).__name__}>"
