"""The example shop as a real process, and what its customers and Stripe send it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import CollectorProcess, clean_environ, owner, wait_until

ROOT = Path(__file__).parents[1]
WEBHOOK_SECRET = "whsec_for_tests"
ADA, BOB = "ada@example.com", "bob@example.com"
TOKENS = {ADA: "token-of-ada", BOB: "token-of-bob"}
PUBLIC, PRIVATE, WEBHOOK = "/api/support/public", "/api/support/private", "/api/stripe/webhook"


def environ(collector_url: str, spool: Path) -> dict[str, str]:
    """What the README tells one to set."""
    return clean_environ(
        LEVQOR_ERRORS_URL=collector_url,
        LEVQOR_ERRORS_SPOOL_DIR=str(spool),
        STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET,
        SHOP_TOKENS=",".join(f"{email}:{token}" for email, token in TOKENS.items()),
    )


class ShopProcess:
    """`python -m examples.shop` as a real process on a free port, and the requests that it takes."""

    def __init__(self, collector_url: str, directory: Path) -> None:
        self.environ = environ(collector_url, directory / "spool")
        self._log = directory / f"shop-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "examples.shop", "--port", "0"],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A process group of its own: whatever it starts can be found, and must be gone in the end.
                start_new_session=True,
            )
        try:
            wait_until(lambda: self.process.poll() is not None or self._address())
        except BaseException:
            self.close()
            raise
        assert self.process.poll() is None, self.log()
        self.url = self._address()
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def _address(self) -> str:
        found = re.search(r"running on (http://\S+)", self.log())
        return found.group(1) if found else ""

    def log(self) -> str:
        """All that it printed."""
        return self._log.read_text()

    def ask(self, message: str, email: str | None = None) -> httpx.Response:
        """A question to the public chat."""
        return self.http.post(PUBLIC, json={"message": message} | ({"email": email} if email else {}))

    def ask_signed_in(self, message: str, email: str) -> httpx.Response:
        """A question to the private chat."""
        headers = {"Authorization": f"Bearer {TOKENS[email]}"}
        return self.http.post(PRIVATE, json={"message": message}, headers=headers)

    def deliver(self, event: dict[str, Any]) -> httpx.Response:
        """A webhook, signed as Stripe signs."""
        body = json.dumps(event).encode()
        return self.http.post(WEBHOOK, content=body, headers={"Stripe-Signature": signature(body)})

    def stop(self) -> None:
        """SIGTERM, as a service manager does; it ends in time and leaves no process."""
        self.process.send_signal(signal.SIGTERM)
        # uvicorn ends orderly, and then by the very signal.
        assert self.process.wait(30) in (0, -signal.SIGTERM), self.log()
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)

    def close(self) -> None:
        """End it whatever state it is in."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
        if hasattr(self, "http"):
            self.http.close()


def signature(body: bytes, *, secret: str = WEBHOOK_SECRET, age: int = 0) -> str:
    """A Stripe-Signature header, made here and not by the example's own code, which it is to check."""
    timestamp = int(time.time()) - age
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def paid(event_id: str, email: str = ADA, **changes: Any) -> dict[str, Any]:
    """What Stripe sends when somebody has paid."""
    session = {
        "id": f"cs_of_{event_id}",
        "object": "checkout.session",
        "payment_status": "paid",
        "amount_total": 1990,
        "currency": "eur",
        "customer_details": {"email": email},
        "metadata": {"sku": "mug", "deliver_on": "2026-12-24"},
    }
    return {
        "id": event_id,
        "object": "event",
        "type": "checkout.session.completed",
        "data": {"object": session | changes},
    }


def recent(collector: CollectorProcess) -> list[dict[str, Any]]:
    """All events that the collector has, the newest first."""
    with owner(collector.url) as client:
        answer = client.get("/api/errors/recent", params={"limit": 500})
    assert answer.status_code == 200
    errors: list[dict[str, Any]] = answer.json()["errors"]
    return errors
