"""The application: routes, loggers, and where the exceptions that nobody expected end up.

`python -m examples.shop --port 8100`; see README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from levqor_errors import ErrorHandler, flush, log_exception

from . import stripe_webhook, support_private, support_public
from .page import page_routes
from .settings import Settings
from .store import Store

#: Which service a path belongs to, for the exceptions that do not say so themselves.
SERVICES: Final[Mapping[str, str]] = {
    module.PATH: module.SERVICE for module in (support_public, support_private, stripe_webhook)
}


def create_app(settings: Settings) -> Starlette:
    """The shop, with an empty store."""
    store = Store()
    private = support_private.PrivateChat(store, settings.tokens)
    webhook = stripe_webhook.StripeWebhook(store, settings.webhook_secret)
    return Starlette(
        routes=[
            Route(support_public.PATH, support_public.ask, methods=["POST"]),
            Route(support_private.PATH, private.ask, methods=["POST"]),
            Route(stripe_webhook.PATH, webhook.receive, methods=["POST"]),
            *page_routes(settings.collector, settings.environment),
        ],
        exception_handlers={HTTPException: refused, ClientDisconnect: gone, Exception: unexpected},
        lifespan=_lifespan,
    )


async def unexpected(request: Request, exc: Exception) -> Response:
    """An exception that no code took care of: one event, and its id for the customer to quote.

    uvicorn logs the traceback as well, on the logger `uvicorn.error`. No `ErrorHandler` is attached to that one or to
    a parent of it, or there would be a second event.
    """
    event_id = log_exception(
        exc,
        SERVICES.get(request.url.path),
        user_email=getattr(request.state, "user_email", None),
        path=request.url.path,
    )
    # Starlette raises the exception again after this answer, and uvicorn then drops the connection: a client that kept
    # it open would lose its next request.
    headers = {"Connection": "close"}
    return JSONResponse({"error": "something went wrong here", "reference": event_id}, 500, headers)


async def refused(request: Request, exc: Exception) -> Response:
    """A request that was not as it should be: the sender's mistake, and no event."""
    assert isinstance(exc, HTTPException)
    return JSONResponse({"error": exc.detail}, exc.status_code, exc.headers)


async def gone(request: Request, exc: Exception) -> Response:
    """The client hung up while it was sending. Nobody reads this, and it is nobody's error."""
    return Response(status_code=400)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    # uvicorn ends by the signal that stopped it, and so without atexit. What is not delivered here is not lost, but
    # waits for the next start.
    await run_in_threadpool(flush, 2.0)


def main() -> None:
    """Serve the shop on this machine."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description="A shop that reports its errors.")
    parser.add_argument("--port", type=int, default=8100, help="0 takes a free one (default: %(default)s)")
    port = parser.parse_args().port
    settings = Settings.from_env()
    logging.basicConfig(level=logging.INFO)
    for service in SERVICES.values():
        logging.getLogger(service).addHandler(ErrorHandler(service=service, level="WARNING"))
    uvicorn.run(create_app(settings), host="127.0.0.1", port=port)
