"""The `Stripe-Signature` header: whether Stripe sent this body, and not long ago.

As https://docs.stripe.com/webhooks describes it: `t=<seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of
`<seconds>.<body>` with the endpoint's secret. While a secret is rolled over there are several v1.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Final

#: Seconds that a signature is good for: after that, whoever recorded the request could only replay it.
TOLERANCE: Final = 300


class SignatureError(Exception):
    """The request does not come from Stripe, or not now; the text says which."""


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """The header that Stripe would send with this body."""
    return f"t={timestamp},v1={_digest(body, secret, str(timestamp).encode()).decode()}"


def verify(body: bytes, header: str | None, secret: str, *, now: float | None = None) -> None:
    """Return if the header fits the body: as it came, since decoding and encoding it again would change it.

    Raises:
        SignatureError: if it does not.
    """
    if not header:
        raise SignatureError("there is no Stripe-Signature header")
    # Bytes throughout: a header may carry what is not ASCII, and compare_digest raises TypeError on such a str.
    items = [item.strip().partition(b"=") for item in header.encode().split(b",")]
    timestamp = next((value for name, _, value in items if name == b"t"), b"")
    signatures = [value for name, _, value in items if name == b"v1"]
    # The length: int() refuses more than 4,300 digits with an exception of its own.
    if not (timestamp.isdigit() and len(timestamp) <= 12 and signatures):
        raise SignatureError("the Stripe-Signature header has no t or no v1")
    expected = _digest(body, secret, timestamp)
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise SignatureError("the signature does not fit the body")
    # Only now: to a stranger, the age of a signature is none of his business.
    if (time.time() if now is None else now) - int(timestamp) > TOLERANCE:
        raise SignatureError("the signature is too old")


def _digest(body: bytes, secret: str, timestamp: bytes) -> bytes:
    return hmac.new(secret.encode(), timestamp + b"." + body, hashlib.sha256).hexdigest().encode()
