"""`levqor-errors alerts` and its commands, as real processes."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from alert_support import QUIET, about, deliveries, post
from levqor_errors.event import normalize
from levqor_errors.grouping import group
from levqor_errors.storage import NewEvent, open_storage
from storage_support import write
from support import SECRET, Database, rows, run_command
from telegram_answers import UNAUTHORIZED
from telegram_support import FakeTelegram


def log(database: Database, *messages: str, **fields: str) -> None:
    """Events of now, without a collector."""
    now = datetime.now(timezone.utc)
    storage = open_storage(str(database))
    for message in messages:
        event = normalize({"message": message, "service": "shop", **fields}, received_at=now)
        write(storage, [NewEvent(event, group(event))])
    storage.close()


def test_once_sends_what_is_due_and_ends(database: Database, telegram: FakeTelegram) -> None:
    log(database, "not captured", severity="critical")
    settings = {**QUIET, **telegram.settings, "ALERT_RATES": "shop: 1 event in 1h"}
    for _ in range(2):
        done = run_command("alerts", "--once", "--database", str(database), **settings)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(about(telegram, "not captured")) == 1
    assert len(about(telegram, "The rule is 1 events in 1 hour")) == 1
    assert deliveries(database) == [("telegram", "sent")] * 2
    telegram.always(UNAUTHORIZED)
    log(database, "declined", severity="critical")
    done = run_command("alerts", "--once", "--database", str(database), **settings)
    # Nothing is lost by it, and the next run tries again.
    assert done.returncode == 0
    assert "a channel is down" in done.stderr
    assert telegram.token not in done.stdout + done.stderr
    assert deliveries(database)[2:] == [("telegram", "waiting")]


def test_once_the_canary_goes_all_of_the_way_in_one_run(
    collector_url: str, database: Database, telegram: FakeTelegram
) -> None:
    """The next may come so much later that it would be missed."""
    done = run_command(
        "alerts", "--once", "--database", str(database),
        **{**QUIET, **telegram.settings, "CANARY_AT": "00:00", "LEVQOR_ERRORS_URL": collector_url},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ((kept,),) = rows(database, "SELECT value FROM alert_memory WHERE key = 'canary'")
    result = json.loads(kept)
    assert result["ok"] is True
    assert "@levqor_bot may write" in result["channels"]["telegram"]
    assert telegram.messages == []


@pytest.mark.sqlite
def test_mistakes_are_told_in_a_sentence(database: Database, telegram: FakeTelegram) -> None:
    for arguments, environ, words in (
        (["alerts", "--once"], {}, "there is no channel to send by"),
        (["alerts", "--once"], {**telegram.settings, "ALERT_ROUTES": "-> pager"}, "names a channel that is not set up"),
        (["alerts", "--once"], {"ALERT_URLS": "nothing://x"}, "number 1"),
        (["alerts", "try", "many errors"], {}, "50 errors in 10m"),
    ):
        done = run_command(*arguments, "--database", str(database), **environ)
        assert done.returncode != 0
        assert words in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


def test_try_shows_what_a_rule_would_have_told(database: Database) -> None:
    log(database, *["not captured"] * 3, severity="error")
    done = run_command("alerts", "try", "*: 3 errors in 10m; mail: 1 event in 1h", "--database", str(database))
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first.endswith("  shop")
    assert second == (
        "*: 3 error events or worse in 10 minutes would have told 1 message in 30 days, "
        "each at least 15 minutes after the one before of its service."
    )
    assert third.startswith("mail: 1 events in 1 hour would have told 0 messages")


def test_why(collector_url: str) -> None:
    event = post(collector_url, service="shop", message="not captured")
    environ = {"LEVQOR_ERRORS_URL": collector_url, "INTERNAL_SECRET": SECRET}
    done = run_command("alerts", "why", str(event), **environ)
    assert (done.returncode, done.stdout) == (0, "Not yet: it waits to be decided on.\n"), done.stderr
    assert run_command("alerts", "why", "999", **environ).returncode != 0
