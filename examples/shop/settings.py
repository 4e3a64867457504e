"""The shop's settings, from the environment. levqor_errors reads its own by itself; the page needs two of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """What the shop needs to know.

    Attributes:
        webhook_secret: the signing secret of the webhook endpoint (`STRIPE_WEBHOOK_SECRET`).
        tokens: bearer token -> the customer's email (`SHOP_TOKENS`), in place of a real sign-in.
        collector: where browsers find the collector (`LEVQOR_ERRORS_URL`).
        environment: where this shop runs (`LEVQOR_ERRORS_ENVIRONMENT`); empty if nobody says.
    """

    webhook_secret: str = field(repr=False)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    collector: str = "http://127.0.0.1:8000"
    environment: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read them.

        Raises:
            SystemExit: naming the variable at fault, not its value.
        """
        secret = environ.get("STRIPE_WEBHOOK_SECRET", "")
        if not secret:
            # With a default, anyone who reads this file could sign payments.
            raise SystemExit("shop: set STRIPE_WEBHOOK_SECRET to the signing secret of the Stripe webhook endpoint")
        return cls(
            webhook_secret=secret,
            tokens=read_tokens(environ),
            collector=(environ.get("LEVQOR_ERRORS_URL") or cls.collector).rstrip("/"),
            environment=environ.get("LEVQOR_ERRORS_ENVIRONMENT", ""),
        )


def read_tokens(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`SHOP_TOKENS`, such as `ada@example.com:token1,bob@example.com:token2`, as token -> email.

    Raises:
        SystemExit: when an entry is not of that form.
    """
    tokens: dict[str, str] = {}
    for entry in filter(None, environ.get("SHOP_TOKENS", "").split(",")):
        email, _, token = entry.strip().partition(":")
        if not email or not token:
            raise SystemExit("shop: SHOP_TOKENS must be a list such as ada@example.com:token1,bob@example.com:token2")
        tokens[token] = email
    return tokens
