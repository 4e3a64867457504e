"""`levqor-errors doctor` as a real command: beside a running collector, and where nothing is as it should be."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alert_support import QUIET, about, post
from levqor_errors.client.client import Client
from levqor_errors.config import DEFAULT_URL, ClientSettings
from levqor_errors.storage import open_storage
from smtp_support import FakeSmtp
from support import SECRET, CollectorProcess, Database, execute, rows, run_command, wait_until
from telegram_answers import CHAT_NOT_FOUND, RESET, UNAUTHORIZED
from telegram_support import TOKEN, FakeTelegram

StartCollector = Callable[..., CollectorProcess]
#: Port 9 is "discard": nothing listens there.
NOWHERE = "http://127.0.0.1:9"
PASSWORD = "sentinel-of-smtp"
#: Each is somebody's secret, and must be seen nowhere.
SENTINELS = {
    "INTERNAL_SECRET": "sentinel-of-the-owner", "INGEST_KEYS": "shop:sentinel-key-shop, web:sentinel-key-web",
    "LEVQOR_ERRORS_KEY": "sentinel-key-other", "TELEGRAM_BOT_TOKEN": "7654321:sentinel-of-telegram",
    "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "9", "SMTP_USER": "me", "SMTP_PASSWORD": PASSWORD,
    "SMTP_SECURITY": "none", "ALERT_URLS": "json://me:sentinel-pass@127.0.0.1:9/sentinel-path nowhere://sentinel",
    "DATABASE_URL": "postgresql://me:sentinel-of-the-database@127.0.0.1:9/x?sslkey=sentinel-sslkey",
    "LEVQOR_ERRORS_URL": "http://me:sentinel-of-the-url@127.0.0.1:9", "NEXT_PUBLIC_INTERNAL_SECRET": "sentinel-public",
    "TELEGRAM_API_URL": "http://me:sentinel-of-the-api@127.0.0.1:9",
    "DASHBOARD_URL": "http://me:sentinel-of-the-dashboard@127.0.0.1:9", "TELEGRAM_TOKEN": "sentinel-misspelt",
}  # fmt: skip


class Report:
    """What the doctor said, for machines.

    Args:
        arguments: of the command.
        environ: its settings.
    """

    def __init__(self, *arguments: str, **environ: str) -> None:
        done = run_command("doctor", "--json", *arguments, **environ)
        assert done.stderr == "", done.stderr
        self.output = done.stdout
        self.code = done.returncode
        self.checks: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
        assert json.loads(done.stdout)["ok"] is (self.code == 0)
        assert self.code == (1 if self.not_well("failed") else 0)
        # Whatever is not well comes with what to do; what is well needs nothing.
        assert all(bool(check["advice"]) is (check["level"] != "ok") for check in self.checks)

    def of(self, name: str) -> list[tuple[str, str]]:
        """Level and what was found, of one name."""
        return [(check["level"], check["found"]) for check in self.checks if check["name"] == name]

    def not_well(self, *levels: str) -> list[str]:
        """Names of what is not well."""
        return [check["name"] for check in self.checks if check["level"] in (levels or ("failed", "warning"))]

    def advice(self, name: str) -> str:
        """What to do about a name."""
        return " ".join(check["advice"] or "" for check in self.checks if check["name"] == name)


@pytest.fixture
def smtp() -> Iterator[FakeSmtp]:
    """A mail server."""
    with FakeSmtp(user="me", password=PASSWORD) as smtp:
        yield smtp


def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    """Of a doctor for this database."""
    variable = "DATABASE_PATH" if isinstance(database, Path) else "DATABASE_URL"
    return {variable: str(database), "LEVQOR_ERRORS_SPOOL_DIR": str(tmp_path / "spool"), "INTERNAL_SECRET": SECRET}


def test_beside_a_collector_that_is_well_and_one_whose_channels_are_not(
    start_collector: StartCollector, database: Database, telegram: FakeTelegram, smtp: FakeSmtp, tmp_path: Path
) -> None:
    environ = {**telegram.settings, **smtp.environ(), "OWNER_EMAIL": "ops@shop.example"}
    collector = start_collector(**{**QUIET, "CANARY_AT": "00:00"}, **environ)
    post(collector.url, service="shop", message="the card was declined")
    wait_until(lambda: about(telegram, "declined"))
    wait_until(lambda: rows(database, "SELECT 1 FROM alert_memory WHERE key = 'canary' AND value LIKE '%email%'"))
    environ |= {**settings(database, tmp_path), "LEVQOR_ERRORS_URL": collector.url}

    report = Report("--send", **environ)
    # The tests' PostgreSQL does not wait for its disk.
    assert report.not_well() == ([] if isinstance(database, Path) else ["durability"])
    assert report.of("collector") == [("ok", f"{collector.url} takes events")]
    others = "" if isinstance(database, Path) else ", the database"
    assert report.of("clock")[0][1].endswith(f"; agrees with the collector{others} and Telegram")
    assert report.of("alerts")[0][1].startswith("nothing waits; they were last looked after ")
    assert report.of("canary")[0][1].startswith("came through to ")
    (signed_in, sent) = report.of("telegram")
    assert signed_in == ("ok", "chat -1001234567890: @levqor_bot may write to «Ops» (supergroup)")
    (message,) = about(telegram, "A test from levqor-errors doctor on ")
    assert sent == ("ok", f"test message: taken as -1001234567890/{message.id}")
    assert report.of("email")[0][1] == "ops@shop.example: 250 OK; takes mail for ops@shop.example"
    (letter,) = [one for one in smtp.letters if "doctor" in str(one.message["Subject"])]
    assert letter.recipients == ["ops@shop.example"]
    assert "taken as <TEST" in report.of("email")[1][1]

    telegram.always(CHAT_NOT_FOUND)
    telegram.clock_ahead = 95
    smtp.answer("AUTH", f"535 5.7.8 no {PASSWORD} here", times=9)
    report = Report("--send", **environ)
    assert report.code == 1
    assert report.not_well("failed") == ["telegram", "telegram", "email", "email"]
    assert "this bot cannot see the chat of TELEGRAM_CHAT_ID (Telegram: " in report.of("telegram")[0][1]
    assert "press Start" in report.advice("telegram")
    assert report.of("email")[1] == (
        "failed",
        f"test message: 127.0.0.1:{smtp.port} does not take SMTP_USER and SMTP_PASSWORD: 535 5.7.8 no [redacted] here",
    )
    assert ("warning", True) in [(level, "seconds behind Telegram" in found) for level, found in report.of("clock")]
    collector.kill()
    execute(database, "UPDATE alert_memory SET value = '2026-01-01T00:00:00.000Z' WHERE key = 'tick'")
    execute(database, "UPDATE alert_outbox SET decided_at = NULL, decision = NULL")
    report = Report("--offline", **environ)
    assert "collector" not in [check["name"] for check in report.checks]
    ((level, found),) = report.of("alerts")
    assert (level, "1 alert wait since " in found, "last looked after " in found) == ("failed", True, True)
    assert "levqor-errors alerts" in report.advice("alerts")


@pytest.mark.sqlite
def test_channels_that_take_nothing(database: Database, telegram: FakeTelegram, smtp: FakeSmtp, tmp_path: Path) -> None:
    environ = settings(database, tmp_path) | telegram.settings | smtp.environ()
    telegram.always(UNAUTHORIZED)
    smtp.answer("RCPT", "550 5.1.1 no such user", times=2)
    report = Report("--send", **environ, ALERT_ROUTES="service=mail -> pigeon; -> telegram")
    assert report.not_well("failed") == ["routes", "telegram", "telegram", "email", "email"]
    assert report.of("routes")[0][1] == "ALERT_ROUTES names a channel that is not set up"
    assert "BotFather" in report.advice("telegram")
    assert "takes mail for none of support@levqor.ai" in report.of("email")[0][1]
    assert "OWNER_EMAIL" in report.advice("email")
    # A default recipient in use; no collector; nobody looks after the alerts of a database that is not there.
    assert report.not_well("warning") == ["settings", "collector"]
    assert not list(tmp_path.iterdir())
    smtp.stop()
    telegram.always(RESET)
    report = Report(**environ, LEVQOR_ERRORS_URL=NOWHERE)
    assert report.not_well("failed") == ["collector", "telegram", "email"]
    assert "no answer from Telegram" in report.of("telegram")[0][1]
    assert "Connection refused" in report.of("email")[0][1]
    for name in ("collector", "telegram", "email"):
        assert "?" not in report.advice(name)


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--send"], ["--offline"]])
def test_no_secret_is_shown(arguments: list[str], tmp_path: Path) -> None:
    environ = SENTINELS | {"LEVQOR_ERRORS_SPOOL_DIR": str(tmp_path)}
    if "--send" in arguments:
        # Now all of them as they cannot be used.
        environ |= {name: f"sentinel\t{value}" for name, value in SENTINELS.items() if name != "SMTP_HOST"}
    done = run_command("doctor", *arguments, **environ)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "sentinel" not in done.stdout
    assert "Traceback" not in done.stdout
    assert "7654321" not in done.stdout
    assert "LEVQOR_ERRORS_KEY" in done.stdout


@pytest.mark.sqlite
def test_what_it_says_to_people(database: Database, tmp_path: Path) -> None:
    environ = settings(database, tmp_path)
    assert isinstance(database, Path)
    Path(f"{database}.secret").touch(0o644)
    done = run_command("doctor", "--offline", **environ, TELEGRAM_BOT_TOKEN=TOKEN, SMTP_PASS="x", COLUMNS="60")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "\x1b" not in done.stdout
    # One line each where nobody looks on, however narrow the terminal is said to be.
    signs = [line[:2] for line in lines[:-2]]
    assert set(signs) == {"✓ ", "! ", "✗ ", "  "}
    assert all(lines[number - 1][0] in "!✗" and "→" in line for number, line in enumerate(lines) if line[:2] == "  ")
    assert len([line for line in lines if line.startswith("✗ secret       others can read ")]) == 1
    assert lines[-1] == f"{signs.count('✓ ')} well, {signs.count('! ')} to look at, {signs.count('✗ ')} failed"
    # In colours, as on a terminal of 60 columns; without, if so wished; and where there are no letters but ASCII.
    coloured = run_command("doctor", "--offline", **environ, FORCE_COLOR="1", COLUMNS="60", TERM="xterm").stdout
    assert "\x1b[" in coloured
    assert run_command("doctor", "--offline", **environ, NO_COLOR="1", FORCE_COLOR="1").stdout.count("\x1b") == 0
    plain = run_command("doctor", "--offline", **environ, PYTHONIOENCODING="ascii").stdout
    assert plain.isascii()
    assert plain.startswith("+ settings     ")


@pytest.mark.sqlite
def test_a_database_that_nobody_can_use_is_left_as_it_is(database: Database, tmp_path: Path) -> None:
    assert isinstance(database, Path)
    database.write_text("no database at all\n" * 100)
    database.chmod(0o644)
    before = database.read_bytes()
    report = Report("--offline", **settings(database, tmp_path))
    assert report.not_well("failed") == ["database"]
    assert report.advice("database") == "restore a backup, or use another file"
    assert report.of("file mode")[0][1] == "0644: everybody on this machine can read what it holds"
    assert database.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["levqor.db"]


def left_behind(tmp_path: Path, url: str, *, hours: float) -> Path:
    """The journal of a service that has ended while nobody answered at its collector's address."""
    client = Client(ClientSettings.from_env(environ={"LEVQOR_ERRORS_SPOOL_DIR": str(tmp_path / "spool")}, url=url))
    client.journal.append(1, b'{"message": "left behind"}\n')
    (path,) = client.journal.closed()
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


