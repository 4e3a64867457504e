"""What is told of an HTTP request: its method, path and query, without secrets. Bodies and headers stay where they are,
but for those that say who asks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final
from urllib.parse import unquote_plus

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
    redactor = current_client().options.redactor
    kept = {name: headers[name] for name in HEADERS if headers.get(name)}
    request = {"method": method, "path": path, "query": _query(query, redactor), "headers": kept}
    described: dict[str, Any] = Snapshot(redactor).of(request)
    return described


def _query(query: str, redactor: Redactor) -> str:
    """A query without the values that go by the name of a secret."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "&".join(
        f"{name}={REDACTED}" if value and redactor.is_secret(unquote_plus(name)) else f"{name}{equals}{value}"
        for name, equals, value in pairs
    )
