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
KEY_CHARS: Final = 200
#: No shorter text is a secret by its look.
_SECRET_CHARS: Final = 10
_CARD_LOWEST: Final = 10**12
_CARD_ABOVE: Final = 10**19


class Snapshot:
    """Takes pictures for one event; all of them share its bounds.

    Args:
        redactor: what is secret.
    """

    def __init__(self, redactor: Redactor, chars: int = CHARS) -> None:
        self._redactor = redactor
        self._nodes = NODES
        self._chars = chars
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
            return self._integer(value)  # type: ignore[arg-type]
        if kind is float:
            return value
        # By its type: isinstance() asks the object itself for its class.
        if issubclass(kind, (Mapping, list, tuple, Set)):
            return self._container(value, depth)
        if kind is bytes or kind is bytearray:
            return self.text(repr(bytes(value[:TEXT_CHARS])))  # type: ignore[index]
        return self.text(safe_repr(value))

    def _integer(self, value: int) -> object:
        if _CARD_LOWEST <= value < _CARD_ABOVE and self._redactor.text(str(value)) == REDACTED:
            return REDACTED
        return value if value.bit_length() <= _INTEGER_BITS else self.text(f"<int of {value.bit_length()} bits>")

    def text(self, text: str) -> str:
        """A text, cut and without secrets. Cut first: a pattern's time grows with the text."""
        if self._chars <= 0:
            return "<cut>"
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
            if len(result) >= BREADTH or self._nodes < 0 or self._chars <= 0:
                result["…"] = f"<{len(value) - len(result)} more>"
                break
            name = _name(key)
            shown = self._redactor.text(name) if len(name) >= _SECRET_CHARS else name
            self._chars -= len(shown)
            result[shown] = self._redacted() if self._redactor.is_secret(name) else self.of(item, depth + 1)
        return result

    def _sequence(self, value: Any, depth: int) -> list[Any]:
        result: list[Any] = []
        for item in value:
            if len(result) >= BREADTH or self._nodes < 0 or self._chars <= 0:
                result.append(f"<{len(value) - len(result)} more>")
                break
            result.append(self._pair(item) or self.of(item, depth + 1))
        return result

    def _pair(self, item: Any) -> list[Any] | None:
        """A name and a secret, as headers and forms are kept: in a list of pairs."""
        if type(item) in (tuple, list) and len(item) == 2 and type(item[0]) in (str, bytes):
            name = _name(item[0])
            if self._redactor.is_secret(name):
                # The pair itself and the name.
                self._nodes -= 2
                return [self.text(name), self._redacted()]
        return None

    def _redacted(self) -> str:
        """In a secret's place; it counts as any other value, since there may be many."""
        self._nodes -= 1
        self._chars -= len(REDACTED)
        return REDACTED


def _name(key: object) -> str:
    if type(key) is str:
        return key[:KEY_CHARS]
    return bytes(key[:KEY_CHARS]).decode("latin-1") if type(key) is bytes else safe_str(key)[:KEY_CHARS]


def safe_repr(value: object) -> str:
    """`repr(value)`, whatever its `__repr__` does."""
    try:
        # A __repr__ may return a subclass of str, which may lie about itself; this makes it a plain one.
        return str.__str__(repr(value))
    except Exception as error:  # noqa: BLE001 - a stranger's __repr__ may raise anything
        return f"<{type(value).__name__[:200]} whose __repr__ raised {type(error).__name__[:200]}>"
