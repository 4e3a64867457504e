"""Exceptions as plain data: what hangs together, what is cut, and that nothing of them is kept."""

from __future__ import annotations

import gc
import itertools
import json
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from client_support import caught, group
from levqor_errors.client import capture
from levqor_errors.client.capture import EXCEPTIONS, FRAMES_HEAD, FRAMES_TAIL, NOTES, capture_exception, safe_str
from levqor_errors.client.snapshot import Snapshot
from levqor_errors.redact import Redactor


def fail() -> None:
    raise ValueError("a", 1)


def chained() -> None:
    try:
        fail()
    except ValueError as error:
        raise KeyError("outer") from error


def in_handling() -> None:
    try:
        fail()
    except ValueError:
        int("x")


def suppressed() -> None:
    try:
        fail()
    except ValueError:
        raise KeyError("outer") from None


def shape(captured: list[dict[str, Any]]) -> list[tuple[str, str | None, int | None]]:
    return [(one["type"], one.get("via"), one.get("of")) for one in captured]


def test_an_exception_and_its_frames() -> None:
    (one,) = capture_exception(caught(fail))
    assert (one["type"], one["value"]) == ("ValueError", "('a', 1)")
    outer, inner = one["frames"]
    assert outer == [caught.__code__.co_filename, caught.__code__.co_firstlineno + 3, "caught", caught.__module__]
    assert inner == [__file__, fail.__code__.co_firstlineno + 1, "fail", __name__]
    assert one.keys() == {"type", "value", "frames"}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (chained, [("KeyError", None, None), ("ValueError", "cause", 0)]),
        (in_handling, [("ValueError", None, None), ("ValueError", "context", 0)]),
        (suppressed, [("KeyError", None, None)]),
    ],
)
def test_what_led_to_it(function: Callable[[], object], expected: list[Any]) -> None:
    assert shape(capture_exception(caught(function))) == expected


def test_a_cause_hides_the_context() -> None:
    error = caught(in_handling)
    error.__cause__ = OSError("the cause")
    assert shape(capture_exception(error)) == [("ValueError", None, None), ("OSError", "cause", 0)]


def test_cycles_and_long_chains_end() -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    assert shape(capture_exception(one)) == [("ValueError", None, None), ("KeyError", "cause", 0)]
    one.__cause__ = one
    assert len(capture_exception(one)) == 1
    links = [ValueError(str(number)) for number in range(100)]
    for inner, outer in itertools.pairwise(links):
        outer.__context__ = inner
    captured = capture_exception(links[-1])
    assert [link["value"] for link in captured] == [str(number) for number in range(99, 99 - EXCEPTIONS, -1)]


def test_types_are_named_as_tracebacks_name_them() -> None:
    class LocalError(Exception):
        pass

    (one,) = capture_exception(LocalError())
    assert one["type"] == f"{__name__}.{LocalError.__qualname__}"
    assert capture_exception(json.JSONDecodeError("m", "d", 0))[0]["type"] == "json.decoder.JSONDecodeError"


def test_members_of_groups() -> None:
    member = KeyError("member")
    member.__cause__ = caught(fail)
    several = group("outer", [member, group("inner", [OSError("deep")])])
    assert shape(capture_exception(several)) == [
        ("ExceptionGroup", None, None),
        ("KeyError", "member", 0),
        ("ValueError", "cause", 1),
        ("ExceptionGroup", "member", 0),
        ("OSError", "member", 3),
    ]


def test_notes() -> None:
    error = ValueError("noted")
    error.__notes__ = ["first", "second", *map(str, range(100))]
    (one,) = capture_exception(error)
    assert one["notes"][:2] == ["first", "second"]
    assert len(one["notes"]) == NOTES


def test_a_deep_recursion_keeps_both_ends() -> None:
    def down(depth: int) -> None:
        if depth == 0:
            fail()
        down(depth - 1)

    (one,) = capture_exception(caught(lambda: down(300)))
    assert len(one["frames"]) == FRAMES_HEAD + FRAMES_TAIL
    # caught, the lambda, 301 times down, fail.
    assert one["cut"] == 304 - FRAMES_HEAD - FRAMES_TAIL
    assert [frame[2] for frame in one["frames"][:3]] == ["caught", "<lambda>", "down"]
    assert one["frames"][-1][2] == "fail"


def test_exactly_as_many_frames_as_are_kept_are_not_cut() -> None:
    def down(depth: int) -> None:
        if depth == 0:
            raise ValueError
        down(depth - 1)

    (one,) = capture_exception(caught(lambda: down(FRAMES_HEAD + FRAMES_TAIL - 3)))
    assert len(one["frames"]) == FRAMES_HEAD + FRAMES_TAIL
    assert "cut" not in one


def test_texts_are_redacted() -> None:
    error = ValueError("password=abc")
    error.__cause__ = KeyError("password=abc")
    error.__notes__ = ["password=abc"]
    assert "abc" not in json.dumps(capture_exception(error, Redactor().text))


def test_locals_of_the_innermost_frames_only_where_asked_for() -> None:
    def down(depth: int) -> None:
        token, order = "abc", {"number": depth}
        if depth == 0:
            raise ValueError(len(token) + len(order))
        down(depth - 1)

    error = caught(lambda: down(20))
    assert all(len(frame) == 4 for frame in capture_exception(error)[0]["frames"])
    frames = capture_exception(error, snapshot=Snapshot(Redactor()))[0]["frames"]
    described = [frame[4] for frame in frames if len(frame) == 5]
    assert len(described) == capture.LOCALS_FRAMES
    assert described[-1] == {"depth": 0, "token": "[redacted]", "order": {"number": 0}, "down": described[-1]["down"]}


def test_a_modules_variables_are_left_out() -> None:
    error = caught(lambda: exec(compile("secret_of_the_module = 1\nraise ValueError", "a.py", "exec"), {}))
    frames = capture_exception(error, snapshot=Snapshot(Redactor()))[0]["frames"]
    assert frames[-1][2] == "<module>"
    assert frames[-1][4] == {}


def test_nothing_of_the_exception_is_kept() -> None:
    """A reference to it would pin whatever the local variables of its frames hold."""

    class Heavy:
        pass

    def fail_with(heavy: Heavy) -> None:
        raise ValueError(str(heavy))

    def capture_one() -> tuple[weakref.ref[Heavy], object]:
        heavy = Heavy()
        error = caught(lambda: fail_with(heavy))
        return weakref.ref(heavy), capture_exception(error, snapshot=Snapshot(Redactor()))

    gone, captured = capture_one()
    gc.collect()
    assert gone() is None
    assert captured


@pytest.mark.parametrize(
    ("most", "expected"), [(100, "abcdefghij"), (10, "abcdefghij"), (9, "abcd … 2 characters cut … ghij")]
)
def test_texts_are_cut_in_their_middle(most: int, expected: str) -> None:
    assert safe_str("abcdefghij", most) == expected
