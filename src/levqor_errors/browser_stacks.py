"""Stacks of JavaScript, as Chrome, Firefox and Safari write them, read into exceptions with frames. No I/O.

The browser client sends the text alone, which is all that fits into two kilobytes. `event.normalize` calls this for an
event that has a stack and no `context.exceptions`; grouping, source maps and the page of an event go by what it gives.
The text itself stays as it was. Anyone may send a stack: each line is looked at once, and there are bounds for all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

_EXCEPTIONS: Final = 10
#: Of one exception, the innermost, and of all together.
_FRAMES: Final = 50
_ALL_FRAMES: Final = 150
#: V8 gives ten frames unless asked for more, the others a hundred or so.
_LINES: Final = 1_000
#: A longer line is no frame, but a script in a `data:` address.
_LINE_CHARS: Final = 2_000
#: Lines up to this length, this many of them, are remembered: most errors of a page have been there before.
_REMEMBERED_CHARS: Final = 300
_REMEMBERED: Final = 4_096
_FUNCTION_CHARS: Final = 200
_VALUE_CHARS: Final = 2_000

#: Between an error and what led to it; js/src/describe.ts writes it.
_CAUSE: Final = "\nCaused by: "
#: How V8 begins a frame. No other language's stacks do, not with four spaces.
V8_FRAME: Final = "\n    at "

_TYPE: Final = re.compile(r"[A-Za-z_$][\w$.]{0,99}")
_PLACE: Final = re.compile(r"(.{1,2000}?):(\d{1,9})(?::(\d{1,9}))?")
#: What Firefox says of a script that was made at run time: where that was.
_MADE_AT: Final = re.compile(r"(.{1,2000}?) line (\d{1,9}) > .*")
_ADDRESS: Final = re.compile(r"(?:blob:)?[A-Za-z][\w+.-]{0,40}://")
_ORIGIN: Final = re.compile(_ADDRESS.pattern + r"[^/]{0,300}")
#: The part of a built file's name that differs from build to build: `app.3f2a1b4c.js`, `index-Dk3x_9aQ.js`.
_HASH: Final = re.compile(
    r"[.-](?=[\w-]{0,63}?(?:\d|[a-z][A-Z]))(?:[0-9a-f]{6,64}|[\w-]{8}|\w{16,64})(?=(?:\.\w{1,10}){1,3}$)"
)
#: Of the address of a page whose own script it is: `/orders/17`.
_NUMBER: Final = re.compile(r"/\d+(?=/|$)")
_NOT_OURS: Final = re.compile(
    r"(?:^|/)node_modules/|^[a-z-]{1,20}-extension:|^node:|/(?:vendors?|framework|polyfills|webpack)[.~-][^/]{0,200}$"
)
#: Names of code that is in no function.
_NAMELESS: Final = frozenset({"anonymous", "global code", "module code", "eval code", "eval", "?"})


class _Frame(NamedTuple):
    """A line that is a frame. Its fields are those of `context.exceptions[].frames`."""

    file: str
    line: int
    function: str
    module: str
    in_app: bool
    column: int | None

    def described(self) -> dict[str, Any]:
        """As the context has it: with a column only if there is one."""
        frame = self._asdict()
        if self.column is None:
            del frame["column"]
        return frame


class _Part(NamedTuple):
    """One exception's part of the text."""

    type: str
    #: `None`: the text does not say.
    value: str | None
    #: The innermost first, as all browsers have them.
    frames: list[dict[str, Any]]


