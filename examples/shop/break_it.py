"""Make every failure of the shop happen: `python -m examples.shop.break_it`, in the environment that the shop runs in.

Prints for each what was sent, what came back, and which event to look for in the dashboard.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import uuid

import httpx

from . import stripe_webhook, support_private, support_public
from .settings import read_tokens
from .signature import sign


class Shop:
    """The shop as its customers and Stripe see it.

    Args:
        client: reaches the shop.
        secret: what webhooks are signed with.
    """

    def __init__(self, client: httpx.Client, secret: str) -> None:
        self._client = client
        self._secret = secret

    def ask(self, message: str, email: str) -> httpx.Response:
        """Use the public chat."""
        return self._client.post(support_public.PATH, json={"message": message, "email": email})

    def ask_signed_in(self, message: str, token: str) -> httpx.Response:
        """Use the private chat."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.post(support_private.PATH, json={"message": message}, headers=headers)

    def pay(self, email: str, metadata: dict[str, str], *, secret: str | None = None) -> httpx.Response:
        """Send what Stripe sends when somebody has paid; with another secret, what a stranger would send."""
        session = {
            "id": f"cs_test_{uuid.uuid4().hex}",
            "object": "checkout.session",
            "payment_status": "paid",
            "amount_total": 1990,
            "currency": "eur",
            "customer_details": {"email": email},
            "metadata": metadata,
        }
        event = {
            "id": f"evt_{uuid.uuid4().hex}",
            "object": "event",
            "type": "checkout.session.completed",
            "data": {"object": session},
        }
        body = json.dumps(event).encode()
        signature = sign(body, secret or self._secret, int(time.time()))
        return self._client.post(stripe_webhook.PATH, content=body, headers={"Stripe-Signature": signature})


def break_it(shop: Shop, buyer: tuple[str, str], newcomer: tuple[str, str]) -> None:
    """Send all of it.

    Args:
        shop: the shop.
        buyer: email and token of one who buys something.
        newcomer: those of one who never does.
    """
    email, token = buyer
    answer = shop.ask("Can I have a refund?", "eve@example.com")
    _tell("handled", "error of support_chat_public: KeyError, reported by log_error", answer)
    answer = shop.ask("Can you wrap it?", "eve@example.com")
    _tell("unhandled", "error of support_chat_public: ValueError, reported by log_exception", answer)
    answer = shop.ask("Do you sell submarines?", "eve@example.com")
    _tell("logged", "warning of support_chat_public, taken by ErrorHandler", answer)
    shop.pay(email, {"sku": "mug", "deliver_on": "2026-02-30"})
    answer = shop.ask_signed_in("When does my order arrive?", token)
    _tell("chained", "error of support_chat_private: DeliveryDateError from ValueError", answer)
    answer = shop.ask_signed_in("What do I spend on average?", newcomer[1])
    _tell("unhandled", "error of support_chat_private: ZeroDivisionError, reported by log_exception", answer)
    answer = shop.pay(email, {"sku": "mug", "deliver_on": "2026-12-24"}, secret="somebody else's")  # noqa: S106
    _tell("forged", "warning of stripe_webhook, taken by ErrorHandler", answer)
    answer = shop.pay(email, {"deliver_on": "2026-12-24"})
    _tell("incomplete", "error of stripe_webhook: BadCheckoutError from KeyError", answer)
    # There is one poster; whoever pays second gets none.
    shop.pay(email, {"sku": "poster", "deliver_on": "2026-12-24"})
    answer = shop.pay(newcomer[0], {"sku": "poster", "deliver_on": "2026-12-24"})
    _tell("sold out", "critical of stripe_webhook: SoldOutError", answer)


def _tell(failure: str, expect: str, answer: httpx.Response) -> None:
    print(f"{failure:<11} {answer.status_code} {answer.text}\n            -> {expect}")


def main() -> None:
    """Find the shop and two customers, and break it."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop.break_it", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8100", help="the shop's address (default: %(default)s)")
    url = parser.parse_args().url
    secret = os.environ.get("STRIPE_WEBHOOK_SECRET", "")
    customers = [(email, token) for token, email in read_tokens().items()]
    if not secret or len(customers) < 2:
        raise SystemExit("break_it: set STRIPE_WEBHOOK_SECRET, and SHOP_TOKENS with two customers, as for the shop")
    try:
        with httpx.Client(base_url=url) as client:
            break_it(Shop(client, secret), customers[0], customers[1])
    except httpx.ConnectError:
        raise SystemExit(f"break_it: no shop answers at {url}") from None
    print(f"What a browser sees of it: {url}/, where the chat reports failures of its own.")


if __name__ == "__main__":
    main()
