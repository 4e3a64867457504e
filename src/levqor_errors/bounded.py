"""An HTTP answer, read within bounds: whoever answers may be anybody. For the client and for channels of alerts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any


def read_bounded(chunks: Iterable[bytes], *, most: int, until: float) -> bytes:
    """The beginning of a body, about as much as an honest one can have, in no more than the time that it may take.

    Args:
        chunks: as they come.
        most: bytes; the chunk that goes past it is the last.
        until: a point of `time.monotonic()`.
    """
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > most or time.monotonic() > until:
            break
    return body


def json_object(body: bytes) -> dict[str, Any]:
    """The object that a body holds; an empty one for whatever else it is."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