def read_stack(stack: str, message: str) -> list[dict[str, Any]]:
    """The exceptions that a stack tells of, as `context.exceptions` has them (docs/events.md).

    Args:
        stack: the text. Any.
        message: the event's, for an exception whose text does not say what it was.

    Returns:
        The error first, then what led to it. Nothing if there is not a single frame in it.
    """
    room = _ALL_FRAMES
    parts = []
    for text in stack.split(_CAUSE, _EXCEPTIONS)[:_EXCEPTIONS]:
        parts.append(_part(text, min(room, _FRAMES)))
        room -= len(parts[-1].frames)
    if room == _ALL_FRAMES:
        return []
    exceptions: list[dict[str, Any]] = []
    group: int | None = None
    for index, part in enumerate(parts):
        value = part.value
        if index == 0 and (value is None or message.startswith(value)):
            # Of several lines of a message the text's first one is only the start.
            value = message
        exception: dict[str, Any] = {"type": part.type, "value": value or "", "frames": part.frames[::-1]}
        if index:
            # What follows a group are its members.
            exception["via"], exception["of"] = ("cause", index - 1) if group is None else ("member", group)
        if part.type == "AggregateError":
            group = index
        exceptions.append(exception)
    return exceptions


def _part(text: str, most: int) -> _Part:
    frames: list[dict[str, Any]] = []
    head: str | None = None
    for line in text.split("\n", _LINES)[:_LINES]:
        frame = None
        if len(line) <= _LINE_CHARS:
            frame = (_remembered_frame if len(line) <= _REMEMBERED_CHARS else _frame)(line.strip())
        if frame is not None:
            if len(frames) == most:
                break
            frames.append(frame.described())
        elif head is None and not frames:
            head = line.strip()[:_VALUE_CHARS]
    kind, colon, value = (head or "").removeprefix("Uncaught ").partition(": ")
    # A word alone is an error without a message, or a text that was thrown.
    if _TYPE.fullmatch(kind) and (colon or kind.endswith(("Error", "Exception"))):
        return _Part(kind, value, frames)
    return _Part("Error", head, frames)


def _frame(line: str) -> _Frame | None:
    """A frame, if the line is one of a script; native functions have no place to show."""
    if line.startswith("at "):
        function, _, where = line[3:].removesuffix(")").partition(" (") if line.endswith(")") else ("", "", line[3:])
        if where.startswith("eval at "):
            # Of a script that was made at run time: where that was, the innermost of the brackets.
            where = where.rpartition(" (")[2].partition(")")[0]
        where = where.removeprefix("async ")
    else:
        # Safari has no `@` either before a function without a name.
        function, at, where = line.partition("@")
        if not at:
            function, where = "", line
        # A message may have an `@` and end in numbers, too.
        if _ADDRESS.match(where) is None:
            return None
    place = _PLACE.fullmatch(where)
    if place is None or not ("/" in place[1] or "." in place[1]):
        return None
    file, number, column = place[1], int(place[2]), place[3]
    made_at = _MADE_AT.fullmatch(file)
    if made_at is not None:
        file, number, column = made_at[1], int(made_at[2]), None
    # A query may hold what is nobody's business, and differs.
    file = file.partition("?")[0].partition("#")[0]
    return _Frame(
        file=file,
        line=number,
        function=_function(function),
        module=_module(file),
        in_app=_NOT_OURS.search(file) is None,
        column=int(column) if column is not None else None,
    )


_remembered_frame = lru_cache(_REMEMBERED)(_frame)


def _function(name: str) -> str:
    """A function's own name, the same for all browsers; empty if it has none.

    V8 puts its object before it, Firefox the functions around it and what called it (`setTimeout handler*start/<`).
    """
    name = name.partition(" [as ")[0].rpartition("*")[2].removeprefix("async ").removeprefix("new ")
    if name in _NAMELESS:
        return ""
    name = name.rpartition("/")[2].rpartition(".")[2].removesuffix("<")
    return "" if name.startswith(("<", "(")) else name[:_FUNCTION_CHARS]


def _module(file: str) -> str:
    """What a file is called whatever its build and host: `/assets/app.js`."""
    origin = _ORIGIN.match(file)
    path = file[origin.end() :] if origin is not None else file
    folder, slash, name = path.rpartition("/")
    return _NUMBER.sub("/<number>", f"{folder}{slash}{_HASH.sub('', name)}") or "/"
