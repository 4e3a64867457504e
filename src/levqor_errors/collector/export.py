"""The events of a list as a file, however many they are: read page by page, the newest first, and sent at once.

A page is in memory at a time. When the client goes away nothing more is read. When the database fails in the middle,
the answer is broken off: the connection ends before the answer does, and the file does not end with a line end.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from .. import limits
from ..errors import LevqorError, RequestRefusedError, StorageUnavailableError
from ..storage import Filters, Page, Storage
from .export_files import FORMS, Form
from .pages import problem
from .ranges import read_list
from .untrusted import NOTICE

logger = logging.getLogger(__name__)

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "X-Content-Notice": NOTICE,
}


class _Whole(StreamingResponse):
    """An answer that ends only if it is whole."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except StorageUnavailableError as error:
            # The server closes the connection of an answer that does not say that it ends.
            logger.warning("an export is broken off", extra={"reason": str(error)})


class Export:
    """The endpoint.

    Args:
        storage: where to read.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def export(self, request: Request) -> Response:
        """GET /owner/export: the events that a list of these filters has, as `format` says."""
        params = request.query_params
        try:
            kind = params.get("format", "")
            if kind not in FORMS:
                raise RequestRefusedError(400, f"format must be {' or '.join(FORMS)}")
            form, (filters, _) = FORMS[kind], read_list(params)
            # Whatever is wrong from the start is told on a page.
            first = await self._page(filters, None)
        except LevqorError as error:
            return problem(request, error)
        name = f"levqor-errors-{datetime.now(timezone.utc):%Y-%m-%d}.{kind}"
        headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        if request.method == "HEAD":
            return Response(headers=headers, media_type=form.media_type)
        return _Whole(self._stream(form, filters, first), headers=headers, media_type=form.media_type)

    async def _page(self, filters: Filters, before: int | None) -> Page:
        return await run_in_threadpool(self._storage.recent, filters, limit=limits.PAGE_MAX, before=before, whole=True)

    async def _stream(self, form: Form, filters: Filters, page: Page) -> AsyncIterator[str]:
        start = form.start()
        begun = start is not None
        if start is not None:
            yield start
        while page.errors:
            text = await run_in_threadpool(_joined, form, page.errors)
            yield f"{form.end if begun else ''}{text}"
            begun = True
            if page.next is None:
                break
            page = await self._page(filters, page.next)
        if begun:
            yield form.end


def _joined(form: Form, events: list[dict[str, Any]]) -> str:
    return form.end.join(form.records(events))
