"""Captured exceptions made readable: the text that Python itself prints, and frames with their source lines."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client_support import caught, group
from levqor_errors.client.capture import FRAMES_HEAD, capture_exception
from levqor_errors.client.render import CONTEXT_LINES, Sources, is_in_app, render
from levqor_errors.redact import Redactor


def rendered(error: BaseException) -> tuple[str, list[dict[str, Any]]]:
    return render(capture_exception(error), time.time(), Sources(str))


def pythons_own(error: BaseException) -> str:
    """What Python prints, without the lines of ^^^^ that mark columns."""
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
    return "\n".join(line for line in lines if not re.fullmatch(r"[ |]*[~^]+", line))


class OwnError(Exception):
    pass


def fail(text: object = "it broke") -> None:
    raise ValueError(text)


def nested_calls() -> None:
    def inner() -> None:
        (lambda: fail("in a lambda"))()

    return inner()


def cause() -> None:
    try:
        fail()
    except ValueError as error:
        raise OwnError("outer") from error


def context() -> None:
    try:
        fail()
    except ValueError:
        int("x")


def suppressed() -> None:
    try:
        fail()
    except ValueError:
        raise OwnError("outer") from None


def cause_of_a_context() -> None:
    try:
        cause()
    except OwnError:
        context()


def cause_instead_of_context() -> None:
    try:
        fail()
    except ValueError:
        raise OwnError("outer") from KeyError("never raised")


def noted() -> None:
    error = OwnError("noted")
    error.__notes__ = ["a note", "", "another\nof two lines"]
    raise error


def noted_cause() -> None:
    try:
        noted()
    except OwnError as error:
        raise ValueError from error


def without_text() -> None:
    raise OwnError


def of_several_lines() -> None:
    raise OwnError("first\nsecond\n  third")


@pytest.mark.parametrize(
    "function",
    [fail, nested_calls, cause, context, suppressed, cause_of_a_context, cause_instead_of_context, without_text,
     of_several_lines, lambda: [1][2], lambda: eval("1 / 0")],
)  # fmt: skip
def test_the_text_is_what_python_prints(function: Callable[[], object]) -> None:
    error = caught(function)
    assert rendered(error)[0] == pythons_own(error)


@pytest.mark.parametrize("function", [noted, noted_cause])
def test_the_text_has_notes_as_python_prints_them(function: Callable[[], object]) -> None:
    error = caught(function)
    text, _ = rendered(error)
    assert f"{__name__}.OwnError: noted\na note\n\nanother\nof two lines" in text
    # Before Python 3.11 its own tracebacks leave notes out.
    if sys.version_info >= (3, 11):
        assert text == pythons_own(error)


def test_an_exception_that_was_never_raised() -> None:
    assert rendered(OwnError("only made"))[0] == f"{__name__}.OwnError: only made"
    assert render([], time.time(), Sources(str)) == ("", [])


def test_a_group_has_all_its_members() -> None:
    def several() -> None:
        raise group("outer", [caught(fail), group("inner", [caught(cause), caught(context)])])

    text, exceptions = rendered(caught(several))
    lines = [line.strip(" |") for line in text.splitlines()]
    for line in (
        "ExceptionGroup: outer (2 sub-exceptions)",
        "ExceptionGroup: inner (2 sub-exceptions)",
        "ValueError: it broke",
        "ValueError: invalid literal for int() with base 10: 'x'",
        f"{__name__}.OwnError: outer",
        "The above exception was the direct cause of the following exception:",
        "During handling of the above exception, another exception occurred:",
    ):
        assert line in lines
    assert lines.count("ValueError: it broke") == 3
    assert len(exceptions) == 7
    # What is boxed in stands behind the group that it is a member of.
    assert text.index("outer (2") < text.index("+---------------- 1") < text.index("inner (2")


def test_a_deep_recursion_says_how_much_is_cut() -> None:
    def down(depth: int) -> None:
        if depth == 0:
            fail()
        down(depth - 1)

    text, (error,) = rendered(caught(lambda: down(200)))
    lines = text.splitlines()
    # caught, the lambda, 201 times down, fail.
    assert error["cut"] == 204 - len(error["frames"])
    cut = lines.index(f"  [{error['cut']} frames cut]")
    assert sum(line.startswith("  File ") for line in lines[:cut]) == FRAMES_HEAD
    assert lines[-1] == "ValueError: it broke"
    assert "in fail" in lines[-3]


# -- source lines -------------------------------------------------------------------------------------------------


def failing_module(tmp_path: Path, content: str, age: float = 100) -> tuple[Path, Exception]:
    """A module of the test's own, as it was when something in it failed."""
    file = tmp_path / "module.py"
    file.write_text(content)
    os.utime(file, (time.time() - age,) * 2)
    return file, caught(lambda: exec(compile(content, str(file), "exec"), {"abc" + "def": 1}))


