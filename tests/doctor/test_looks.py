"""What single looks make of what they meet: other clocks, answers of collectors, what the database remembers."""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from levqor_errors.alerts.channel import Sent
from levqor_errors.alerts.health import ChannelHealth
from levqor_errors.alerts.notice import Notice
from levqor_errors.config import AlertSettings, CollectorSettings
from levqor_errors.doctor import alerts, channels, clock, collector, database, words
from levqor_errors.doctor.channels import Opened
from levqor_errors.doctor.clock import Reading
from levqor_errors.doctor.finding import Finding, Level, told
from levqor_errors.storage import PostgresFacts, SqliteFacts
from levqor_errors.storage.facts import AlertFacts
from support import served

NOW = datetime(2026, 11, 24, 3, 5, tzinfo=timezone.utc)
FINE: dict[str, Any] = {"ok": True, "why": None, "warnings": []}
MEASURE = 'levqor_errors_build_info{database="SQLite",version="%s"} 1.0\n'


def brief(found: list[Finding]) -> list[tuple[str, str]]:
    """Names and levels."""
    return [(one.name, one.level.value) for one in found]


@pytest.mark.parametrize(
    ("health", "status", "version", "expected", "words_"),
    [
        (FINE, 200, "0.1.0", [("collector", "ok"), ("version", "ok")], "takes events"),
        (FINE, 200, "9.0", [("collector", "ok"), ("version", "warning")], "is version 9.0"),
        ({"ok": False, "why": "the disk is full"}, 503, "0.1.0", [("collector", "failed"), ("version", "ok")], "disk"),
        ({**FINE, "warnings": ["A\x1b[2J", 5]}, 200, "0.1.0",
         [("collector", "ok"), ("collector", "warning"), ("collector", "warning"), ("version", "ok")], "says: 5"),
        ({"status": "up"}, 200, "0.1.0", [("collector", "failed")], "not a collector (status 200)"),
        ([1], 404, "0.1.0", [("collector", "failed")], "not a collector (status 404)"),
        ({**FINE, "warnings": "none"}, 200, "", [("collector", "ok")], "takes events"),
    ],
)  # fmt: skip
def test_what_answers(health: object, status: int, version: str, expected: list[tuple[str, str]], words_: str) -> None:
    async def healthz(_: Request) -> Response:
        return JSONResponse(health, status, {"Date": "Tue, 24 Nov 2026 03:00:00 GMT"})

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(MEASURE % version if version else "")

    with served(Starlette(routes=[Route("/healthz", healthz), Route("/metrics", metrics)])) as url:
        found, _ = collector.look(url, meant=True)
    assert brief(found) == expected
    assert any(words_ in one.found for one in found)


def test_a_collector_that_is_not_there_is_a_failure_only_where_it_is_meant() -> None:
    for meant, level in ((True, Level.FAILED), (False, Level.WARNING)):
        ((found,), readings) = collector.look("http://me:hunter2@127.0.0.1:9", meant=meant)
        assert (found.level, readings) == (level, [])
        assert "hunter2" not in found.found


@pytest.mark.parametrize(
    ("readings", "facts", "expected", "words_"),
    [
        ([], None, ["ok"], "no other clock was met"),
        ([Reading("Telegram", 29), Reading("the database", -29)], None, ["ok"], "with Telegram and the database"),
        ([Reading("Telegram", 31)], None, ["warning"], "31 seconds behind Telegram"),
        ([Reading("the collector", -7200), Reading("Telegram", 0)], None, ["warning"], "2 hours ahead of"),
        ([], SqliteFacts("SQLite", True, written_at=time.time() + 86_400), ["warning"], "was written 23 hours later"),
    ],
)  # fmt: skip
def test_clocks(readings: list[Reading], facts: SqliteFacts | None, expected: list[str], words_: str) -> None:
    found = list(clock.look(readings, facts, "Asia/Kathmandu"))
    assert [one.level.value for one in found] == expected
    assert words_ in found[0].found
    assert "in Asia/Kathmandu" in found[0].found


