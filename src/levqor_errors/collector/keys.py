"""Ingest keys: for those who want to know who may send. Public and write-only, as a page's source shows them; they keep
strangers out who did not look, and one service from writing as another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from ..errors import RequestRefusedError
from ..event import ErrorEvent
from ..severity import DEFAULT_SERVICE

#: A key's service when it may send for all.
ANY: Final = "*"
#: Of a query string; ours has one.
_FIELDS: Final = 10


class Keys:
    """The keys that are known; without any, none is asked for.

    Args:
        keys: the service for each, `*` for any.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._services = {key.encode(): service for key, service in keys.items()}

    def service(self, headers: Mapping[bytes, bytes], query: bytes) -> str:
        """The service that a request may send for, by its `X-Levqor-Key`, or `?key=`, since a browser's beacon has no
        headers of its own.

        Raises:
            RequestRefusedError: 401 without a key, or with an unknown one.
        """
        if not self._services:
            return ANY
        key = headers.get(b"x-levqor-key")
        if key is None:
            key = _query_key(query)
        service = self._services.get(key)
        if service is None:
            raise RequestRefusedError(
                401, "an ingest key is required: send it as X-Levqor-Key, or as ?key= in the address"
            )
        return service


def bind(event: ErrorEvent, service: str) -> ErrorEvent:
    """The event of a key's service: one that names no service gets it.

    Raises:
        RequestRefusedError: 403 for an event of another service.
    """
    if service in (ANY, event.service):
        return event
    # The gate's word for "not given", and what our clients send when they are not told a name.
    if event.service == DEFAULT_SERVICE:
        return event._replace(service=service)
    raise RequestRefusedError(403, f"service must be {service}, by this key")


def _query_key(query: bytes) -> bytes:
    try:
        values = parse_qs(query.decode("ascii"), max_num_fields=_FIELDS).get("key", [""])
    except ValueError:
        return b""
    return values[0].encode()
