"""Answers: JSON by orjson, and the one mapping from our errors to HTTP statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Send

from ..errors import (
    EventUnstorableError,
    InvalidEventError,
    LevqorError,
    OverloadedError,
    RateLimitedError,
    RequestRefusedError,
    StorageUnavailableError,
    TriageError,
)

#: What a status says besides. 413: the rest of the body is not waited for. 415: what is taken (RFC 9110, 15.5.16).
_FIELDS: Final = {413: ("Connection", "close"), 415: ("Accept-Encoding", "gzip")}
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class JsonResponse(Response):
    """A JSON answer that no cache may keep: all of them are about somebody's errors."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(content, status_code, {**_HEADERS, **(headers or {})})

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def error_status(error: LevqorError) -> tuple[int, int | None]:
    """The HTTP status of an error, and the seconds for `Retry-After` where trying again makes sense."""
    match error:
        case RequestRefusedError():
            return error.status, None
        case InvalidEventError() | EventUnstorableError() | TriageError():
            return 400, None
        case RateLimitedError():
            return 429, error.retry_after
        case OverloadedError() | StorageUnavailableError():
            return 503, error.retry_after
    return 500, None


def error_response(error: LevqorError) -> JsonResponse:
    """The answer for an error: `{"ok": false, "error": "…"}`."""
    status, retry_after = error_status(error)
    headers = dict([_FIELDS[status]] if status in _FIELDS else [])
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return JsonResponse({"ok": False, "error": str(error)}, status, headers)


async def send_json(
    send: Send,
    status: int,
    content: Any,
    retry_after: int | None = None,
    more_headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Answer with JSON from a bare ASGI endpoint: the same headers as `JsonResponse`, without its cost."""
    body = orjson.dumps(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *more_headers,
    ]
    if status in _FIELDS:
        name, value = _FIELDS[status]
        headers.append((name.lower().encode(), value.encode()))
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_empty(send: Send, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Answer a 204 from a bare ASGI endpoint."""
    await send({"type": "http.response.start", "status": 204, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b""})
