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
    todo: list[tuple[BaseException, str | None, int]] = [(exception, None, 0)]
    while todo and len(found) < EXCEPTIONS:
        one, via, of = todo.pop()
        # A chain can lead back into itself.
        if id(one) in seen:
            continue
        seen.add(id(one))
        entry: dict[str, Any] = {"type": _type_name(type(one)), "value": redact(safe_str(one))}
        if via is not None:
            entry["via"], entry["of"] = via, of
        traceback = peek(one, "__traceback__")
        frames, cut = _frames(traceback if type(traceback) is TracebackType else None, snapshot)
        entry["frames"] = frames
        if cut:
            entry["cut"] = cut
        notes = peek(one, "__notes__")
        if type(notes) is list and notes:
            entry["notes"] = [redact(safe_str(note)) for note in notes[:NOTES]]
        index = len(found)
        found.append(entry)
        members = peek(one, "exceptions")
        if type(members) is tuple:
            todo.extend((member, "member", index) for member in reversed(members[:EXCEPTIONS]) if _is_exception(member))
        cause, context = peek(one, "__cause__"), peek(one, "__context__")
        if _is_exception(cause):
            todo.append((cause, "cause", index))
        elif _is_exception(context) and not peek(one, "__suppress_context__"):
            todo.append((context, "context", index))
    return found


def peek(value: object, name: str) -> Any:
    """An attribute, or `None`: exceptions with a `__getattr__` of their own may raise anything for a name they lack."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - see above
        return None


def _is_exception(value: object) -> bool:
    return issubclass(type(value), BaseException)


def safe_str(value: object, most: int = VALUE_CHARS) -> str:
    """`str(value)`, cut in its middle to about `most` characters, whatever its `__str__` does."""
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - a stranger's __str__ may raise anything
        return f"<{type(value).__name__} whose __str__ raised {type(error).__name__}>"
    if len(text) > most:
        half = most // 2
        return f"{text[:half]} … {len(text) - 2 * half} characters cut … {text[-half:]}"
    return text


def _type_name(kind: type[BaseException]) -> str:
    module = peek(kind, "__module__")
    unnamed = not isinstance(module, str) or module in ("builtins", "__main__")
    return kind.__qualname__ if unnamed else f"{module}.{kind.__qualname__}"


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
