"""How long after its 201 a critical event is told, while 500 events a second come in: `make bench-alerts`.

A collector as a user starts it, and a Telegram of our own on loopback that speaks the Bot API. Each critical event is
of an issue of its own; they come a little further apart than the second that a chat is given between two messages.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from events import make_event

from telegram_support import PRIVATE, FakeTelegram

RATE: Final = 500
SENDERS: Final = 4
ALERTS: Final = 60
BAR_SECONDS: Final = 1.0


class Sender:
    """Logs events over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, event: dict[str, object]) -> float:
        """Log one; returns when its 201 was there."""
        body = json.dumps(event)
        self._connection.request("POST", "/api/errors/log", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        at = time.monotonic()
        answer.read()
        assert answer.status == 201, answer.status
        return at


class Load:
    """Events that are nothing to tell, at a steady rate."""

    def __init__(self, port: int) -> None:
        self.sent = 0
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[port], daemon=True) for _ in range(SENDERS)]
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> float:
        """End it; returns how many events a second it was."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return self.sent / (time.monotonic() - self._began)

    def _run(self, port: int) -> None:
        sender = Sender(port)
        due = time.monotonic()
        while not self._stopping.is_set():
            sender.post({**make_event(next(self._numbers)), "severity": "error"})
            self.sent += 1
            due += SENDERS / RATE
            time.sleep(max(0.0, due - time.monotonic()))


def measure() -> tuple[list[float], float]:
    """Seconds from each 201 to its message, and the rate of the load."""
    with tempfile.TemporaryDirectory() as directory, FakeTelegram() as telegram:
        environ = {
            **os.environ, **telegram.settings, "TELEGRAM_CHAT_ID": str(PRIVATE), "ALERT_CAP": "1000",
            "SUMMARY_AT": "off", "CANARY_AT": "off", "RATE_LIMIT": "off", "INTERNAL_SECRET": "for-the-benchmark-only",
        }  # fmt: skip
        database = str(Path(directory) / "levqor.db")
        with subprocess.Popen(
            [sys.executable, "-m", "levqor_errors", "collector", "--port", "0", "--database", database],
            stdout=subprocess.PIPE, env=environ, text=True,
        ) as collector:  # fmt: skip
            assert collector.stdout is not None
            port = int(collector.stdout.readline().rpartition(":")[2])
            load = Load(port)
            sender = Sender(port)
            answered: dict[str, float] = {}
            for number in range(ALERTS):
                time.sleep(1.1 + random.uniform(0, 0.3))
                name = f"critical number {number} of this run"
                answered[name] = sender.post(
                    {"severity": "critical", "service": "shop", "message": name, "fingerprint": name}
                )
            deadline = time.monotonic() + 30
            while len(telegram.messages) < ALERTS and time.monotonic() < deadline:
                time.sleep(0.05)
            rate = load.stop()
            collector.terminate()
    told = {name: message.at for name in answered for message in telegram.messages if f"{name}\n" in message.text}
    assert told.keys() == answered.keys(), answered.keys() - told.keys()
    return [told[name] - at for name, at in answered.items()], rate


def main() -> None:
    """Measure, and print the row."""
    seconds, rate = measure()
    p99 = statistics.quantiles(seconds, n=100)[98]
    print(f"| from the 201 of a critical event to Telegram, at {rate:,.0f} events/s | median | p99 | bar |")
    print("|---|---:|---:|---:|")
    print(
        f"| {len(seconds)} alerts | {statistics.median(seconds) * 1000:,.0f} ms | {p99 * 1000:,.0f} ms "
        f"| under {BAR_SECONDS * 1000:,.0f} ms |"
    )


if __name__ == "__main__":
    main()
