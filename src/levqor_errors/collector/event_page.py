"""The owner's page of one event: what failed, where, for whom, and on the way to what.

The same page is opened in a dialog over the list by `static/event.js`, which takes the part that it needs.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from ..alerts.explain import explain
from ..errors import RequestRefusedError, StorageUnavailableError
from ..storage import Filters, Storage
from .errors_view import FIELDS, address
from .event_text import event_text
from .event_view import view
from .login import HOME
from .original_frames import OriginalFrames
from .pages import page, problem
from .queries import read_filters, read_id
from .ranges import read_range
from .untrusted import marked


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
            filters = _filters(request.query_params)
            values = await run_in_threadpool(self._read, filters, read_id(request))
        except (RequestRefusedError, StorageUnavailableError) as error:
            return problem(request, error)
        return page(request, "event.html", **values, query=_query(request.query_params))

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
            "newer": self._storage.recent(filters, limit=1, after=event_id).errors,
            "older": self._storage.recent(filters, limit=1, before=event_id).errors,
            "told": explain(self._storage, event),
            "text": event_text(event, views),
            # As it was sent: frames of source maps are ours.
            "raw": orjson.dumps(marked(stored), option=orjson.OPT_INDENT_2).decode(),
        }


def _filters(params: QueryParams) -> Filters:
    """Which events are beside it: those of the list that it was opened from. Where nothing is said of a range the list
    shows a day; one can go on from there."""
    filters = read_filters(params)
    return read_range(params, filters).within(filters) if params.get("range") else filters


def _query(params: QueryParams) -> str:
    """The filters of an address for that of another page: `?…`, or nothing."""
    return address({name: ",".join(filter(None, params.getlist(name))) for name in FIELDS}).removeprefix(HOME)
