"""The command line as real processes against a real collector: output, exit codes, and messages to act on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import httpx
import platformdirs
import psycopg
import pytest

import levqor_errors
import support
from host_support import Exchange, FakeCollector
from levqor_errors.config import secret_file
from levqor_errors.ids import uuid7
from postgres_support import PostgresServer
from support import COMMAND, SECRET, CollectorProcess, Database, clean_environ, event_ids, rows, run_command, wait_until

#: Port 9 is "discard": nothing listens there.
NOWHERE = "http://127.0.0.1:9"


def test_log_stores_and_prints_the_event_id(collector_url: str, database: Database, tmp_path: Path) -> None:
    done = run_command(
        "log", "backup failed", "--service", "cron", "--severity", "critical", "--path", "nightly",
        LEVQOR_ERRORS_URL=collector_url, LEVQOR_ERRORS_SPOOL_DIR=str(tmp_path / "spool"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert event_ids(database) == [done.stdout.strip()]
    columns = "service, severity, message, path_or_screen"
    assert rows(database, f"SELECT {columns} FROM error_events") == [("cron", "critical", "backup failed", "nightly")]


def test_log_reads_standard_input(collector_url: str, database: Database, tmp_path: Path) -> None:
    environ = clean_environ(LEVQOR_ERRORS_URL=collector_url, LEVQOR_ERRORS_SPOOL_DIR=str(tmp_path / "spool"))
    done = subprocess.run([*COMMAND, "log", "-"], input="line 1\nline 2\n", text=True, env=environ, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert rows(database, "SELECT message FROM error_events") == [("line 1\nline 2",)]


def impatient(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`levqor-errors …` that waits one second where it would wait five, for what will not come."""
    script = (
        "import importlib; importlib.import_module('levqor_errors.cli.log').FLUSH_SECONDS = 1.0; "
        "from levqor_errors.__main__ import main; main()"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support, "COMMAND", [sys.executable, "-c", script])
        return run_command(*arguments, **environ)


def test_log_without_a_collector_keeps_the_event_for_the_next_one(
    start_collector: Callable[..., CollectorProcess], database: Database, tmp_path: Path
) -> None:
    # A port of our own, so that the collector can come up later where the first event wanted to go.
    collector = start_collector()
    collector.terminate()
    environ = {"LEVQOR_ERRORS_URL": collector.url, "LEVQOR_ERRORS_SPOOL_DIR": str(tmp_path / "spool")}
    kept = impatient("log", "kept", **environ)
    assert kept.returncode == 3
    assert "is kept in" in kept.stderr
    start_collector(port=collector.port)
    assert run_command("log", "next", **environ).returncode == 0
    wait_until(lambda: len(event_ids(database)) == 2)
    assert sorted(rows(database, "SELECT message FROM error_events")) == [("kept",), ("next",)]


