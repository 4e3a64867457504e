"""A journal's line made into the event that the collector takes: stacks readable, breadcrumbs opened up."""

from __future__ import annotations

import json
from typing import Any

from .capture import safe_str
from .parse import parse_traceback, with_modules
from .render import Sources, render

_encode = json.JSONEncoder(separators=(",", ":")).encode


def finish(line: bytes, header: dict[str, Any], sources: Sources) -> bytes | None:
    """The event, as a line of JSON; `None` where the line is no event.

    Args:
        line: as it was appended.
        header: the first line of its segment: what is known of the process that wrote it.
        sources: source files, shared by the events of a batch.
    """
    try:
        event = json.loads(line)
        if not isinstance(event, dict):
            return None
        try:
            _open_up(event, header, sources)
        except Exception:  # noqa: BLE001 - another program's file, or a before_send that changed what it should not have
            event["context"] = {"unreadable": safe_str(event.get("context"))}
        return _encode(event).encode()
    except (ValueError, RecursionError):
        return None


def _open_up(event: dict[str, Any], header: dict[str, Any], sources: Sources) -> None:
    context = event.get("context")
    if not isinstance(context, dict):
        context = {} if context is None else {"context": context}
    event["context"] = context
    exceptions = event.pop("exceptions", None)
    happened_at = event.get("created_at", 0.0)
    if exceptions:
        text, context["exceptions"] = render(exceptions, happened_at, sources)
        event.setdefault("stack", text)
    elif event.get("stack"):
        _, parsed = render(with_modules(parse_traceback(event["stack"])), happened_at, sources)
        if parsed:
            context["exceptions"] = parsed
    if context.get("breadcrumbs"):
        context["breadcrumbs"] = [
            json.loads(crumb) if isinstance(crumb, str) else crumb for crumb in context["breadcrumbs"]
        ]
    if header:
        context["process"] = header
