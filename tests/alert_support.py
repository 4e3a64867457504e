"""What tests of alerts share: collectors with channels, and events that are to be told."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import support
from levqor_errors.errors import AlertError
from support import CollectorProcess, Database, rows, write_lock
from telegram_support import FakeTelegram, Message

#: For collectors: all that comes by the clock is off, unless a test is about it.
QUIET: Final[Mapping[str, str]] = {
    "RATE_LIMIT": "off", "SUMMARY_AT": "off", "CANARY_AT": "off", "ALERT_SILENCE": "off",
    "DASHBOARD_URL": "https://errors.example",
}  # fmt: skip


def post(url: str, **event: Any) -> int:
    """Log a critical event; returns its id."""
    answer = httpx.post(f"{url}/api/errors/log", json={"severity": "critical", **event}, timeout=60)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


@contextlib.contextmanager
def marks_wait(database: Database) -> Iterator[None]:
    """Meanwhile no sender can write down what became of a message."""
    with write_lock(database) if isinstance(database, Path) else database.locked("alert_deliveries"):
        yield


def about(telegram: FakeTelegram, text: str) -> list[Message]:
    """Messages that have a text in them."""
    return [message for message in list(telegram.messages) if text in message.text]


def deliveries(database: Database) -> list[tuple[Any, ...]]:
    """Channel and state of each, in their order."""
    return rows(database, "SELECT channel, state FROM alert_deliveries ORDER BY id")


def why(collector: CollectorProcess, event: int) -> dict[str, Any]:
    """Why the owner was told of an event, or not."""
    answer = httpx.get(
        f"{collector.url}/api/errors/{event}/alerts", headers={"X-Internal-Secret": collector.secret or ""}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def hurry(monkeypatch: pytest.MonkeyPatch, *times: str) -> None:
    """Collectors of this test look often, send as fast as they can, and have further times; see `faults/hurried.py`."""
    script = Path(__file__).parent / "faults" / "hurried.py"
    often = ("sender.POLL_SECONDS=0.2", "channels.telegram.pace.BETWEEN=0")
    monkeypatch.setattr(support, "COMMAND", [sys.executable, str(script), *often, *times])


def health(collector: CollectorProcess) -> dict[str, Any]:
    """What `/healthz` says of the alerts, and its warnings."""
    answer = httpx.get(f"{collector.url}/healthz", timeout=60).json()
    return {**answer["alerts"], "warnings": answer["warnings"]}


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[AlertError]]:
    """Run something beside; what it raises is put into the list."""
    raised: list[AlertError] = []

    def run() -> None:
        try:
            work()
        except AlertError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised
