"""Pictures of any object: JSON, within bounds, without secrets."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import math
import types
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levqor_errors.client import snapshot as module
from levqor_errors.client.snapshot import BREADTH, CHARS, DEPTH, NODES, TEXT_CHARS, Snapshot
from levqor_errors.redact import REDACTED, Redactor


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a busy machine cuts for lack of time is another test's."""
    monkeypatch.setattr(module, "SECONDS", 60.0)


def picture(value: object) -> Any:
    return Snapshot(Redactor()).of(value)


class Color(enum.IntEnum):
    RED = 1


class Broken:
    def __repr__(self) -> str:
        raise ValueError


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Order:
    number: int
    password: str


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (-5, -5),
        (1.5, 1.5),
        ("text", "text"),
        ("", ""),
        (2**63 - 1, 2**63 - 1),
        (2**64, "<int of 65 bits>"),
        ([1, [2, (3,)]], [1, [2, [3]]]),
        ({"a": {"b": [None]}}, {"a": {"b": [None]}}),
        ({1: "a", None: "b", (1, 2): "c", 1.5: "d"}, {"1": "a", "None": "b", "(1, 2)": "c", "1.5": "d"}),
        ({"one"}, ["one"]),
        (frozenset({1}), [1]),
        ({"a": 1}.keys(), ["a"]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (Point(1, 2), [1, 2]),
        (b"\x00\xff", "b'\\x00\\xff'"),
        (bytearray(b"a"), "b'a'"),
        (decimal.Decimal("1.10"), "Decimal('1.10')"),
        (datetime.date(2026, 11, 23), "datetime.date(2026, 11, 23)"),
        (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
        (Color.RED, "<Color.RED: 1>"),
        (Order(1, "abc"), f"Order(number=1, password={REDACTED})"),
        (Broken(), "<Broken whose __repr__ raised ValueError>"),
        ("password=abc", f"password={REDACTED}"),
        ({"Password": ["abc"]}, {"Password": REDACTED}),
    ],
)
def test_each_kind_of_value(value: object, expected: object) -> None:
    shown = picture(value)
    # Whether the quotes around a secret go with it does not matter.
    assert (shown.replace(f"'{REDACTED}'", REDACTED) if isinstance(shown, str) else shown) == expected


def test_a_shared_value_is_not_one_that_contains_itself() -> None:
    shared = [1]
    assert picture({"a": shared, "b": [shared]}) == {"a": [1], "b": [[1]]}


def test_cycles_end() -> None:
    value: dict[str, Any] = {"name": "x"}
    value["list"] = [value]
    assert picture(value) == {"name": "x", "list": ["<dict that contains itself>"]}


def test_depth_is_cut() -> None:
    value: Any = "bottom"
    for _ in range(DEPTH + 5):
        value = [value]
    shown, depth = picture(value), 0
    while isinstance(shown, list):
        (shown,) = shown
        depth += 1
    assert depth == DEPTH
    assert shown == "<list, too deep>"


def test_breadth_is_cut_and_says_so() -> None:
    assert picture(list(range(1_000)))[BREADTH:] == [f"<{1_000 - BREADTH} more>"]
    shown = picture({str(number): number for number in range(1_000)})
    assert len(shown) == BREADTH + 1
    assert shown["…"] == f"<{1_000 - BREADTH} more>"


def test_long_texts_are_cut_and_say_so() -> None:
    shown = picture("x" * (TEXT_CHARS + 1_000))
    assert shown.startswith("x" * TEXT_CHARS)
    assert shown.endswith("1000 characters cut>")


def test_a_secret_in_a_long_text_is_found_before_the_cut_or_cut_away() -> None:
    shown = picture("x" * (TEXT_CHARS - 10) + " password=abcdefghijklmnop")
    assert "abcdefghijklmnop" not in shown
    shown = picture("x" * (TEXT_CHARS - 40) + " Authorization: Bearer abcdefghijklmnopqrstuvwxyz")
    assert "abcdef" not in shown


def test_one_event_has_one_budget() -> None:
    together = Snapshot(Redactor())
    for _ in range(100):
        together.of(list(range(90)))
    assert together.of([1]) == "<cut>"
    assert together.of({"a": 1}) == "<cut>"


def test_a_container_that_fails_half_way_says_so() -> None:
    class Half(list[int]):
        def __iter__(self) -> Iterator[int]:
            yield 1
            raise OSError

    assert picture({"half": Half([1]), "kept": 1}) == {"half": "<Half that raised OSError>", "kept": 1}


