"""The routes of source maps, and the shapes of what goes in and comes out, for `openapi.py`."""

from __future__ import annotations

from typing import Any, Final

from .. import limits
from .openapi_parts import GUARDED, OWNER, answer, or_empty, query, response
from .openapi_schemas import COUNT, TIME, ref, whole
from .source_maps import NAME_PATTERN

_TEXTS: Final = {"type": ["array", "null"], "items": {"type": ["string", "null"]}}
_DIGEST: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of what was uploaded."}

SOURCE_MAP_SCHEMAS: Final[dict[str, Any]] = {
    "SourceMap": {
        "type": "object",
        "required": ["version", "mappings"],
        "description": "As ECMA-426 has it; an index map has `sections` in place of `mappings`.",
        "properties": {
            "version": {"const": 3},
            "mappings": {"type": "string", "pattern": "^[A-Za-z0-9+/,;]*$", "description": "Base64 VLQ."},
            "sources": _TEXTS,
            "sourcesContent": _TEXTS,
            "names": _TEXTS,
            "sourceRoot": {"type": ["string", "null"]},
        },
    },
    "StoredSourceMap": whole(
        ok={"const": True},
        release={"type": "string"},
        name={"type": "string"},
        digest=_DIGEST,
        bytes=COUNT,
        removed={
            "type": "array",
            "items": {"type": "string"},
            "description": "Releases that lost maps to make room: first those of which no event is stored.",
        },
    ),
    "SourceMaps": whole(
        ok={"const": True},
        releases={
            "type": "array",
            "items": whole(release={"type": "string"}, maps=COUNT, stored_bytes=COUNT, uploaded_at=TIME),
        },
        maps={
            "type": "array",
            "items": whole(name={"type": "string"}, digest=_DIGEST, bytes=COUNT, stored_bytes=COUNT, uploaded_at=TIME),
        },
    ),
}

_RELEASE_NAME: Final = {"type": "string", "maxLength": limits.RELEASE_CHARS}
_MAP_NAME: Final = {"type": "string", "maxLength": limits.SOURCE_MAP_NAME_CHARS, "pattern": NAME_PATTERN}
_ADD_SOURCE_MAP: Final = {
    "operationId": "add_sourcemap",
    "summary": "Store the source map of a built JavaScript file",
    "description": (
        f"At most {limits.SOURCE_MAP_SENT_BYTES} bytes ({limits.SOURCE_MAP_BYTES} when inflated); "
        "`Content-Encoding: gzip` is taken, the content type does not matter. The same map again changes nothing, "
        "another one takes the place of what has its release and name. Nothing that a map names is ever fetched."
    ),
    "security": OWNER,
    "parameters": [
        query("release", {**_RELEASE_NAME, "pattern": r"\S"}, "As events have it.", required=True),
        query(
            "name",
            _MAP_NAME,
            "The path of the built file, as browsers ask for it: `~/static/app.js`. Of a URL, host and query do not "
            "count.",
            required=True,
        ),
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": ref("SourceMap")}},
    },
    "responses": {
        **GUARDED,
        "201": answer("Stored.", ref("StoredSourceMap")),
        "200": answer("It was there already.", ref("StoredSourceMap")),
        "400": answer("No source map, or a parameter that cannot be used.", ref("Error")),
        "413": answer("Too large, or more than a release may have.", ref("Error")),
        "415": answer("An encoding other than gzip.", ref("Error")),
    },
}

SOURCE_MAP_PATHS: Final[dict[str, Any]] = {
    "/api/sourcemaps": {
        "post": _ADD_SOURCE_MAP,
        "get": {
            "operationId": "sourcemaps",
            "summary": "Which releases have source maps, or which maps a release has",
            "security": OWNER,
            "parameters": [query("release", _RELEASE_NAME, "Only this one, with its maps.")],
            "responses": {
                **GUARDED,
                "200": answer("The latest first; maps by name.", ref("SourceMaps")),
                "400": response("Invalid"),
            },
        },
        "delete": {
            "operationId": "delete_sourcemaps",
            "summary": "Delete the source maps of a release",
            "security": OWNER,
            "parameters": [
                query("release", {**_RELEASE_NAME, "pattern": r"\S"}, "Of which release.", required=True),
                query("name", or_empty(_MAP_NAME), "Only this one."),
            ],
            "responses": {
                **GUARDED,
                "200": answer(
                    "How many were deleted; none is no error.",
                    {
                        "type": "object",
                        "required": ["ok", "deleted"],
                        "properties": {"ok": {"const": True}, "deleted": COUNT},
                    },
                ),
                "400": response("Invalid"),
            },
        },
    },
}