CONTENT = "\n".join([*(f"before = {number}" for number in range(5)), "raise ValueError", "after = 1", ""])


def test_source_lines_around_the_one_that_failed(tmp_path: Path) -> None:
    file, error = failing_module(tmp_path, CONTENT)
    _, (one,) = rendered(error)
    frame = one["frames"][-1]
    assert frame == {
        "file": str(file), "line": 6, "function": "<module>", "module": "builtins" if frame["module"] else "",
        "in_app": True, "source": "raise ValueError",
        "before": [f"before = {number}" for number in range(5 - CONTEXT_LINES, 5)], "after": ["after = 1"],
    }  # fmt: skip


def test_source_lines_of_a_file_that_was_changed_since_are_left_out(tmp_path: Path) -> None:
    file, error = failing_module(tmp_path, CONTENT)
    captured, happened_at = capture_exception(error), time.time() - 50
    file.write_text("# another release\n" * 10)
    text, (one,) = render(captured, happened_at, Sources(str))
    assert one["frames"][-1].keys().isdisjoint({"source", "before", "after"})
    assert text.splitlines()[-2:] == [f'  File "{file}", line 6, in <module>', "ValueError"]
    # What happened after the change does have the new lines.
    assert render(captured, time.time() + 1, Sources(str))[1][0]["frames"][-1]["source"] == "# another release"


def test_source_lines_of_a_file_that_is_gone_or_shorter(tmp_path: Path) -> None:
    file, error = failing_module(tmp_path, CONTENT)
    captured = capture_exception(error)
    file.write_text("short\n")
    os.utime(file, (time.time() - 100,) * 2)
    assert "source" not in render(captured, time.time(), Sources(str))[1][0]["frames"][-1]
    file.unlink()
    assert "source" not in render(captured, time.time(), Sources(str))[1][0]["frames"][-1]


def test_source_lines_at_the_start_and_end_of_a_file(tmp_path: Path) -> None:
    _, error = failing_module(tmp_path, "raise ValueError\n")
    frame = rendered(error)[1][0]["frames"][-1]
    assert (frame["before"], frame["source"], frame["after"]) == ([], "raise ValueError", [])


def test_source_lines_are_redacted_and_cut(tmp_path: Path) -> None:
    _, error = failing_module(tmp_path, f"password = abcdef\nraise ValueError  # {'x' * 1_000}\ntoken = abcdef\n")
    text, (one,) = render(capture_exception(error), time.time(), Sources(Redactor().text))
    frame = one["frames"][-1]
    assert frame["before"] == ["password = [redacted]"]
    assert frame["after"] == ["token = [redacted]"]
    assert len(frame["source"]) == 200
    assert "abcdef" not in text


def test_a_file_is_read_once_for_a_batch(tmp_path: Path) -> None:
    file, error = failing_module(tmp_path, CONTENT)
    captured, sources = capture_exception(error), Sources(str)
    assert render(captured, time.time(), sources)[1][0]["frames"][-1]["source"] == "raise ValueError"
    file.unlink()
    assert render(captured, time.time(), sources)[1][0]["frames"][-1]["source"] == "raise ValueError"


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    _, error = failing_module(tmp_path, CONTENT)
    captured = capture_exception(error)
    (tmp_path / "module.py").write_bytes(b"\xff\xfe\x00" * 100)
    os.utime(tmp_path / "module.py", (time.time() - 100,) * 2)
    text, _ = render(captured, time.time(), Sources(str))
    assert text.splitlines()[-1] == "ValueError"


# -- whose code it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (__file__, True),
        ("/srv/app/shop/cart.py", True),
        ("<stdin>", True),
        (os.__file__, False),
        (re.__file__, False),
        (pytest.__file__, False),
        ("/srv/app/.venv/lib/python3.12/site-packages/django/views.py", False),
        ("/usr/lib/python3/dist-packages/apt/cache.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("<string>", False),
        # A directory whose name only begins like the library's.
        (f"{sysconfig.get_path('stdlib')}-of-the-shop/cart.py", True),
    ],
)
def test_in_app(file: str, expected: bool) -> None:
    assert is_in_app(file) is expected


def test_library_frames_are_marked_and_have_no_surroundings() -> None:
    _, (one,) = rendered(caught(lambda: Path("/no/such").read_text()))
    ours, theirs = one["frames"][0], one["frames"][-1]
    assert (ours["in_app"], theirs["in_app"]) == (True, False)
    assert "before" in ours
    assert theirs.keys().isdisjoint({"before", "after"})
    assert theirs["source"]


def test_locals_are_passed_on() -> None:
    captured = [{"type": "E", "value": "", "frames": [["a.py", 1, "f", "m", {"a": 1}], ["a.py", 2, "g", "m", {}]]}]
    _, (one,) = render(captured, time.time(), Sources(str))
    assert [frame.get("vars") for frame in one["frames"]] == [{"a": 1}, None]
