"""What the Telegram of `telegram_support.py` answers, and what a proxy before it may."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, TypeAlias


class Answer(NamedTuple):
    """What a request gets instead of what it deserves."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Fate(NamedTuple):
    """What happens to a request instead of an answer."""

    name: str


#: Nothing comes until the client goes away.
HANG: Final = Fate("hang")
#: The connection is reset; the request has no effect.
RESET: Final = Fate("reset")
#: The request has its effect, but the connection is reset before the answer.
LOST: Final = Fate("lost")
Reaction: TypeAlias = "Answer | Fate"


def error(code: int, description: str, **parameters: int) -> Answer:
    """What the Bot API answers when it does not do something."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Answer(code, json.dumps(body).encode())


def too_many(retry_after: int) -> Answer:
    """429, wait so many seconds."""
    return error(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def page(status: int, html: str = "<html><body>nginx</body></html>") -> Answer:
    """A page of something between us and Telegram."""
    return Answer(status, html.encode(), (("Content-Type", "text/html"),))


def redirect(location: str) -> Answer:
    """302 to somewhere else."""
    return Answer(302, b"", (("Location", location),))


UNAUTHORIZED: Final = error(401, "Unauthorized")
KICKED: Final = error(403, "Forbidden: bot was kicked from the supergroup chat")
BLOCKED: Final = error(403, "Forbidden: bot was blocked by the user")
CHAT_NOT_FOUND: Final = error(400, "Bad Request: chat not found")
