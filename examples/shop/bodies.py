"""Reading what strangers send. What is wrong with it is their mistake: a 400 for them, and no event for us."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        HTTPException: 400, when it is none.
    """
    try:
        value = json.loads(await request.body())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return value


def read_text(body: dict[str, Any], field: str) -> str:
    """A text field that must be there.

    Raises:
        HTTPException: 400, naming the field.
    """
    value = body.get(field)
    if not isinstance(value, str) or not value.strip():
        raise HTTPException(400, f"{field} must be a text that is not empty")
    return value.strip()
