"""The owner's pages: the list of errors with its statistics, and one error in full. Rendered here, without scripts."""

from __future__ import annotations

from urllib.parse import urlencode

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..alerts.explain import explain
from ..errors import RequestRefusedError, StorageUnavailableError
from ..event import Source
from ..severity import Severity
from ..storage import Filters, Storage
from .health import Health
from .login import HOME
from .pages import page, problem
from .queries import read_filters, read_id, read_number

PAGE_ROWS = 50
#: What the filter form has fields for, in this order; they are also what a link to the next page has to carry.
_FIELDS = ("severity", "source", "service", "environment", "release", "q", "since", "until")


class Dashboard:
    """The endpoints.

    Args:
        storage: where to read.
        health: what may be wrong, which the list says above all else.
    """

    def __init__(self, storage: Storage, health: Health) -> None:
        self._storage = storage
        self._health = health

    async def home(self, request: Request) -> Response:
        """GET /: to the list."""
        return RedirectResponse(f"{request.scope.get('root_path', '')}{HOME}", 307)

    async def errors(self, request: Request) -> Response:
        """GET /owner/errors."""
        params = request.query_params
        given = {name: ",".join(filter(None, params.getlist(name))) for name in _FIELDS}
        carried = {name: value for name, value in given.items() if value}
        try:
            filters, before = read_filters(params), read_number(params, "before")
            found = await run_in_threadpool(self._storage.recent, filters, limit=PAGE_ROWS, before=before)
            stats = await run_in_threadpool(self._storage.stats, filters)
        except (RequestRefusedError, StorageUnavailableError) as error:
            return problem(request, error)
        older = f"?{urlencode({**carried, 'before': found.next})}" if found.next else None
        newest = f"?{urlencode(carried)}" if before is not None else None
        health = await self._health.report(owner=True)
        # The sentences of one are written to follow a colon.
        wrong = [f"{health['why'][:1].upper()}{health['why'][1:]}."] if health["why"] else []
        return page(
            request, "errors.html", errors=found.errors, stats=stats, given=given, severities=list(Severity),
            sources=list(Source), older=older, newest=newest, filtered=filters != Filters(),
            notices=[*wrong, *health["warnings"]],
        )  # fmt: skip

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
