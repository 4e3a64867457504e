"""A journal's line made into the event that the collector takes: stacks readable, breadcrumbs opened up."""

from __future__ import annotations

import json
from typing import Any

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
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    context = event.get("context")
    if not isinstance(context, dict):
        context = {} if context is None else {"context": context}
    event["context"] = context
    exceptions = event.pop("exceptions", None)
    happened_at = event.get("created_at", 0.0)
    try:
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
    except Exception:  # noqa: BLE001 - whatever is in it, the shipper's thread goes on
        # Somebody else's file, or a before_send that changed what it should not have: as much as there is goes out.
        context["unreadable"] = True
    if header:
        context["process"] = header
    try:
        return _encode(event).encode()
    except RecursionError:
        return None
