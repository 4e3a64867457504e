"""A traceback's text read back into data, for events that have nothing else: a QueueHandler's, or a `stack=` of the
caller's own. Gives what `capture_exception` would have, for the exception that was raised last.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

_START: Final = "Traceback (most recent call last):\n"
_FRAME: Final = re.compile(r'^  File "([^"\n]+)", line (\d{1,9}), in (\S+)$')
_ERROR: Final = re.compile(r"^([A-Za-z_](?:[\w.]|<locals>)*)(?:: (.*))?$")


def parse_traceback(text: str) -> list[dict[str, Any]]:
    """The exception at the end of a traceback's text; empty where there is none.

    Args:
        text: what `traceback.format_exc()` gives.
    """
    _, found, last = text.rpartition(_START)
    if not found:
        return []
    frames: list[list[Any]] = []
    for line in last.splitlines():
        frame = _FRAME.match(line)
        if frame is not None:
            frames.append([frame[1], int(frame[2]), frame[3], ""])
        elif not line.startswith(" "):
            error = _ERROR.match(line)
            return [] if error is None else [{"type": error[1], "value": error[2] or "", "frames": frames}]
    return []


def with_modules(exceptions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with the names of the modules, as far as this process knows them: they are what issues go by."""
    if exceptions:
        names: dict[Any, str] = {}
        for name, module in tuple(sys.modules.items()):
            names.setdefault(getattr(module, "__dict__", {}).get("__file__"), name)
        for exception in exceptions:
            for frame in exception["frames"]:
                frame[3] = names.get(frame[0], "")
    return exceptions
