"""`GET /errorClient.js`: the browser client for a page without a bundler, `<script src="…/errorClient.js" …>`.

Public, and for pages of any origin. The file is made of js/ by `npm run served`; a test there fails when it is stale.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_FILE: Final = Path(__file__).parent / "browser" / "errorClient.js"
_HEADERS: Final = {
    # An hour until a page has a new version; then one question, mostly answered with a 304.
    "Cache-Control": "public, max-age=3600",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    # For pages that take nothing of others without a word of theirs (COEP), and for `crossorigin`, without which a
    # browser hides the errors of a script. There is nothing of anybody's in the file.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
}


class BrowserClient:
    """The endpoint; the file is read and compressed once."""

    def __init__(self) -> None:
        plain = _FILE.read_bytes()
        tag = hashlib.sha256(plain).hexdigest()[:16]
        # A time in it would make another file of it in every collector.
        self._gzip = gzip.compress(plain, mtime=0), f'"{tag}-gzip"'
        self._plain = plain, f'"{tag}"'

    async def get(self, request: Request) -> Response:
        """GET /errorClient.js."""
        compressed = "gzip" in request.headers.get("accept-encoding", "").lower()
        body, tag = self._gzip if compressed else self._plain
        headers = {**_HEADERS, "ETag": tag}
        known = request.headers.get("if-none-match", "")
        if known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
            return Response(status_code=304, headers=headers)
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers, media_type="text/javascript")
