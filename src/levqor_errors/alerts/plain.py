"""A notice as plain text, for channels without a form of their own."""

from __future__ import annotations

from typing import Final

from ..clean import clean_text
from ..printable import printable
from .notice import Notice, last_frames

#: Of the parts that a sender writes.
_MESSAGE_CHARS: Final = 1_000
_LINE_CHARS: Final = 300


def subject(notice: Notice, most: int) -> str:
    """What happened, in a line."""
    where = f"{notice.service}: " if notice.service else ""
    return _line(f"[{notice.severity}] {where}{notice.title}", max(most - 10, 20)) + f" ({notice.id})"


def text(notice: Notice, most: int) -> str:
    """All of it, in at most so many characters."""
    parts = list(notice.lines)
    event = notice.event
    if notice.count > 1:
        parts.append(f"{notice.count:,} events since {notice.since}")
    if event is not None:
        if event["message"] not in notice.title:
            parts.append(printable(clean_text(event["message"], _MESSAGE_CHARS), lines=True))
        parts += [f"  {frame}" for frame in last_frames(event)]
        for name, key in (("Path", "path_or_screen"), ("User", "user_email"), ("Environment", "environment")):
            if event.get(key):
                parts.append(f"{name}: {event[key]}")
    issue = notice.issue
    if issue is not None:
        parts.append(f"Seen {issue['count']:,} times since {issue['first_seen']}")
    shown = "\n".join(part if "\n" in part else _line(part, _LINE_CHARS) for part in parts)
    end = f"\n{notice.link}" if notice.link else ""
    return clean_text(shown, max(most - len(end), 100)) + end


def _line(value: str, most: int) -> str:
    return printable(clean_text(" ".join(value.split()), most))
