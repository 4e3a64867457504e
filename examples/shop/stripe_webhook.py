"""`POST /api/stripe/webhook`: Stripe says that somebody has paid.

How it fails: a signature that is not Stripe's (a warning: most often a secret that was changed on one side only), a
session that lacks something (an error; Stripe sends it again until we are repaired), and a paid article that is sold
out (critical: money was taken for nothing).
"""

from __future__ import annotations

import json
import logging
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from levqor_errors import log_error, log_exception

from .signature import SignatureError, verify
from .store import BadCheckoutError, Order, SoldOutError, Store

SERVICE: Final = "stripe_webhook"
PATH: Final = "/api/stripe/webhook"

logger = logging.getLogger(SERVICE)


class StripeWebhook:
    """The endpoint.

    Args:
        store: where orders go.
        secret: the endpoint's signing secret.
    """

    def __init__(self, store: Store, secret: str) -> None:
        self._store = store
        self._secret = secret

    async def receive(self, request: Request) -> Response:
        """Work off one event. 2xx tells Stripe that it is done; to all else it sends the event again, for days."""
        body = await request.body()
        try:
            verify(body, request.headers.get("stripe-signature"), self._secret)
        except SignatureError as error:
            logger.warning("a webhook was refused: %s", error)
            raise HTTPException(400, str(error)) from error
        event = json.loads(body)
        if event["type"] != "checkout.session.completed":
            return JSONResponse({"result": "ignored"})
        if self._store.is_done(event["id"]):
            return JSONResponse({"result": "duplicate"})
        session = event["data"]["object"]
        # Some payment methods complete the checkout days before the money arrives; another event tells of that.
        if session["payment_status"] != "paid":
            return JSONResponse({"result": "unpaid"})
        try:
            order = Order.from_session(session)
        except BadCheckoutError:
            # Not marked as done: the next delivery may meet a shop that was repaired.
            log_exception(service=SERVICE, path=PATH, extra={"stripe_event": event["id"]})
            raise HTTPException(422, "the session cannot be read as an order") from None
        result = self._fulfil(order, event["id"])
        self._store.mark_done(event["id"])
        return JSONResponse({"result": result})

    def _fulfil(self, order: Order, event_id: str) -> str:
        try:
            self._store.fulfil(order)
        except SoldOutError as error:
            # A new delivery would find it sold out again: it is acknowledged, and a person has to give the money back.
            log_error(
                SERVICE,
                f"a paid order cannot be fulfilled: {error}",
                "critical",
                user_email=order.email,
                path=PATH,
                extra={"stripe_event": event_id, "checkout": order.session_id, "amount": order.amount},
            )
            return "unfulfilled"
        return "fulfilled"