def test_a_dict_that_grows_while_it_is_looked_at() -> None:
    growing: dict[Any, Any] = {}

    class Grows:
        def __repr__(self) -> str:
            growing[len(growing)] = 1
            return "grew"

    growing["a"] = Grows()
    growing["b"] = 1
    assert picture({"growing": growing, "kept": 1})["kept"] == 1


# -- any object at all --------------------------------------------------------------------------------------------


class Strange:
    """An object whose repr is whatever the test likes, or fails."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __repr__(self) -> str:
        if self.text is None:
            raise RuntimeError
        return self.text


characters = st.characters()  # lone surrogates and NUL among them
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**400)
    | st.floats()
    | st.text(characters)
    | st.binary()
    | st.dates()
    | st.decimals()
    | st.builds(Strange, st.none() | st.text(characters))
    | st.sampled_from((100, 5_000, 200_000)).map(lambda size: "é" * size)
    | st.sampled_from((100, 5_000, 200_000)).map(lambda size: Strange("x" * size))
)
keys = st.text(characters) | st.integers() | st.none() | st.tuples(st.integers()) | st.builds(Strange, st.none())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner)
        | st.sets(st.integers() | st.text(characters))
        | st.tuples(inner, st.integers(1, 300)).map(lambda pair: [pair[0]] * pair[1])
        | st.tuples(inner, st.integers(1, 300)).map(lambda pair: {f"{n} {'k' * n}": pair[0] for n in range(pair[1])})
    ),
    max_leaves=20,
)


def measure(value: Any, depth: int = 0) -> tuple[int, int, int]:
    """Values, characters (those of keys too) and depth of a JSON value."""
    if isinstance(value, str):
        return 1, len(value), depth
    if isinstance(value, dict):
        parts = [measure(item, depth + 1) for item in value.values()]
        key_characters = sum(map(len, value))
    elif isinstance(value, list):
        parts = [measure(item, depth + 1) for item in value]
        key_characters = 0
    else:
        return 1, 0, depth
    return (
        1 + sum(part[0] for part in parts),
        key_characters + sum(part[1] for part in parts),
        max([depth, *(part[2] for part in parts)]),
    )


def check_bounds(shown: Any) -> None:
    assert json.loads(json.dumps(shown)) is not None or shown is None
    nodes, characters_in_all, depth = measure(shown)
    # What says that a container was cut (`<100 more>`) is one value and a few characters above the bound.
    assert nodes <= NODES + NODES // BREADTH + 2 * DEPTH + 2
    assert characters_in_all <= CHARS + TEXT_CHARS + 200 * DEPTH + 1_000
    assert depth <= DEPTH


@pytest.mark.parametrize(
    "value",
    [
        [{f"password {number}": "x" for number in range(100)}] * 100,
        [[["password", "x"]] * 100] * 100,
        [[[]] * 101] * 300,
        [dict.fromkeys(range(300))] * 300,
    ],
    ids=["secrets by name", "pairs", "lists", "objects"],
)
def test_what_is_many_of_a_kind_is_within_bounds(value: Any) -> None:
    check_bounds(picture(value))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(values)
def test_any_nested_object_is_json_within_bounds(value: Any) -> None:
    check_bounds(picture(value))


@pytest.mark.parametrize(
    "value",
    [
        [[["x" * TEXT_CHARS] * 100] * 100] * 100,
        [[[[[[1] * 100, *["x" * TEXT_CHARS] * 99], *["x" * TEXT_CHARS] * 99], *["x" * TEXT_CHARS] * 99]]],
        {f"{n} {'k' * 200}": {f"{m} {'k' * 200}": m for m in range(100)} for n in range(100)},
        {str(n): "x" * TEXT_CHARS for n in range(100)},
        [[1] * 100] * 100,
        [[[[[[[[[1] * 100] * 100] * 100] * 100] * 100] * 100] * 100] * 100] * 100,
    ],
    ids=["texts", "texts after lists", "long keys", "a dict of texts", "numbers", "deep and broad"],
)
def test_the_largest_objects_are_within_bounds(value: Any) -> None:
    check_bounds(picture(value))


@given(st.lists(st.floats(), max_size=20))
def test_numbers_are_kept(numbers: list[float]) -> None:
    for number, shown in zip(numbers, picture(numbers), strict=True):
        assert shown == number or (math.isnan(number) and math.isnan(shown))
