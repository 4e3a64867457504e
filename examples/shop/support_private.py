"""`POST /api/support/private`: signed-in customers ask about their own orders.

How it fails: a delivery date that no calendar has (handled; the event shows both exceptions of the chain), and a
customer without orders who asks for an average (nobody thought of it: it ends in `app.unexpected`).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from levqor_errors import log_error

from .bodies import read_object, read_text
from .store import Order, Store

SERVICE: Final = "support_chat_private"
PATH: Final = "/api/support/private"


class DeliveryDateError(Exception):
    """An order whose delivery date cannot be told."""


class PrivateChat:
    """The endpoint.

    Args:
        store: where the orders are.
        tokens: bearer token -> the customer's email.
    """

    def __init__(self, store: Store, tokens: Mapping[str, str]) -> None:
        self._store = store
        self._tokens = tokens

    async def ask(self, request: Request) -> Response:
        """Answer `{"message": …}` to whom the bearer token belongs."""
        email = self._customer(request)
        # Where the handler of unexpected exceptions finds out who it happened to.
        request.state.user_email = email
        question = read_text(await read_object(request), "message").lower()
        orders = self._store.orders_of(email)
        if "arrive" in question:
            return JSONResponse({"answer": _arrivals(orders, email)})
        if "average" in question:
            average = sum(order.amount for order in orders) // len(orders)
            return JSONResponse({"answer": f"You spend {average / 100:.2f} an order."})
        names = ", ".join(order.sku for order in orders) or "none yet"
        return JSONResponse({"answer": f"Your orders: {names}."})

    def _customer(self, request: Request) -> str:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            for token, email in self._tokens.items():
                # Bytes: compare_digest raises TypeError on a str that is not ASCII.
                if hmac.compare_digest(token.encode(), given.encode()):
                    return email
        raise HTTPException(401, "sign in first", headers={"WWW-Authenticate": "Bearer"})


def _arrivals(orders: Sequence[Order], email: str) -> str:
    try:
        return " ".join(f"Your {order.sku} arrives on {_arrival(order):%d %B %Y}." for order in orders) or "No orders."
    except DeliveryDateError as error:
        log_error(SERVICE, error, user_email=email, path=PATH)
        return "We look into when your orders arrive, and write to you."


def _arrival(order: Order) -> date:
    try:
        return date.fromisoformat(order.deliver_on)
    except ValueError as error:
        raise DeliveryDateError(f"order {order.session_id} has no usable delivery date") from error
