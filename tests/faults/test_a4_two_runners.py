"""A4: two runners at once.

Passes when: one message.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterator

import httpx
import pytest

import support
from alert_support import QUIET, deliveries, health, hurry
from postgres_support import PostgresDatabase
from support import CollectorProcess, Database, clean_environ, rows, wait_until
from telegram_support import PRIVATE, FakeTelegram

StartCollector = Callable[..., CollectorProcess]
ISSUES = 12


@contextlib.contextmanager
def alerts_process(database: Database, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """`levqor-errors alerts`."""
    with subprocess.Popen(
        [*support.COMMAND, "alerts", "--database", str(database)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean_environ(**settings),
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Alerts      telegram (chat ")
            yield process
        finally:
            process.kill()


def log(url: str, start: int, number: int) -> None:
    events = [
        {"severity": "critical", "service": f"service {n}", "message": f"<{n}> is not captured", "fingerprint": str(n)}
        for n in range(start, start + number)
    ]
    assert httpx.post(f"{url}/api/errors/log", json=events, timeout=60).json()["accepted"] == number


def check(database: Database, telegram: FakeTelegram) -> None:
    wait_until(lambda: len(telegram.messages) >= ISSUES and all(s == "sent" for _, s in deliveries(database)), 60)
    for n in range(ISSUES):
        assert sum(f"<{n}> is not captured" in message.text for message in telegram.messages) == 1
    assert len(telegram.messages) == ISSUES
    assert rows(database, "SELECT DISTINCT attempts FROM alert_deliveries") == [(1,)]


def test_a4_two_collectors_or_a_process_beside_one(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    # A private chat: a group takes 20 a minute.
    settings = {**QUIET, **telegram.settings, "ALERT_CAP": "100", "TELEGRAM_CHAT_ID": str(PRIVATE)}
    one = start_collector(**settings)
    with contextlib.ExitStack() as stack:
        if isinstance(database, PostgresDatabase):
            url = start_collector(**settings).url
        else:
            process = stack.enter_context(alerts_process(database, **settings))
            url = one.url
        log(one.url, 0, ISSUES // 2)
        log(url, ISSUES // 2, ISSUES // 2)
        check(database, telegram)
        if url == one.url:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert health(one)["unsent"] == 0
