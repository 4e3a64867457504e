"""An exception as plain data, taken on the caller's thread: names, numbers and texts, no source lines, no formatting.

`render.py` makes the readable form out of it later, on the shipper's thread. No exception, traceback or frame is kept:
they would pin everything that their local variables hold.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .snapshot import Snapshot

VALUE_CHARS: Final = 8_192
#: Texts and notes of a whole chain together.
CHARS: Final = 65_536
TYPE_CHARS: Final = 500
#: Exceptions of one chain, members of groups included.
EXCEPTIONS: Final = 20
#: Frames of one exception: these many from its start and from its end, so that a deep recursion keeps both.
FRAMES_HEAD: Final = 20
FRAMES_TAIL: Final = 60
NOTES: Final = 10
#: Frames of one exception, from its end, whose local variables are kept where they are asked for.
LOCALS_FRAMES: Final = 10


def capture_exception(
    exception: BaseException, redact: Callable[[str], str] = str, snapshot: Snapshot | None = None
) -> list[dict[str, Any]]:
    """The exception and all that it hangs together with: causes, contexts, members of groups.

    Args:
        exception: what was raised.
        redact: takes secrets out of its texts.
        snapshot: takes pictures of local variables, where they are asked for.

    Returns:
        The exception itself first. Each further one says by `via` (`cause`, `context` or `member`) and `of` (an
        index) what it is to one before it.
    """
    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    room = CHARS

    def text(value: object) -> str:
        nonlocal room
        shown = redact(safe_str(value, max(min(VALUE_CHARS, room), 100)))
        room -= len(shown)
        return shown

    todo: list[tuple[BaseException, str | None, int]] = [(exception, None, 0)]
    while todo and len(found) < EXCEPTIONS:
        one, via, of = todo.pop()
        # A chain can lead back into itself.
        if id(one) in seen:
            continue
        seen.add(id(one))
        entry: dict[str, Any] = {"type": _type_name(type(one)), "value": text(one)}
        if via is not None:
            entry["via"], entry["of"] = via, of
        frames, cut = _frames(_traceback(one), snapshot)
        entry["frames"] = frames
        if cut:
            entry["cut"] = cut
        notes = _several(one, "__notes__", NOTES)
        if notes:
            entry["notes"] = [text(note) for note in notes]
        index = len(found)
        found.append(entry)
        members = _several(one, "exceptions", EXCEPTIONS)
        # Not isinstance(): it asks the object itself for its class.
        todo.extend(
            (member, "member", index) for member in reversed(members) if issubclass(type(member), BaseException)
        )
        cause, context = _cause(one), _context(one)
        if cause is not None:
            todo.append((cause, "cause", index))
        elif context is not None and not _suppressed(one):
            todo.append((context, "context", index))
    return found


# The interpreter's own attributes, past whatever the exception's class has made of them.
_traceback: Final = vars(BaseException)["__traceback__"].__get__
_cause: Final = vars(BaseException)["__cause__"].__get__
_context: Final = vars(BaseException)["__context__"].__get__
_suppressed: Final = vars(BaseException)["__suppress_context__"].__get__


def _several(one: BaseException, name: str, most: int) -> list[Any]:
    """The first of what a list or tuple under this name holds; of exceptions that may be anybody's."""
    try:
        value: Any = getattr(one, name, None)
        if issubclass(type(value), list):
            return list(list.__getitem__(value, slice(0, most)))
        return list(tuple.__getitem__(value, slice(0, most))) if issubclass(type(value), tuple) else []
    except Exception:  # noqa: BLE001 - a stranger's attribute may raise anything
        return []


def safe_str(value: object, most: int = VALUE_CHARS) -> str:
    """`str(value)`, cut in its middle to about `most` characters, whatever its `__str__` does."""
    try:
        # A __str__ may return a subclass of str, which may lie about its length; this makes it a plain one.
        text = str.__str__(str(value))
    except Exception as error:  # noqa: BLE001 - a stranger's __str__ may raise anything
        return f"<{type(value).__name__[:200]} whose __str__ raised {type(error).__name__[:200]}>"
    if len(text) > most:
        half = most // 2
        return f"{text[:half]} … {len(text) - 2 * half} characters cut … {text[-half:]}"
    return text


def _type_name(kind: type[BaseException]) -> str:
    module, name = kind.__module__, kind.__qualname__[:TYPE_CHARS]
    return name if not isinstance(module, str) or module in ("builtins", "__main__") else f"{module}.{name}"


def _frames(traceback: TracebackType | None, snapshot: Snapshot | None) -> tuple[list[list[Any]], int]:
    """[file, line, function, module] of each frame, the outermost first, with its local variables as a fifth where they
    are asked for; and how many frames were cut from the middle."""
    entries = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    cut = len(entries) - FRAMES_HEAD - FRAMES_TAIL
    if cut > 0:
        entries[FRAMES_HEAD:-FRAMES_TAIL] = []
    frames = []
    for entry in entries:
        frame = entry.tb_frame
        code = frame.f_code
        module = frame.f_globals.get("__name__")
        frames.append([code.co_filename, entry.tb_lineno, code.co_name, module if isinstance(module, str) else ""])
    if snapshot is not None:
        for described, entry in zip(reversed(frames), reversed(entries[-LOCALS_FRAMES:]), strict=False):
            described.append(_locals(entry.tb_frame, snapshot))
    return frames, max(cut, 0)


def _locals(frame: FrameType, snapshot: Snapshot) -> Any:
    # A module's variables are its whole content, functions and all: no help, and often secrets.
    if frame.f_code.co_name == "<module>":
        return {}
    return snapshot.of(dict(frame.f_locals))
