"""What surrounds an event: the user, tags, the request and breadcrumbs, for the thread or asyncio task one is in.

One `ContextVar` holds one immutable value. A change makes a new value, so nothing leaks into a task that was started
before, or out of a `scope()`. Everything is taken, redacted and encoded when it is set: an event only joins texts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from ..redact import Redactor
from .capture import safe_str
from .snapshot import Snapshot

#: The latest are kept.
BREADCRUMBS: Final = 50
TAGS: Final = 50

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Scope(NamedTuple):
    """The surroundings. `tags` and `request` are never changed in place; breadcrumbs are encoded already."""

    user_email: str | None = None
    user: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    path: str | None = None
    request: Mapping[str, Any] | None = None
    breadcrumbs: tuple[str, ...] = ()


NOTHING: Final = Scope()
_current: ContextVar[Scope] = ContextVar("levqor_errors_scope", default=NOTHING)

current = _current.get


def change(**fields: Any) -> None:
    """Put something else into the scope one is in."""
    _current.set(_current.get()._replace(**fields))


def user(redactor: Redactor, email: str | None, more: Mapping[str, object]) -> None:
    """Who is served here."""
    change(user_email=None if email is None else safe_str(email), user=Snapshot(redactor).of(more) if more else None)


def tag(redactor: Redactor, name: str, value: object) -> None:
    """A short fact to filter by."""
    tags = dict(_current.get().tags or {})
    if len(tags) < TAGS or name in tags:
        tags[safe_str(name)[:200]] = Snapshot(redactor).of({name: safe_str(value)})[name[:200]]
        change(tags=tags)


def breadcrumb(
    redactor: Redactor, message: object, category: str, level: str, data: Mapping[str, object] | None
) -> None:
    """Something that happened on the way to an error."""
    snapshot = Snapshot(redactor)
    crumb = {
        "at": round(time.time(), 3),
        "level": safe_str(level, 100),
        "category": safe_str(category, 100),
        "message": snapshot.text(safe_str(message)),
    }
    if data:
        crumb["data"] = snapshot.of(data)
    scope = _current.get()
    _current.set(scope._replace(breadcrumbs=(*scope.breadcrumbs[1 - BREADCRUMBS :], _encode(crumb))))


@contextmanager
def entered(**fields: Any) -> Iterator[None]:
    """A scope within the present one; what is set inside is forgotten at its end."""
    before = _current.get()
    _current.set(before._replace(**fields))
    try:
        yield
    finally:
        # Not reset(token): a generator may be closed in another context than it was started in.
        _current.set(before)
