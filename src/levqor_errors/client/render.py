"""Captured exceptions made readable: the stack as Python prints it, and frames as data with source lines.

Runs on the shipper's thread, perhaps in a later process than the one that failed; source files that were changed
since are left alone, because their lines would be wrong.
"""

from __future__ import annotations

import linecache
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .capture import FRAMES_TAIL

#: Source lines before and after the one that a frame is at.
CONTEXT_LINES: Final = 3
_LINE_CHARS: Final = 200

_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"

_LIBRARY_PATHS: Final = tuple(
    {f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_LIBRARY_MARKS: Final = ("/site-packages/", "/dist-packages/", "<frozen ", "<string>")


def render(
    captured: Sequence[Mapping[str, Any]], happened_at: float, sources: Sources
) -> tuple[str, list[dict[str, Any]]]:
    """The stack text, and the exceptions with their frames as `context["exceptions"]` has them.

    Args:
        captured: what `capture_exception` returned.
        happened_at: seconds since 1970.
        sources: where source lines come from.
    """
    exceptions = [
        {**entry, "frames": [_frame(frame, happened_at, sources) for frame in entry["frames"]]} for entry in captured
    ]
    lines = _text(exceptions, 0, set()) if exceptions else []
    return "".join(lines).rstrip("\n"), exceptions


def _frame(frame: Sequence[Any], happened_at: float, sources: Sources) -> dict[str, Any]:
    file, line, function, module, *variables = frame
    result: dict[str, Any] = {
        "file": file, "line": line, "function": function, "module": module, "in_app": is_in_app(file),
    }  # fmt: skip
    if variables and variables[0]:
        result["vars"] = variables[0]
    lines = sources.lines(file, happened_at)
    if 0 < line <= len(lines):
        result["source"] = sources.shown(lines[line - 1])
        if result["in_app"]:
            result["before"] = [sources.shown(text) for text in lines[max(line - 1 - CONTEXT_LINES, 0) : line - 1]]
            result["after"] = [sources.shown(text) for text in lines[line : line + CONTEXT_LINES]]
    return result


def is_in_app(file: str) -> bool:
    """Whether a file is the service's own: neither Python's nor an installed package's."""
    return not (file.startswith(_LIBRARY_PATHS) or any(mark in file for mark in _LIBRARY_MARKS))


class Sources:
    """Source files, read once for a batch of events.

    Args:
        redact: takes out what is written into a source as a literal and should not be.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._files: dict[str, tuple[float, list[str]]] = {}

    def lines(self, file: str, happened_at: float) -> list[str]:
        """The file's lines as they were at that time (seconds since 1970); none if it was changed since."""
        known = self._files.get(file)
        if known is None:
            known = self._files[file] = self._read(file)
        changed_at, lines = known
        return lines if changed_at <= happened_at else []

    def _read(self, file: str) -> tuple[float, list[str]]:
        try:
            changed_at = Path(file).stat().st_mtime
        except (OSError, ValueError):
            # No file of that name: `<stdin>`, a zip, another machine's. linecache may know some of them.
            return 0.0, linecache.getlines(file) if file.startswith("<") else []
        linecache.checkcache(file)
        return changed_at, linecache.getlines(file)

    def shown(self, line: str) -> str:
        """A source line as it may be sent."""
        return self._redact(line.rstrip("\n")[:_LINE_CHARS])


def _text(exceptions: Sequence[Mapping[str, Any]], index: int, done: set[int]) -> list[str]:
    """The lines for one exception, after those for what led to it; members of groups are boxed in as Python does."""
    done.add(index)
    one = exceptions[index]
    lines: list[str] = []
    members: list[int] = []
    for other_index, other in enumerate(exceptions):
        if other.get("of") != index or other_index in done:
            continue
        if other.get("via") == "member":
            members.append(other_index)
        else:
            lines += _text(exceptions, other_index, done)
            lines.append(_CAUSE if other.get("via") == "cause" else _CONTEXT)
    if one["frames"]:
        lines.append("Traceback (most recent call last):\n")
        lines += _frame_lines(one)
    value = one.get("value")
    lines.append(f"{one['type']}: {value}\n" if value else f"{one['type']}\n")
    lines += [f"{note}\n" for note in one.get("notes", ())]
    for number, member in enumerate(members, start=1):
        lines.append(f"  +---------------- {number} ----------------\n")
        boxed = "".join(_text(exceptions, member, done))
        lines += [f"  | {line}\n" for line in boxed.splitlines()]
    if members:
        lines.append("  +------------------------------------\n")
    return lines


def _frame_lines(one: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    frames = one["frames"]
    cut = one.get("cut", 0)
    # The cut is in the middle; `capture.py` keeps this many before it.
    head = len(frames) - FRAMES_TAIL if cut else -1
    for number, frame in enumerate(frames):
        if number == head:
            lines.append(f"  [{cut} frames cut]\n")
        lines.append(f'  File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}\n')
        source = frame.get("source", "").strip()
        if source:
            lines.append(f"    {source}\n")
    return lines
