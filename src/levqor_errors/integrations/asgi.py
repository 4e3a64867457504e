"""ASGI applications, Starlette's and FastAPI's among them.

    app.add_middleware(ErrorMiddleware, service="checkout")

An exception that leaves the application is reported once, and raised on; every event of a request carries its path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..client.api import report
from .request import request_scope

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ErrorMiddleware:
    """Reports what leaves the application it wraps.

    Args:
        app: the application.
        service: the service's name; by default that of `init`.
    """

    def __init__(self, app: Application, service: str | None = None) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope.get("headers", ())}
        with request_scope(
            method=scope.get("method", scope["type"]),
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
        ):
            try:
                await self._app(scope, receive, send)
            except Exception as error:
                # Someone who closes a tab is no error of the service's; by name, since it is Starlette's own class.
                if type(error).__name__ != "ClientDisconnect":
                    report(error, service=self._service)
                raise
