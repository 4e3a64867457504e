"""The frames of an exception as a page shows them: the innermost first, the service's own open, libraries folded.

For `event_view.py`. Frames come from senders, or from source maps (`original_frames.py`); any value may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from .json_view import Pair, listed, mapped, number, pairs, shown

#: Of the service's own frames, how many of an exception show their source at once; a recursion has a hundred.
_OPEN: Final = 5
#: Lines before and after the failing one.
_LINES: Final = 10


class Line(NamedTuple):
    """A line of source code."""

    number: int | None
    text: str
    failing: bool


class Frame(NamedTuple):
    """A call."""

    function: str
    #: Up to its last slash, and what follows.
    folder: str
    file: str
    #: Line and column, as `:17:5`.
    place: str
    module: str
    in_app: bool
    open: bool
    source: tuple[Line, ...]
    variables: tuple[Pair, ...]
    #: Where it is in the built file, if it is shown as in the source.
    built: str


class Stretch(NamedTuple):
    """Frames that follow each other and are all the service's own, or all of libraries."""

    in_app: bool
    #: Not folded.
    open: bool
    frames: tuple[Frame, ...]


def stretches(value: object, *, unfold: bool) -> tuple[Stretch, ...]:
    """The frames of an exception.

    Args:
        value: what the event has in their place, the outermost first.
        unfold: whether source is shown at once, and not only when it is asked for.
    """
    frames = listed(value)[::-1]
    # A frame of which nobody said whose it is is the service's own; if none is, the innermost ones tell where it was.
    own = [mapped(frame).get("in_app", True) is not False for frame in frames]
    none_own = not any(own)
    left = _OPEN if unfold else 1
    found: list[Stretch] = []
    for in_app, group in groupby(zip(own, frames, strict=True), key=lambda pair: pair[0]):
        shown_open = in_app or (none_own and not found)
        several = []
        for _, frame in group:
            several.append(_frame(frame, in_app=in_app, open_=shown_open and left > 0))
            left -= shown_open
        found.append(Stretch(in_app, shown_open, tuple(several)))
    return tuple(found)


def _frame(value: object, *, in_app: bool, open_: bool) -> Frame:
    if not isinstance(value, dict):
        return Frame(shown(value), "", "", "", "", in_app, False, (), (), "")
    folder, slash, file = shown(value.get("file")).rpartition("/")
    source, variables = _source(value), pairs(value.get("vars"))
    return Frame(
        function=shown(value.get("function")),
        folder=folder + slash,
        file=file,
        place=_place(value),
        module=shown(value.get("module")),
        in_app=in_app,
        open=open_ and bool(source),
        source=source,
        variables=variables,
        built=_built(value.get("built")),
    )


def _place(frame: Mapping[str, Any]) -> str:
    line, column = number(frame.get("line")), number(frame.get("column"))
    if line is None:
        return ""
    return f":{line}" if column is None else f":{line}:{column}"


def _built(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    function = shown(value.get("function"))
    where = f"{shown(value.get('file'))}{_place(value)}"
    return f"{function} at {where}" if function else where


def _source(frame: Mapping[str, Any]) -> tuple[Line, ...]:
    failing = frame.get("source")
    if not isinstance(failing, str) or not failing:
        return ()
    before = [shown(text) for text in listed(frame.get("before"))][-_LINES:]
    after = [shown(text) for text in listed(frame.get("after"))][:_LINES]
    line = number(frame.get("line"))
    first = None if line is None or line <= len(before) else line - len(before)
    return tuple(
        Line(None if first is None else first + index, text, index == len(before))
        for index, text in enumerate(_dedented([*before, failing, *after]))
    )


def _dedented(lines: Sequence[str]) -> list[str]:
    """Without the white space that all of them begin with."""
    starts = [line[: len(line) - len(line.lstrip())] for line in lines if line.strip()]
    # What the first and the last of them in order have in common, all have.
    first, last = min(starts, default=""), max(starts, default="")
    common = next((index for index, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return [line[common:] for line in lines]
