"""What is told of an HTTP request: its method, path and query, without secrets. Bodies and headers stay where they are,
but for those that say who asks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final

from ..client import scopes
from ..client.api import current_client
from ..client.snapshot import Snapshot
from ..redact import REDACTED, Redactor

HEADERS: Final = ("user-agent", "referer", "host", "content-type")


def request_scope(*, method: str, path: str, query: str, headers: dict[str, str]) -> AbstractContextManager[None]:
    """A scope in which events carry the request, and its path as theirs.

    Args:
        method: GET, POST, …
        path: as the service sees it.
        query: what follows the question mark.
        headers: by lower-case name; only `HEADERS` of them are kept.
    """
    shown = current_client().options.redactor.text(path)
    return scopes.entered(path=shown, request=describe_request(method=method, path=path, query=query, headers=headers))


def describe_request(*, method: str, path: str, query: str, headers: dict[str, str]) -> dict[str, Any]:
    """The request as an event's context has it. Arguments as for `request_scope`."""
    kept = {name: headers[name] for name in HEADERS if headers.get(name)}
    redactor = current_client().options.redactor
    request = {"method": method, "path": path, "query": _shown_query(query, redactor), "headers": kept}
    described: dict[str, Any] = Snapshot(redactor).of(request)
    return described


def _shown_query(query: str, redactor: Redactor) -> str:
    """By name, as a mapping's values: `sid=…` is secret in a query, though not in every text."""
    parts = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        parts.append(f"{name}={REDACTED}" if equals and redactor.is_secret(name) else part)
    return "&".join(parts)
