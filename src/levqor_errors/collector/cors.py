"""Which web pages may send events from a browser (CORS), for ingest alone: nothing else here is for other origins.

An origin is compared whole, as bytes: no suffix, no prefix, no pattern (Sentry's suffix match was CVE-2023-36829).
Credentials are never allowed; whoever posts an event needs none. CORS guards nothing here, since anyone may post with
any program; it only lets browsers of listed pages do it.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

_EXPOSED: Final = (b"access-control-expose-headers", b"Retry-After")
_VARY: Final = (b"vary", b"Origin")
#: Two hours are the longest that Chromium remembers a preflight, whatever more it is told.
_PREFLIGHT: Final[Headers] = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type, content-encoding, x-levqor-key"),
    (b"access-control-max-age", b"7200"),
)
#: What a browser sends for a page without an origin of its own: a sandboxed frame, a file.
_NO_ORIGIN: Final = b"null"


class Cors:
    """The headers of answers, by the request's origin.

    Args:
        origins: exact ones, or `*` alone for any.
    """

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._any = _headers(b"*") if origins == ("*",) else ()
        self._listed = {origin.encode(): _headers(origin.encode()) for origin in origins if origin != "*"}

    def headers(self, origin: bytes | None) -> Headers:
        """What goes with every answer to this origin, a refusal too; nothing for one that is not listed."""
        if origin is None or origin == _NO_ORIGIN:
            return ()
        return self._listed.get(origin, self._any)

    def preflight(self, origin: bytes | None) -> Headers:
        """What answers a browser that asks before it posts."""
        headers = self.headers(origin)
        return (*headers, *_PREFLIGHT) if headers else (_VARY,)


def _headers(allowed: bytes) -> Headers:
    return (b"access-control-allow-origin", allowed), _EXPOSED, _VARY