def test_log_without_a_collector_and_without_a_journal_says_that_the_event_is_lost(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file, and no directory")
    lost = impatient("log", "lost", LEVQOR_ERRORS_URL=NOWHERE, LEVQOR_ERRORS_SPOOL_DIR=str(tmp_path / "spool"))
    assert lost.returncode == 3
    assert "the event is lost" in lost.stderr
    assert "is kept in" not in lost.stderr


def test_log_sends_the_services_key_and_says_if_it_is_not_taken(tmp_path: Path) -> None:
    keys: list[str | None] = []

    def behave(exchange: Exchange) -> None:
        keys.append(exchange.key)
        if exchange.key == "key-of-cron":
            exchange.take()
        else:
            exchange.answer(401, {"ok": False, "error": "a key is needed"})

    with FakeCollector(behave) as collector:
        environ = {"LEVQOR_ERRORS_URL": collector.url, "LEVQOR_ERRORS_SPOOL_DIR": str(tmp_path / "spool")}
        refused = impatient("log", "kept", **environ)
        assert refused.returncode == 4
        assert set(keys) == {None}
        assert "set LEVQOR_ERRORS_KEY" in refused.stderr
        assert "is kept in" in refused.stderr
        assert run_command("log", "next", LEVQOR_ERRORS_KEY="key-of-cron", **environ).returncode == 0
        assert collector.messages() == {"kept": 1, "next": 1}
    assert keys[-1] == "key-of-cron"


@pytest.fixture
def filled(collector_url: str) -> dict[str, str]:
    """A collector with three events; the environment to reach it."""
    for service, severity in (("web", "info"), ("shop", "critical"), ("shop", "error")):
        event = {"service": service, "severity": severity, "message": f"{service} \x1b[2J\u202e{severity}"}
        assert httpx.post(f"{collector_url}/api/errors/log", json=event).status_code == 201
    return {"LEVQOR_ERRORS_URL": collector_url, "INTERNAL_SECRET": SECRET, "COLUMNS": "200"}


def test_recent_shows_a_table_in_which_nothing_acts_on_the_terminal(filled: dict[str, str]) -> None:
    done = run_command("recent", **filled)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["ID", "Received", "(UTC)", "Severity", "Service", "Message"]
    assert [line.split()[0] for line in lines[1:]] == ["3", "2", "1"]
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert r"shop \x1b[2J\u202eerror" in done.stdout


def test_recent_in_a_narrow_terminal_and_into_a_pipe_is_a_line_an_event(collector_url: str, database: Database) -> None:
    message = "a message that goes on and on " * 5 + "to its end"
    environ = {"LEVQOR_ERRORS_URL": collector_url, "INTERNAL_SECRET": SECRET}
    httpx.post(f"{collector_url}/api/errors/log", json={"message": message, "service": "a-service-of-a-long-name"})
    assert message in run_command("recent", **environ).stdout
    in_terminal = {**environ, "FORCE_COLOR": "1"}
    assert message in run_command("recent", COLUMNS="80", **in_terminal).stdout
    # Where there is room the message is a column.
    wide = run_command("recent", COLUMNS="120", **in_terminal).stdout
    assert message not in wide
    assert "to its end" in wide


def test_recent_takes_the_filters_of_the_api(filled: dict[str, str]) -> None:
    done = run_command("recent", "--service", "shop", "--severity", "critical,info", "--json", **filled)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [2]
    assert run_command("recent", "-q", "nothing", **filled).stdout.strip() == "Nothing matches."
    assert run_command("recent", "-n", "1", "--before", "3", "--json", **filled).stdout.count("\n") == 1


def test_tail_shows_the_newest_last(filled: dict[str, str]) -> None:
    done = run_command("tail", "-n", "2", "--json", **filled)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [2, 3]


@contextmanager
def tail(errors: IO[str] | None = None, **environ: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """`tail -f`; gives a function that waits for the next event that it shows."""
    command = [*COMMAND, "tail", "-f", "-n", "1", "--json"]
    process = subprocess.Popen(command, env=clean_environ(**environ), stdout=subprocess.PIPE, stderr=errors, text=True)
    with process:
        assert process.stdout is not None
        lines = process.stdout
        try:
            yield lambda: dict(json.loads(lines.readline()))
        finally:
            process.kill()


@pytest.mark.sqlite  # It brings a database of its own.
def test_tail_shows_what_another_collector_commits_late_under_a_lower_id(
    start_collector: Callable[..., CollectorProcess], postgres: PostgresServer
) -> None:
    with postgres.lent() as at:
        one, other = (start_collector(at) for _ in range(2))
        body = {"message": "late", "event_id": uuid7()}
        with psycopg.connect(at.address) as blocker, ThreadPoolExecutor(1) as pool:
            assert httpx.post(f"{other.url}/api/errors/log", json={"message": "first"}).status_code == 201
            with tail(LEVQOR_ERRORS_URL=other.url, INTERNAL_SECRET=SECRET) as shown:
                assert shown()["message"] == "first"
                # The commit of the same event waits to see what becomes of this one.
                blocker.execute("INSERT INTO event_keys VALUES (%s, 0)", [body["event_id"]])
                late = pool.submit(httpx.post, f"{one.url}/api/errors/log", json=body, timeout=60)
                wait_until(lambda: rows(at, "SELECT 1 FROM pg_locks WHERE NOT granted"))
                assert httpx.post(f"{other.url}/api/errors/log", json={"message": "fast"}).status_code == 201
                fast = shown()
                assert fast["message"] == "fast"
                blocker.rollback()
                assert late.result(60).status_code == 201
                assert httpx.post(f"{other.url}/api/errors/log", json={"message": "last"}).status_code == 201
                found = [shown(), shown()]
        assert [event["message"] for event in found] == ["late", "last"]
        assert found[0]["id"] < fast["id"] < found[1]["id"]


def test_tail_shows_each_event_once_through_a_restart(
    start_collector: Callable[..., CollectorProcess], database: Database, tmp_path: Path
) -> None:
    collector = start_collector()
    said = tmp_path / "said"
    with httpx.Client() as client, said.open("w") as errors:
        post = partial(client.post, f"{collector.url}/api/errors/log")
        post(json={"message": "0"})
        with tail(errors, LEVQOR_ERRORS_URL=collector.url, INTERNAL_SECRET=SECRET) as shown:
            assert shown()["message"] == "0"
            # More than one answer has.
            post(json=[{"message": str(number)} for number in range(1, 701)])
            assert [shown()["message"] for _ in range(700)] == [str(number) for number in range(1, 701)]
            assert said.read_text() == ""
            collector.terminate()
            # A quiet screen would say that all is well.
            wait_until(lambda: said.read_text() == "The collector does not answer; this goes on when it does.\n")
            start_collector(port=collector.port)
            post(json={"message": "701"})
            assert shown()["message"] == "701"
            wait_until(lambda: said.read_text().endswith("\nThe collector answers again.\n"))


@pytest.mark.sqlite
def test_the_secret_of_a_collector_on_this_machine_is_found_beside_its_database(
    start_collector: Callable[..., CollectorProcess], database: Database
) -> None:
    collector = start_collector(secret=None)
    environ = {"LEVQOR_ERRORS_URL": collector.url, "DATABASE_PATH": str(database)}
    assert run_command("recent", **environ).stdout.strip() == "No errors yet."
    kept = secret_file(str(database))
    assert kept is not None
    assert kept.exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        (["recent"], {"LEVQOR_ERRORS_URL": NOWHERE, "INTERNAL_SECRET": SECRET}, 3, "no collector answers"),
        (["recent"], {"DATABASE_PATH": "/nowhere/x.db"}, 1, "INTERNAL_SECRET is not set"),
        (
            ["recent"],
            {"LEVQOR_ERRORS_URL": "ftp://x:pass@host", "INTERNAL_SECRET": SECRET},
            1,
            "LEVQOR_ERRORS_URL must",
        ),
        (["recent", "--limit", "501"], {}, 2, "--limit"),
        (["log", "x", "--severity", "loud"], {}, 2, "--severity"),
        (["log", "  "], {}, 2, "MESSAGE"),
        (["collector", "--database", "/nowhere/x.db"], {}, 1, "directory does not exist"),
        (["collector", "--database", "/"], {}, 1, "is a directory"),
        (["collector", "--database", "/proc/levqor.db"], {}, 1, "/proc/levqor.db cannot be"),
        (["collector", "--host", "no.such.host.invalid"], {}, 1, "--host"),
        (["collector"], {"DATABASE_URL": "mysql://user:hunter2@db/x"}, 1, "DATABASE_URL"),
        (["collector"], {"INTERNAL_SECRET": "a\nb" * 9}, 1, "INTERNAL_SECRET must not"),
        (["nonsense"], {}, 2, "nonsense"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_a_code(
    arguments: list[str], environ: dict[str, str], code: int, words: str, tmp_path: Path
) -> None:
    free = ["--port", "0"] if arguments[0] == "collector" else []
    done = run_command(*arguments, *free, LEVQOR_ERRORS_SPOOL_DIR=str(tmp_path), **environ)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    for value in ("hunter2", "pass@", "a\nb"):
        assert value not in done.stderr


def test_a_wrong_secret_is_told_so(collector_url: str) -> None:
    done = run_command("recent", LEVQOR_ERRORS_URL=collector_url, INTERNAL_SECRET="not this one")
    assert done.returncode == 4
    assert "INTERNAL_SECRET" in done.stderr


def test_a_taken_port_is_told_so(start_collector: Callable[..., CollectorProcess], tmp_path: Path) -> None:
    port = str(start_collector().port)
    done = run_command("collector", "--port", port, "--database", str(tmp_path / "other.db"), INTERNAL_SECRET=SECRET)
    assert done.returncode == 1
    assert f"--port {port} is taken" in done.stderr
    # Found out before anything was made.
    assert not (tmp_path / "other.db").exists()


def test_something_else_at_the_address_is_told_so(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path,
    )  # fmt: skip
    with server:
        assert server.stdout is not None
        port = server.stdout.readline().split(" port ")[1].split()[0]
        done = run_command("recent", LEVQOR_ERRORS_URL=f"http://127.0.0.1:{port}", INTERNAL_SECRET=SECRET)
        server.kill()
    assert done.returncode == 4
    assert "is not a collector" in done.stderr


@pytest.mark.sqlite
def test_the_link_is_also_that_of_the_dashboard_s_address(
    start_collector: Callable[..., CollectorProcess], database: Database
) -> None:
    collector = start_collector(DASHBOARD_URL="https://me:hunter2@errors.example.com/monitor")
    token = collector.link.partition("/login?token=")[2]
    assert re.search(rf"https://\S*errors\.example\.com/monitor/login\?token={token}\n", collector.output)
    assert "hunter2" not in collector.output


def test_a_short_secret_and_an_open_address_are_warned_about(database: Database) -> None:
    process = subprocess.Popen(
        [*COMMAND, "collector", "--host", "0.0.0.0", "--port", "0", "--database", str(database)],
        env=clean_environ(INTERNAL_SECRET="short"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        warnings = process.stderr.readline() + process.stderr.readline()
        process.kill()
    assert "INTERNAL_SECRET is shorter" in warnings
    assert "Listening on 0.0.0.0" in warnings


def test_the_base_install_says_what_the_command_line_needs(tmp_path: Path) -> None:
    # An environment in which only the client's own dependencies can be imported.
    venv.create(tmp_path / "base", with_pip=False)
    site = next((tmp_path / "base").glob("lib/python*/site-packages"))
    for package in (levqor_errors, platformdirs):
        (site / package.__name__).symlink_to(Path(str(package.__file__)).parent)
    done = subprocess.run(
        [tmp_path / "base/bin/python", "-m", "levqor_errors", "recent"],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'levqor-errors[collector]'" in done.stderr
    assert done.stderr.count("\n") == 1
