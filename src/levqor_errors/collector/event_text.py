"""An event as plain text, to be pasted somewhere: into a ticket, a chat, a program. Marked as untrusted, and without
characters that act on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..printable import printable
from .event_view import Crumb, EventView, Raised
from .frame_view import Frame
from .json_view import Pair
from .untrusted import fenced

_FACTS: Final = {
    "severity": "Severity", "service": "Service", "source": "Source", "environment": "Environment",
    "release": "Release", "path_or_screen": "Path", "created_at": "Happened", "received_at": "Received",
    "event_id": "Event id",
}  # fmt: skip


def event_text(event: Mapping[str, Any], view: EventView) -> str:
    """The text.

    Args:
        event: as `Storage.get` gives it.
        view: its views.
    """
    parts = [str(event["message"])]
    parts.append("\n".join(f"{name}: {event[key]}" for key, name in _FACTS.items() if event[key]))
    # The stack as its sender wrote it says no more than frames do; frames from source maps say more than it does.
    chain = "\n".join(line for one in view.exceptions for line in _raised(one))
    parts.append(chain or event["stack"] or "")
    if view.request is not None:
        request = f"Request: {view.request.method} {view.request.address}".rstrip()
        parts.append("\n".join([request, *_indented((*view.request.headers, *view.request.more))]))
    for title, pairs in (
        ("User", view.user), ("Tags", view.tags), *((one.title, one.pairs) for one in (*view.around, *view.more)),
    ):  # fmt: skip
        if pairs:
            parts.append("\n".join([f"{title}:", *_indented(pairs)]))
    crumbs = (*view.earlier, *view.crumbs)
    if crumbs:
        parts.append("\n".join(["Before it:", *(f"  {_crumb(one)}" for one in crumbs)]))
    return fenced(printable("\n\n".join(part for part in parts if part), lines=True))


def _indented(pairs: Iterable[Pair]) -> Iterator[str]:
    for name, value in pairs:
        yield f"  {name}: {value}" if name else f"  {value}"


def _raised(one: Raised) -> Iterator[str]:
    if one.relation:
        yield f"{one.relation}:"
    yield f"{one.type}: {one.value}" if one.value else one.type
    yield from one.notes
    for stretch in one.stretches:
        for frame in stretch.frames:
            yield from _frame(frame)
    if one.cut:
        yield f"  [{one.cut:,} frames cut]"


def _frame(frame: Frame) -> Iterator[str]:
    where = f"{frame.folder}{frame.file}{frame.place}"
    yield f"  at {frame.function} ({where})" if where else f"  at {frame.function}"
    failing = next((line.text for line in frame.source if line.failing), "").strip()
    if failing and frame.in_app:
        yield f"      {failing}"


def _crumb(crumb: Crumb) -> str:
    said = ": ".join(part for part in (crumb.category, crumb.message) if part)
    return "  ".join(part for part in (crumb.when, crumb.level, said, crumb.data) if part)
