"""What the shop remembers, in memory: stock, orders, and which webhook events are done.

No method awaits anything, and the application runs in one thread: each call is a transaction by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Pieces of each article when the shop opens. Of the poster there is one: the second buyer has paid for nothing.
STOCK: Final[Mapping[str, int]] = {"mug": 1_000, "shirt": 1_000, "poster": 1}


class BadCheckoutError(Exception):
    """A checkout session that lacks what an order needs."""


class SoldOutError(Exception):
    """A paid article that is not there to be sent."""


@dataclass(frozen=True)
class Order:
    """What somebody bought.

    Attributes:
        session_id: Stripe's id of the checkout.
        email: who pays.
        sku: the article.
        amount: in the currency's smallest unit.
        deliver_on: the day that the customer chose, as the checkout page sent it.
    """

    session_id: str
    email: str
    sku: str
    amount: int
    deliver_on: str

    @classmethod
    def from_session(cls, session: Mapping[str, Any]) -> Order:
        """Read it out of a Stripe checkout session.

        Raises:
            BadCheckoutError: naming the session.
        """
        try:
            return cls(
                session_id=session["id"],
                email=session["customer_details"]["email"],
                sku=session["metadata"]["sku"],
                amount=session["amount_total"],
                deliver_on=session["metadata"]["deliver_on"],
            )
        except (KeyError, TypeError) as error:
            raise BadCheckoutError(f"checkout {session.get('id')} cannot be read as an order") from error


class Store:
    """The shop's memory."""

    def __init__(self) -> None:
        self._stock = dict(STOCK)
        self._orders: defaultdict[str, list[Order]] = defaultdict(list)
        self._done: set[str] = set()

    def orders_of(self, email: str) -> Sequence[Order]:
        """The customer's orders, the oldest first."""
        return tuple(self._orders.get(email, ()))

    def is_done(self, event_id: str) -> bool:
        """Whether this webhook event was worked off before: Stripe sends an event at least once."""
        return event_id in self._done

    def mark_done(self, event_id: str) -> None:
        """Nothing more is to be done for this webhook event, however often it comes."""
        self._done.add(event_id)

    def fulfil(self, order: Order) -> None:
        """Take the article out of the stock, and keep the order.

        Raises:
            SoldOutError: naming the article.
        """
        if self._stock.get(order.sku, 0) < 1:
            raise SoldOutError(f"{order.sku} is sold out")
        self._stock[order.sku] -= 1
        self._orders[order.email].append(order)
