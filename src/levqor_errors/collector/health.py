"""`GET /healthz`: whether the collector can do its work. For load balancers and for people; tells no secret."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..storage import Storage
from .answers import JsonResponse
from .writer import Writer


class Health:
    """The endpoint.

    Args:
        storage: asked whether it answers.
        writer: asked how much waits.
    """

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage = storage
        self._writer = writer

    async def get(self, request: Request) -> Response:
        """GET /healthz."""
        facts = await run_in_threadpool(self._storage.health)
        return JsonResponse({"ok": True, "waiting": self._writer.waiting, **facts})
