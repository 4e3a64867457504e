"""Objects that do what no caller expects: as messages, extras and whatever else may be anything."""

from __future__ import annotations

import collections
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: An event has less, whatever is in it.
LINE_BYTES = 1_000_000


def size(event: Mapping[str, Any]) -> int:
    return len(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))


class Raises:
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class Recurses:
    def __str__(self) -> str:
        return f"{self}"

    __repr__ = __str__


class Slow:
    shown = 0

    def __str__(self) -> str:
        Slow.shown += 1
        time.sleep(0.005)
        return "slow"

    __repr__ = __str__


class Huge:
    def __str__(self) -> str:
        return "x" * 100_000_000

    __repr__ = __str__


class Text(str):
    """A text that lies about itself in every way that cutting, searching or joining could ask for."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> str:
        raise ValueError("no part of it")

    def __iter__(self) -> Iterator[str]:
        raise ValueError("no characters")

    def __format__(self, spec: str) -> str:
        raise ValueError("no format")

    def lower(self) -> str:
        raise ValueError("no lower case")

    def __str__(self) -> str:
        return self


class ReturnsText:
    def __str__(self) -> str:
        return Text("x" * 2_000_000)

    __repr__ = __str__


class ReturnsNumber:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]

    __repr__ = __str__


class Classless:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise ValueError("no class")


class NoTruth:
    def __bool__(self) -> bool:
        raise ValueError("neither true nor false")

    __len__ = __bool__


class Itemless(dict[str, object]):
    def items(self) -> Any:
        raise ValueError("no items")


class Lengthless(dict[str, object]):
    def __len__(self) -> int:
        raise ValueError("no length")


class Endless(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return map(str, itertools.count())

    def __len__(self) -> int:
        return sys.maxsize


def nested(wrap: Callable[[Any], Any], depth: int = 10_000) -> Any:
    value: Any = "the innermost"
    for _ in range(depth):
        value = wrap(value)
    return value


def cyclic_list() -> list[Any]:
    value: list[Any] = [1]
    value.append(value)
    return value


def cyclic_dict() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["itself"] = [value]
    return value


#: Made when they are needed: some take a hundred megabytes.
OBJECTS: dict[str, Callable[[], Any]] = {
    "str raises": Raises,
    "str recurses": Recurses,
    "slow": Slow,
    "100 MB": Huge,
    "a str subclass": lambda: Text("sneaky"),
    "a str subclass from __str__": ReturnsText,
    "not a str from __str__": ReturnsNumber,
    "no class": Classless,
    "no truth": NoTruth,
    "lone surrogates": lambda: "half a pair: \ud800 and \udfff",
    "NUL and newlines": lambda: "a\x00b\nc\r\u2028d",
    "100 MB of text": lambda: "é" * 50_000_000,
    "emoji": lambda: "\N{COLLISION SYMBOL}" * 1_000_000,
    "bytes": lambda: b"\xff\x00" * 5_000_000,
    "a cyclic list": cyclic_list,
    "a cyclic dict": cyclic_dict,
    "a million items": lambda: list(range(1_000_000)),
    "a million entries": lambda: dict.fromkeys(range(1_000_000), "x"),
    "lists, 10,000 deep": lambda: nested(lambda inner: [inner]),
    "dicts, 10,000 deep": lambda: nested(lambda inner: {"inner": inner}),
    "tuples of dicts, 10,000 deep": lambda: nested(lambda inner: ({"inner": inner},)),
    "no items": lambda: Itemless(a=1),
    "no length": lambda: Lengthless(a=1),
    "no end": Endless,
    "an endless generator": itertools.count,
    "NaN and infinities": lambda: [float("nan"), float("inf"), -float("inf")],
    "huge integers": lambda: [10**5_000, -(10**5_000), 2**63, 2**64, -(2**63)],
    "sets": lambda: {frozenset({1, "a"}), b"b", None},
    "keys of all kinds": lambda: {1: 1, None: 2, (1, 2): 3, b"\xff": 4, 1.5: 5, False: 6, Raises(): 7, "\ud800": 8},
    "a deque": lambda: collections.deque([1, 2, 3]),
    "a huge key": lambda: {"k" * 10_000_000: 1},
    "many long texts": lambda: [[["x" * 4_000] * 100] * 10] * 10,
    "many long emoji texts": lambda: {str(n): "\N{COLLISION SYMBOL}" * 4_000 for n in range(100)},
    "long keys": lambda: {f"{n} {'k' * 10_000}": {f"{m} {'k' * 10_000}": 1 for m in range(100)} for n in range(100)},
    "a class": lambda: Raises,
    "a module": lambda: sys,
    "strangers in a list": lambda: [Raises(), Recurses(), ReturnsText(), ReturnsNumber(), NoTruth()],
}
