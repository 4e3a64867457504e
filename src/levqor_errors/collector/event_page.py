"""The owner's page of one event: what failed, where, for whom, and on the way to what.

The same page is opened in a dialog over the list by `static/event.js`, which takes the part that it needs.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from ..alerts.explain import explain
from ..errors import RequestRefusedError, StorageUnavailableError
from ..storage import Filters, Storage
from .event_text import event_text
from .event_view import view
from .original_frames import OriginalFrames
from .pages import page, problem
from .queries import read_filters, read_id
from .ranges import read_list
from .untrusted import marked

#: What an address of a list may have to say which events it is of.
CARRIED: Final = (
    "severity", "source", "service", "environment", "release", "issue", "q", "since", "until", "range",
)  # fmt: skip


def carried(params: QueryParams) -> str:
    """The filters of an address, for the address of another page: `?…`, or nothing."""
    kept = [(name, value) for name, value in params.multi_items() if name in CARRIED and value]
    return f"?{urlencode(kept)}" if kept else ""


class EventPage:
    """The endpoint.

    Args:
        storage: where to read.
        frames: finds an event's frames in its source.
    """

    def __init__(self, storage: Storage, frames: OriginalFrames) -> None:
        self._storage = storage
        self._frames = frames

    async def event(self, request: Request) -> Response:
        """GET /owner/errors/{id}: with the filters of the list that it was opened from."""
        try:
            params = request.query_params
            # Who comes from a list without a range, of the last day, may go on to older ones.
            filters = read_list(params)[0] if params.get("range") else read_filters(params)
            values = await run_in_threadpool(self._read, filters, read_id(request))
        except (RequestRefusedError, StorageUnavailableError) as error:
            return problem(request, error)
        return page(request, "event.html", **values, carried=carried(request.query_params))

    def _read(self, filters: Filters, event_id: int) -> dict[str, Any]:
        stored = self._storage.get(event_id)
        if stored is None:
            raise RequestRefusedError(404, "There is no event with this id; it may have been removed.")
        event, notes = self._frames.resolve(stored)
        views = view(event)
        return {
            "event": event,
            "view": views,
            "notes": notes,
            "beside": self._storage.neighbours(filters, event_id),
            "told": explain(self._storage, event),
            "text": event_text(event, views),
            # As it was sent: frames of source maps are ours.
            "raw": orjson.dumps(marked(stored), option=orjson.OPT_INDENT_2).decode(),
        }
