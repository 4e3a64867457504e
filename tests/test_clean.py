"""Cleaning: whatever comes in, what goes out is bounded, storable, and says what it lacks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from levqor_errors import limits
from levqor_errors.clean import clean_object, clean_text

QUICK = settings(deadline=None, database=None, derandomize=True)
MARK = re.compile(" … ([0-9]+) characters cut … ")
#: From here on there is room for the mark and for something on both sides of it. Every limit is above it.
ROOM = 64

#: Every code point, lone surrogates and NUL too, but not the one that marks begin with.
CHARACTERS = st.characters(exclude_characters="…") | st.sampled_from("\0\ud800\udfff\ufffd")
LONG_TEXTS = st.builds(
    lambda text, times, end: text * times + end, st.text(CHARACTERS), st.integers(1, 300), st.text(CHARACTERS)
)
#: Far over 64 bits, though not over what Python itself turns into digits: a test that fails has to show its input.
INTEGERS = st.integers() | st.integers(-14_000, 14_000).map(lambda bits: (1 if bits > 0 else -1) << abs(bits))
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats() | st.text(st.characters()),
    lambda values: (
        st.lists(values, max_size=5) | st.dictionaries(st.text(st.characters(), max_size=5), values, max_size=5)
    ),
    max_leaves=30,
)
OBJECTS = st.dictionaries(st.text(st.characters(), max_size=5), JSON, max_size=5)


class Size(NamedTuple):
    """How large a JSON value is, as the limits count."""

    depth: int
    breadth: int
    nodes: int
    chars: int


def size(value: object, depth: int = 0) -> Size:
    """Measure a JSON value, its keys included."""
    if isinstance(value, str):
        return Size(depth, 0, 1, len(value))
    if not isinstance(value, (dict, list)):
        return Size(depth, 0, 1, 0)
    keys = sum(map(len, value)) if isinstance(value, dict) else 0
    parts = [size(item, depth + 1) for item in (value.values() if isinstance(value, dict) else value)]
    return Size(
        max((part.depth for part in parts), default=depth),
        max((part.breadth for part in parts), default=0) if not value else max(len(value), *(p.breadth for p in parts)),
        1 + sum(part.nodes for part in parts),
        keys + sum(part.chars for part in parts),
    )


def texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def assert_storable(text: str) -> None:
    """Both databases can store it."""
    assert "\0" not in text
    text.encode("utf-8")


def replaced(text: str) -> str:
    """What cleaning makes of a text that is short enough, said in another way."""
    return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text)


# -- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("plain", "plain"),
        ("größe 日本語 \N{GRINNING FACE}", "größe 日本語 \N{GRINNING FACE}"),
        ("a\0b", "a\ufffdb"),
        ("\0", "\ufffd"),
        ("a\ud800b", "a\ufffdb"),
        ("\udfff\ud800", "\ufffd\ufffd"),
        ("tab\tline\nreturn\r", "tab\tline\nreturn\r"),
        ("\x1b[31mred\x07", "\x1b[31mred\x07"),
        ("\ufffe\uffff\ufeff", "\ufffe\uffff\ufeff"),
    ],
)
def test_a_short_text_stays_but_for_what_cannot_be_stored(text: str, cleaned: str) -> None:
    assert clean_text(text, 100) == cleaned


@QUICK
@given(LONG_TEXTS, st.integers(ROOM, 400))
@example("x" * 65, 64)
@example("\ud800" * 1_000, 100)
def test_a_long_text_keeps_its_head_and_its_tail(text: str, most: int) -> None:
    cleaned = clean_text(text, most)
    assert len(cleaned) <= most
    assert_storable(cleaned)
    if len(text) <= most:
        assert cleaned == replaced(text)
        return
    mark = MARK.search(cleaned)
    assert mark is not None
    head, tail = cleaned[: mark.start()], cleaned[mark.end() :]
    assert replaced(text).startswith(head)
    assert replaced(text).endswith(tail)
    assert len(head) - len(tail) in (0, 1)
    # It is cut because it must be, and no more than it must be.
    assert len(cleaned) >= most - 1


@pytest.mark.parametrize("most", [ROOM, 100, 200, 320, 2_048, 8_192])
def test_the_mark_counts_exactly_what_is_gone(most: int) -> None:
    """The mark takes room itself, and more of it where its number has a digit more."""
    for length in [*range(most + 1, most + 1_200), most + 9_980, most + 9_990, most + 99_985, most + 999_990]:
        cleaned = clean_text("x" * length, most)
        mark = MARK.search(cleaned)
        assert mark is not None
        assert int(mark.group(1)) == length - (len(cleaned) - len(mark.group(0))), f"{length} characters"


@QUICK
@given(LONG_TEXTS, st.integers(0, ROOM))
def test_where_there_is_no_room_for_a_mark_the_bound_holds_all_the_same(text: str, most: int) -> None:
    cleaned = clean_text(text, most)
    assert len(cleaned) <= most
    assert_storable(cleaned)


@QUICK
@given(LONG_TEXTS, st.integers(0, 400))
def test_cleaning_a_text_again_changes_nothing(text: str, most: int) -> None:
    cleaned = clean_text(text, most)
    assert clean_text(cleaned, most) == cleaned


# -- objects ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (None, None),
        (True, True),
        (False, False),
        (0, 0),
        (-1, -1),
        (2**63 - 1, 2**63 - 1),
        (-(2**63) + 1, -(2**63) + 1),
        (2**63, str(2**63)),
        (-(2**63), str(-(2**63))),
        (10**1_000, "1" + "0" * 1_000),
        (10**5_000, f"… an integer of {(10**5_000).bit_length()} bits …"),
        (1.5, 1.5),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ("text", "text"),
        ("\0", "\ufffd"),
        ([], []),
        ({}, {}),
        ((1, 2), [1, 2]),
        ([1, [2, {"a": [3]}]], [1, [2, {"a": [3]}]]),
        ({"\0": {"\ud800": 1}}, {"\ufffd": {"\ufffd": 1}}),
        ({"": {"": ""}}, {"": {"": ""}}),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        (b"bytes", "… a value of type bytes …"),
        (object, "… a value of type type …"),
        ({1, 2}, "… a value of type set …"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values(value: object, cleaned: object) -> None:
    result = clean_object({"value": value})["value"]
    assert result == cleaned
    assert type(result) is type(cleaned)


def test_true_and_one_stay_different() -> None:
    assert orjson.dumps(clean_object({"a": [True, 1, 1.0, False, 0]})) == b'{"a":[true,1,1.0,false,0]}'


def test_the_original_is_not_touched() -> None:
    inner: list[Any] = ["\0", {"a": math.nan}]
    clean_object({"value": inner})
    assert inner[0] == "\0"
    assert math.isnan(inner[1]["a"])


def test_what_is_too_deep_says_so() -> None:
    value: Any = {"bottom": 1}
    for _ in range(5_000):
        value = {"deeper": [value]}
    cleaned = clean_object(value)
    assert size(cleaned).depth == limits.CONTEXT_DEPTH
    assert list(texts(cleaned))[-1] in ("… 1 entries, too deep …", "… 1 items, too deep …")


def test_what_is_just_deep_enough_stays() -> None:
    value: Any = 7
    for _ in range(limits.CONTEXT_DEPTH):
        value = {"deeper": value}
    assert clean_object(value) == value


@pytest.mark.parametrize("more", [0, 1, 2, 100_000])
def test_what_is_too_broad_says_how_much_is_gone(more: int) -> None:
    count = limits.CONTEXT_BREADTH + more
    cleaned = clean_object({"list": list(range(count)), "object": {str(number): number for number in range(count)}})
    kept = len([item for item in cleaned["list"] if isinstance(item, int)])
    assert kept in ((limits.CONTEXT_BREADTH,) if more == 0 else (limits.CONTEXT_BREADTH, limits.CONTEXT_BREADTH - 1))
    gone = count - kept
    assert cleaned["list"] == [*range(kept), *([f"… {gone} more items cut …"] if gone else [])]
    marks = {"…": f"{gone} more entries cut"} if gone else {}
    assert cleaned["object"] == {str(number): number for number in range(kept)} | marks


@pytest.mark.parametrize(
    "value",
    [
        {str(number): [0] * 1_000 for number in range(200)},
        {str(number): {str(key): [[[]]] for key in range(900)} for number in range(50)},
        {"a": [[[[["x"] * 30] * 30] * 30] * 30]},
        {"a": [{}] * 100_000},
    ],
)
def test_the_number_of_values_is_bounded(value: dict[str, Any]) -> None:
    cleaned = size(clean_object(value))
    # Each container that was cut has a mark, and at most so many are cut by their own breadth.
    marks = limits.CONTEXT_DEPTH + limits.CONTEXT_NODES // limits.CONTEXT_BREADTH
    assert cleaned.nodes <= limits.CONTEXT_NODES + marks + 1
    assert cleaned.nodes > limits.CONTEXT_BREADTH


@pytest.mark.parametrize(
    "value",
    [
        {"a": ["t" * 8_000] * 1_000},
        {"a": ["t" * 300] * 1_000, "b": ["t" * 300] * 1_000, "c": ["t" * 300] * 1_000},
        {f"{number:0200d}": number for number in range(1_000)} | {"a": {f"{n:0190d}": "t" * 100 for n in range(1_000)}},
        {"k" * 1_000_000: "t" * 1_000_000},
        {"a": ["\ud800" * 20_000] * 100},
        {"a": [10**1_200] * 1_000},
        {"a": [-(10**1_200)] * 1_000, "b": {str(key): 10**1_200 for key in range(1_000)}},
        {"a": [2**63] * 1_000, "b": [[2**64] * 1_000] * 8, "c": [10**1_000] * 1_000},
        {"a": [b"", object()] * 500},
    ],
    ids=[
        "texts",
        "many texts",
        "keys",
        "one key",
        "surrogates",
        "integers",
        "negative integers",
        "integers in lists",
        "types",
    ],
)
def test_the_number_of_characters_is_bounded(value: dict[str, Any]) -> None:
    """Whatever becomes text counts, numbers that are too long for a column included."""
    cleaned = clean_object(value)
    assert size(cleaned).chars <= limits.CONTEXT_CHARS * 1.1
    assert all(len(text) <= limits.CONTEXT_TEXT_CHARS for text in texts(cleaned))


@QUICK
@given(OBJECTS)
def test_any_object_becomes_one_that_can_be_stored(value: dict[str, Any]) -> None:
    cleaned = clean_object(value)
    orjson.dumps(cleaned)
    for text in texts(cleaned):
        assert_storable(text)
    measured = size(cleaned)
    assert measured.depth <= limits.CONTEXT_DEPTH
    assert measured.chars <= limits.CONTEXT_CHARS * 1.1


@QUICK
@given(OBJECTS)
def test_cleaning_an_object_again_changes_nothing(value: dict[str, Any]) -> None:
    cleaned = clean_object(value)
    assert clean_object(cleaned) == cleaned


@pytest.mark.parametrize(
    "value",
    [
        {"text": "x" * 100_000},
        {"k" * 1_000: 1},
        {"list": list(range(1_500))},
        {"object": {str(number): number for number in range(1_500)}},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": {"k": {"l": {"m": {"n": {}}}}}}}}}}}}}}},
        {"a": [10**5_000, math.nan, b"", "\0"]},
    ],
    ids=["long text", "long key", "long list", "large object", "deep", "odd values"],
)
def test_cleaning_what_was_cut_again_changes_nothing(value: dict[str, Any]) -> None:
    """An event that is read and sent again, by a relay or an import, passes the gate again: what its marks say of what
    is gone has to stay true.
    """
    cleaned = clean_object(value)
    assert clean_object(cleaned) == cleaned
