"""A traceback's text read back into data."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from client_support import caught, group
from levqor_errors.client.capture import capture_exception
from levqor_errors.client.parse import parse_traceback


class OwnError(Exception):
    pass


def fail(depth: int = 0) -> None:
    if depth:
        fail(depth - 1)
    raise ValueError("it broke: 5 of 7")


def fail_in_lambda() -> None:
    (lambda: fail())()


def fail_with_context() -> None:
    try:
        fail()
    except ValueError:
        raise OwnError("outer") from None


def fail_with_cause() -> None:
    try:
        fail()
    except ValueError as error:
        raise OwnError("outer") from error


def fail_without_text() -> None:
    raise OwnError


def fail_locally() -> None:
    class LocalError(Exception):
        pass

    raise LocalError("of a function's own")


@pytest.mark.parametrize(
    "function",
    [fail, lambda: fail(2), fail_in_lambda, fail_with_context, fail_with_cause, fail_without_text, fail_locally,
     lambda: int("x"), lambda: 1 / 0],
)  # fmt: skip
def test_a_round_trip(function: Callable[[], object]) -> None:
    """What Python prints gives what was captured, but for module names, which are not in the text."""
    error = caught(function)
    captured = capture_exception(error)[0]
    (parsed,) = parse_traceback("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    assert parsed["type"] == captured["type"]
    assert parsed["value"] == captured["value"]
    assert parsed["frames"] == [[file, line, function, ""] for file, line, function, _ in captured["frames"]]


def test_repeated_frames_that_python_leaves_out() -> None:
    def endless() -> None:
        endless()

    with pytest.raises(RecursionError) as info:
        endless()
    text = "".join(traceback.format_exception(info.type, info.value, info.tb))
    assert "Previous line repeated" in text
    (parsed,) = parse_traceback(text)
    assert parsed["type"] == "RecursionError"
    assert 2 <= len(parsed["frames"]) < 20


def test_a_value_of_several_lines_is_known_by_its_first() -> None:
    try:
        raise ValueError("first\n  second\nTypeError: third")
    except ValueError:
        (parsed,) = parse_traceback(traceback.format_exc())
    assert (parsed["type"], parsed["value"]) == ("ValueError", "first")


def test_text_around_it_does_not_matter() -> None:
    text = 'before\nTraceback (most recent call last):\n  File "/a b/c.py", line 5, in f\n    x()\nKeyError: 1\nafter'
    assert parse_traceback(text) == [{"type": "KeyError", "value": "1", "frames": [["/a b/c.py", 5, "f", ""]]}]


def test_a_group_gives_nothing_wrong() -> None:
    """Its text is boxed in, and what is read out of it must not be taken for the one that was raised."""

    def fail_with_several() -> None:
        raise group("several", [caught(fail), KeyError("two")])

    error = caught(fail_with_several)
    parsed = parse_traceback("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    assert parsed in ([], parsed[:1])
    assert all(one["type"] in ("ExceptionGroup", "ValueError", "KeyError") for one in parsed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no traceback",
        "Traceback (most recent call last):\n",
        "Traceback (most recent call last):\n  File",
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    f()\n',
        "Traceback (most recent call last):\n(nothing that Python prints)\n",
        "Error: at render (app.js:1:2)\n    at app.js:3:4",
        'goroutine 1 [running]:\nmain.main()\n\t/a/main.go:5 +0x1',
        "Traceback (most recent call last):\n" * 3,
        'Traceback (most recent call last):\n  File "a.py", line 99999999999999999999, in f\n',
    ],
)  # fmt: skip
def test_what_is_no_traceback_gives_nothing(text: str) -> None:
    assert parse_traceback(text) == []
