"""S14: the token in any log at DEBUG, with Telegram answering 200, 500 and never.

Passes when: nowhere. What of this is the channel's alone is in `test_s14_token.py`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from alert_support import QUIET, hurry, post
from levqor_errors.alerts.channels.telegram import api
from levqor_errors.collector import create_app
from levqor_errors.config import AlertSettings, CollectorSettings
from postgres_support import PostgresDatabase
from support import SECRET, CollectorProcess, Database, owner, rows, served, wait_until
from telegram_answers import HANG, Reaction, page
from telegram_support import FakeTelegram

StartCollector = Callable[..., CollectorProcess]
ANSWERS = pytest.mark.parametrize("answer", [None, page(500), HANG], ids=["200", "500", "never"])
SECONDS = 1.0


def stored(database: Database) -> str:
    """All that the database has."""
    if isinstance(database, PostgresDatabase):
        tables = rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    else:
        tables = rows(database, "SELECT name FROM sqlite_master WHERE type = 'table'")
    assert ("alert_ledger",) in tables
    return "\n".join(str(row) for (name,) in tables for row in rows(database, f'SELECT * FROM "{name}"'))


def shown(url: str, event: int) -> str:
    """All that is to be seen."""
    with owner(url) as client:
        paths = ("/healthz", "/metrics", "/owner/errors", f"/owner/errors/{event}", f"/api/errors/{event}/alerts")
        return "\n".join(client.get(f"{url}{path}").text for path in paths)


def tried(telegram: FakeTelegram, database: Database) -> bool:
    what = rows(database, "SELECT what FROM alert_ledger WHERE what IN ('sent', 'waits')")
    return bool(what) and bool(telegram.requests("getUpdates"))


def check(telegram: FakeTelegram, *places: str) -> None:
    secret = telegram.token.partition(":")[2]
    for place in places:
        assert secret not in place
        assert telegram.token not in place


@contextlib.contextmanager
def mounted(database: Database, telegram: FakeTelegram) -> Iterator[str]:
    """A collector in an application of somebody else's."""
    alerts = AlertSettings.from_env({**QUIET, **telegram.settings})
    app = create_app(CollectorSettings(str(database), SECRET), alerts)
    try:
        with served(Starlette(routes=[Mount("/monitor", app)])) as url:
            yield f"{url}/monitor"
    finally:
        app.state.collector.close()


@ANSWERS
@pytest.mark.sqlite
def test_s14_in_a_host_that_logs_everything(
    database: Database,
    telegram: FakeTelegram,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    answer: Reaction | None,
) -> None:
    monkeypatch.setattr(api, "READ_SECONDS", SECONDS)
    telegram.always(answer)
    with caplog.at_level(logging.DEBUG):
        with mounted(database, telegram) as url:
            event = post(url, service="shop", message="not captured")
            wait_until(lambda: tried(telegram, database))
            seen = shown(url, event)
        logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    # It does hear what is below our channel.
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    check(telegram, caplog.text, logged, seen, stored(database))


@ANSWERS
def test_s14_in_a_collector_of_its_own(
    start_collector: StartCollector,
    database: Database,
    telegram: FakeTelegram,
    monkeypatch: pytest.MonkeyPatch,
    answer: Reaction | None,
) -> None:
    hurry(monkeypatch, f"channels.telegram.api.READ_SECONDS={SECONDS}")
    telegram.always(answer)
    collector = start_collector(**QUIET, **telegram.settings)
    event = post(collector.url, service="shop", message="not captured")
    wait_until(lambda: tried(telegram, database))
    seen = shown(collector.url, event)
    collector.terminate()
    assert "Alerts      telegram" in collector.output
    check(telegram, collector.output, seen, stored(database))
