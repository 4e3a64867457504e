"""Our own scripts, styles and pictures: `/static/…`, and by a path with their version in it, under which they never
change and browsers ask once. Modules import each other by relative paths, so the version goes with them.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOLDER: Final = Path(__file__).parent / "static"
_ANY_VERSION: Final = re.compile(r"v-[0-9a-f]{12}")
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
#: To be kept, and asked about with its ETag each time.
_ASK_FIRST: Final = "no-cache"


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"v-{digest.hexdigest()[:12]}"


_VERSION: Final = _version()
#: Where pages find the files.
VERSIONED: Final = f"/static/{_VERSION}"


class Assets(StaticFiles):
    """The files, with what browsers need to know to keep them."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path, whichever version is before it: while collectors are exchanged one by one, a page of one
        version may ask a collector of another."""
        first, _, rest = path.partition(os.sep)
        response = await super().get_response(rest if _ANY_VERSION.fullmatch(first) else path, scope)
        response.headers["Cache-Control"] = _FOR_GOOD if first == _VERSION else _ASK_FIRST
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