def test_a_clock_of_before_this_was_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    (found,) = clock.look([], None, "UTC")
    assert found.level is Level.FAILED
    assert found.found.startswith("1970-01-01 00:16:40 UTC")


def canary(**result: Any) -> dict[str, str]:
    """The memory of one."""
    kept = {"day": "2026-11-24", "at": "2026-11-24T01:00:00.000Z", "ok": True, "channels": {}}
    return {"canary": json.dumps(kept | result)}


@pytest.mark.parametrize(
    ("memory", "unsent", "since", "channels", "expected"),
    [
        ({"tick": "2026-11-24T03:04:50.000Z"}, 0, None, ["email"], {"alerts": "nothing waits; they were last"}),
        ({"tick": "2026-11-24T03:04:50.000Z"}, 2, "2026-11-24T03:04:00.000Z", ["email"],
         {"alerts": "2 alerts on the way; they were last"}),
        ({"tick": "2026-11-24T03:04:50.000Z"}, 2, "2026-11-24T02:14:00.000Z", ["email"],
         {"alerts": "!2 alerts wait since 2026-11-24 02:14 UTC"}),
        ({"tick": "2026-11-24T02:14:50.000Z"}, 0, None, ["email"], {"alerts": "!nothing waits, but they were last"}),
        ({"tick": "2026-11-24T02:14:50.000Z"}, 1, "2026-11-24T02:14:00.000Z", ["email"],
         {"alerts": "✗1 alert wait"}),
        # By a clock that has been set back since.
        ({"tick": "2027-01-01T00:00:00.000Z"}, 0, None, ["email"], {"alerts": "!nothing waits, but they were last"}),
        ({}, 0, None, ["email"], {"alerts": "!nothing waits, but nobody has ever", "canary": "is due 2026-11-24"}),
        ({}, 3, "2026-11-24T02:14:00.000Z", [], {"alerts": "✗3 alerts wait since 2026-11-24 02:14 UTC, and no"}),
        ({}, 0, None, [], {"alerts": "nothing waits"}),
        (canary(channels={"email": ""}), 0, None, ["email"], {"canary": "came through to email 2 hours ago"}),
        (canary(ok=False, channels={"email": "FAILED: 535"}), 0, None, ["email"],
         {"canary": "!of 2026-11-24 did not come through: email: FAILED: 535"}),
        (canary(ok=False), 0, None, ["email"], {"canary": "!of 2026-11-24 did not come through: it did not come back"}),
        (canary(ok=False, at="2026-11-24T03:04:00.000Z"), 0, None, ["email"], {"canary": "is under way"}),
        ({"summary day": "2026-11-23"}, 0, None, ["email"],
         {"summary": "is due 2026-11-24 09:00 UTC; the last was of 2026-11-23"}),
    ],
)  # fmt: skip
def test_what_is_remembered_of_alerts(
    memory: dict[str, str], unsent: int, since: str | None, channels: list[str], expected: dict[str, str]
) -> None:
    found = list(alerts.look(AlertFacts(unsent, since, memory), AlertSettings(), channels, NOW))
    signs = {Level.OK: "", Level.WARNING: "!", Level.FAILED: "✗"}
    said = {one.name: signs[one.level] + one.found for one in found}
    for name, beginning in expected.items():
        assert said[name].startswith(beginning), said[name]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {"database": "ok", "tables": "ok", "durability": "ok", "connections": "ok"}),
        ({"fsync": False}, {"durability": "warning"}),
        ({"synchronous": False}, {"durability": "warning"}),
        ({"connected": 95}, {"connections": "warning"}),
        ({"days_missing": frozenset({"2026-11-25"})}, {"days": "warning"}),
        ({"pending": frozenset({"m003_alerts"})}, {"tables": "warning"}),
        ({"database_bytes": 2**40}, {"size": "warning"}),
        ({"new": True}, {"database": "ok"}),
        ({"trouble": "DATABASE_URL: no connection to PostgreSQL: refused"}, {"database": "failed"}),
    ],
)
def test_facts_of_postgres(facts: dict[str, Any], expected: dict[str, str]) -> None:
    fine = PostgresFacts(server="PostgreSQL 18.1", connections=97, connected=3, needed=10)
    settings = CollectorSettings("postgresql://me:hunter2@db/x", max_database_bytes=2**30)
    found = list(database.look(fine._replace(**facts), settings))
    assert expected.items() <= dict(brief(found)).items()
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("mode", "wal_bytes", "wal_fix", "expected"),
    [
        (0o600, 0, True, []),
        (0o640, 0, True, ["file mode"]),
        (0o600, 2**27, True, ["log"]),
        (0o600, 0, False, ["sqlite"]),
    ],
)
def test_facts_of_sqlite(mode: int, wal_bytes: int, wal_fix: bool, expected: list[str]) -> None:
    facts = SqliteFacts("SQLite 3.40.1", wal_fix, 4096, wal_bytes, mode, 0.0, 2**40, whole=True)
    found = list(database.look(facts, CollectorSettings()))
    assert [one.name for one in found if one.level is not Level.OK] == expected


