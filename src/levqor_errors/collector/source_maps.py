"""Source maps by HTTP: taken from whoever builds a release, listed, deleted. They are stored as they came
(`storage/source_maps.py`), and read when an event is looked at (`original_frames.py`).
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .. import instants, limits
from ..clean import clean_text
from ..errors import RequestRefusedError, SourceMapError
from ..source_map import SourceMap, name_of
from ..storage import Storage
from ..storage.source_maps import MappedRelease, StoredMap, new_map
from .answers import JsonResponse
from .body import Bodies, Sizes, read_body

logger = logging.getLogger("levqor_errors.collector")

SIZES: Final = Sizes(
    limits.SOURCE_MAP_SENT_BYTES, limits.SOURCE_MAP_BYTES, None, "split the bundle, or leave the sources out of its map"
)
#: `~`, or the scheme and host of a URL, or neither, and a path that is more than slashes.
NAME_PATTERN: Final = r"^(~|[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?/+[^/?#]"
#: Not of the room that events have.
UPLOADS: Final = Bodies(limits.SOURCE_MAP_BODIES_BYTES)


class SourceMaps:
    """The endpoints. What they raise, `app.py` answers by `answers.error_response`.

    Args:
        storage: where maps are kept.
        max_database_bytes: how large the database may grow; maps may take a part of it.
    """

    def __init__(self, storage: Storage, max_database_bytes: int | None) -> None:
        self._storage = storage
        share = None if max_database_bytes is None else max_database_bytes // limits.SOURCE_MAPS_SHARE
        self._most_bytes = min(limits.SOURCE_MAPS_BYTES, share or limits.SOURCE_MAPS_BYTES)
        # Reading one may take several times its size for a moment.
        self._one_at_a_time = threading.Lock()

    async def answer(self, request: Request) -> Response:
        """/api/sourcemaps. One route, so that a 405 can name all of its methods."""
        match request.method:
            case "POST":
                return await self._post(request)
            case "DELETE":
                return await self._remove(request)
        return await self._get(request)

    async def _post(self, request: Request) -> Response:
        params = request.query_params
        release, name = _release(params), _name(params)
        if release is None or name is None:
            raise RequestRefusedError(400, "release and name are required")
        try:
            body = await read_body(dict(request.scope["headers"]), request.receive, UPLOADS, SIZES)
        except ClientDisconnect:
            # Nobody is there to read an answer.
            return Response(status_code=400)
        status, answer = await run_in_threadpool(self._add, release, name, body)
        return JsonResponse({"ok": True, "release": release, "name": name, **answer}, status)

    def _add(self, release: str, name: str, body: bytes) -> tuple[int, dict[str, Any]]:
        digest = hashlib.sha256(body).hexdigest()
        answer: dict[str, Any] = {"digest": digest, "bytes": len(body), "removed": []}
        with self._storage.source_map_reader() as maps:
            if maps.digest(release, name) == digest:
                return 200, answer
        with self._one_at_a_time:
            try:
                SourceMap(body)
            except SourceMapError as error:
                raise RequestRefusedError(400, f"this is no source map: {error}") from error
            new = new_map(release, name, digest, body)
        if len(new.compressed) > limits.SOURCE_MAP_SENT_BYTES:
            raise SIZES.refuse(limits.SOURCE_MAP_SENT_BYTES, "bytes when compressed")
        with self._storage.source_maps(adding=True) as maps:
            answer["removed"] = maps.put(new, most_bytes=self._most_bytes, now=instants.now())
        if answer["removed"] is None:
            raise RequestRefusedError(
                413,
                f"a release may have {limits.SOURCE_MAPS:,} maps, of {self._most_bytes:,} bytes when compressed",
            )
        if answer["removed"]:
            logger.info("deleted source maps of %s releases to make room for newer ones", len(answer["removed"]))
        return 201, answer

    async def _get(self, request: Request) -> Response:
        releases, maps = await run_in_threadpool(self._list, _release(request.query_params))
        return JsonResponse(
            {"ok": True, "releases": [one._asdict() for one in releases], "maps": [one._asdict() for one in maps]}
        )

    def _list(self, release: str | None) -> tuple[list[MappedRelease], list[StoredMap]]:
        with self._storage.source_map_reader() as maps:
            if release is None:
                return maps.releases(), []
            found = maps.of_release(release)
        if not found:
            return [], []
        latest = max(one.uploaded_at for one in found)
        return [MappedRelease(release, len(found), sum(one.stored_bytes for one in found), latest)], found

    async def _remove(self, request: Request) -> Response:
        params = request.query_params
        release = _release(params)
        if release is None:
            raise RequestRefusedError(400, "release is required")
        deleted = await run_in_threadpool(self._delete, release, _name(params))
        return JsonResponse({"ok": True, "deleted": deleted})

    def _delete(self, release: str, name: str | None) -> int:
        deleted = 0
        while True:
            # A transaction each, so that commits of events come between.
            with self._storage.source_maps() as maps:
                if name is not None:
                    return maps.delete(release, name)
                step = maps.delete_some(release)
            deleted += step
            if not step:
                return deleted


def _release(params: QueryParams) -> str | None:
    """As the gate cleans it in an event. Empty is the same as not given."""
    given = params.get("release", "").strip()
    if len(given) > limits.RELEASE_CHARS:
        raise RequestRefusedError(400, f"release must have at most {limits.RELEASE_CHARS} characters")
    return clean_text(given, limits.RELEASE_CHARS) or None


def _name(params: QueryParams) -> str | None:
    given = params.get("name", "")
    if not given:
        return None
    name = name_of(given)
    if name is None or len(given) > limits.SOURCE_MAP_NAME_CHARS or not re.match(NAME_PATTERN, given):
        raise RequestRefusedError(
            400, f"name must be the path of a built file, of at most {limits.SOURCE_MAP_NAME_CHARS} characters"
        )
    return name
