"""The owner's page of one error in full. Rendered here, without scripts."""

from __future__ import annotations

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..alerts.explain import explain
from ..errors import RequestRefusedError, StorageUnavailableError
from ..storage import Storage
from .pages import page, problem
from .queries import read_id


class Dashboard:
    """The endpoint.

    Args:
        storage: where to read.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def error(self, request: Request) -> Response:
        """GET /owner/errors/{id}."""
        try:
            event = await run_in_threadpool(self._storage.get, read_id(request))
            if event is None:
                raise RequestRefusedError(404, "There is no event with this id; it may have been removed.")
            told = await run_in_threadpool(explain, self._storage, event)
        except (RequestRefusedError, StorageUnavailableError) as error:
            return problem(request, error)
        context = orjson.dumps(event["context"], option=orjson.OPT_INDENT_2).decode() if event["context"] else None
        return page(request, "error.html", event=event, context=context, told=told)