@pytest.mark.parametrize(
    ("text", "found", "advice"),
    [
        ("x is damaged; restore a backup", "x is damaged", "restore a backup"),
        ("no chat; press Start (Telegram: not found)", "no chat (Telegram: not found)", "press Start"),
        ("what the server said", "what the server said", "otherwise"),
    ],
)
def test_what_was_found_and_what_to_do_are_told_apart(text: str, found: str, advice: str) -> None:
    assert told(text, "otherwise") == (found, advice)


class Broken:
    """A channel with a mistake in it."""

    name, target = "broken", "nobody"

    def send(self, notice: Notice) -> Sent:
        raise ZeroDivisionError("hunter2")

    def check(self) -> str:
        raise KeyError("hunter2")

    def close(self) -> None:
        pass


def test_a_channel_with_a_mistake_in_it() -> None:
    opened = Opened((Broken(),), (), ("broken",))
    found = list(channels.look(opened, {}, NOW, offline=False, send=True))
    assert [one.found for one in found] == ["nobody: unexpected KeyError", "test message: unexpected ZeroDivisionError"]
    assert brief(found) == [("broken", "failed")] * 2


def test_a_channel_that_works_again_and_one_that_is_not_tried() -> None:
    down = {"channel broken": json.dumps(ChannelHealth("down", "2026-11-24T02:14:00.000Z", "no; act")._asdict())}
    opened = Opened((Broken(),), (), ("broken",))
    (found,) = channels.look(opened, down, NOW, offline=True, send=False)
    assert (found.level, found.found) == (Level.WARNING, "nobody: down since 2026-11-24 02:14 UTC: no")
    (found,) = channels.look(opened, {}, NOW, offline=True, send=False)
    assert found.level is Level.OK


def test_words() -> None:
    assert [words.size(number) for number in (5, 2048, 15 * 1024**2, 3 * 2**30)] == [
        "5 bytes",
        "2.0 KB",
        "15 MB",
        "3.0 GB",
    ]
    assert [words.span(seconds) for seconds in (1, 119, 120, 86_399, 172_800)] == [
        "1 second", "119 seconds", "2 minutes", "23 hours", "2 days",
    ]  # fmt: skip
    assert [words.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_a_database_that_this_user_cannot_make() -> None:
    # pytest's own directories are closed to others, and root may write anywhere.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o555)
        settings = CollectorSettings(f"{directory}/levqor.db")
        facts = SqliteFacts("SQLite 3.53.4", wal_fix=True, free_bytes=10**12)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            found = list(database.look(facts, settings))
        finally:
            if root:
                os.seteuid(0)
        assert brief(found)[0] == ("database", "failed")
        Path(directory).chmod(0o755)
    with tempfile.TemporaryDirectory() as directory:
        assert brief(list(database.look(facts, CollectorSettings(f"{directory}/levqor.db"))))[0] == ("database", "ok")