@pytest.mark.sqlite
def test_events_that_wait_for_a_collector_at_another_address(database: Database, tmp_path: Path) -> None:
    environ = settings(database, tmp_path)
    path = left_behind(tmp_path, "http://moved.example:8000", hours=3)
    (tmp_path / "spool" / "somebody-else-s").mkdir()
    report = Report("--offline", **environ)
    assert report.not_well() == ["journal", "channels"]
    (own, others) = report.of("journal")
    assert own[1].endswith("nothing waits")
    assert path.parent.name in others[1]
    assert "for 3 hours" in others[1]
    report = Report("--offline", "--url", "http://moved.example:8000", **environ)
    assert [level for level, _ in report.of("journal")] == ["warning"]
    os.utime(path)
    assert Report("--offline", **environ).not_well() == ["channels"]


@pytest.mark.sqlite
def test_space_journal_keys_and_secrets_that_should_be_looked_at(database: Database, tmp_path: Path) -> None:
    with closing(open_storage(str(database))):
        pass
    environ = settings(database, tmp_path) | {"INTERNAL_SECRET": "short", "INGEST_KEYS": "shop:key-of-the-shop"}
    waiting = left_behind(tmp_path, DEFAULT_URL, hours=2)
    (waiting.parent / "set-aside.jsonl").write_text("{}\n")
    before = waiting.stat()
    report = Report("--offline", **environ, LEVQOR_ERRORS_KEY="key-of-others", MIN_FREE_BYTES="900TB")
    assert report.not_well() == ["disk", "secret", "journal", "set aside", "key", "channels"]
    assert report.of("disk")[0][0] == "failed"
    assert "for 2 hours" in report.of("journal")[0][1]
    assert waiting.stat() == before
    environ["INTERNAL_SECRET"] = SECRET
    report = Report("--offline", **environ, LEVQOR_ERRORS_KEY="key-of-the-shop", MAX_DATABASE_BYTES="900TB")
    assert report.of("key") == [("ok", "LEVQOR_ERRORS_KEY is for the service shop")]
    assert report.of("disk")[0][0] == "warning"


def test_wrong_usage() -> None:
    assert run_command("doctor", "--send", "--offline").returncode == 2
    done = run_command("doctor", "--url", "ftp://me:hunter2@host")
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
